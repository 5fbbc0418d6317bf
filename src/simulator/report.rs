//! What a fleet tells of its run, line by line: for whoever measures a service from outside, in another process.
//!
//! All times are nanoseconds of the machine's monotonic clock, which its processes share.

use std::io::{self, BufRead, Write};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::switch::SimulatedSwitch;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "seen", rename_all = "snake_case")]
pub enum Sighting {
    Switch {
        switch: String,
        /// What its own lines and saves took it.
        busy_ns: u64,
        /// The same, up to the answer to the last line that names a port.
        busy_until_last_port_ns: u64,
        connections_refused: u64,
    },
    Session {
        switch: String,
        accepted_ns: u64,
        /// When it got its shell; none where the login was never done.
        shell_ns: Option<u64>,
        /// None where it was open at the end.
        ended_ns: Option<u64>,
        lines: u64,
    },
    Port {
        switch: String,
        port: String,
        /// From 1.
        number: u16,
        /// When each line that names it was heard and answered.
        lines_ns: Vec<(u64, u64)>,
        /// What it ended in: none where it is shut down.
        vlan: Option<u16>,
        /// Whether a reboot would change it.
        saved: bool,
    },
    Save {
        switch: String,
        begun_ns: u64,
        ended_ns: u64,
    },
}

impl SimulatedSwitch {
    /// What it saw; nothing where its plan does not say that it keeps times. `clock` reads a moment on the shared clock.
    pub fn sightings(&self, clock: impl Fn(Instant) -> u64) -> Vec<Sighting> {
        let Some(times) = self.times() else { return Vec::new() };
        let switch = || self.name().to_owned();
        let nanos = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let mut seen = vec![Sighting::Switch {
            switch: switch(),
            busy_ns: nanos(times.busy),
            busy_until_last_port_ns: nanos(times.busy_until_last_port),
            connections_refused: self.counts().connections_refused,
        }];
        seen.extend(times.sessions.iter().map(|session| Sighting::Session {
            switch: switch(),
            accepted_ns: clock(session.accepted),
            shell_ns: session.shell.map(&clock),
            ended_ns: session.ended.map(&clock),
            lines: session.lines,
        }));
        seen.extend(times.saves.iter().map(|(begun, ended)| Sighting::Save {
            switch: switch(),
            begun_ns: clock(*begun),
            ended_ns: clock(*ended),
        }));
        seen.extend(times.ports.iter().map(|(number, lines)| {
            let port = self.plan().personality.port_name(*number);
            let running = self.running(&port);
            Sighting::Port {
                switch: switch(),
                vlan: running.as_ref().filter(|config| config.enabled).map(|config| config.access_vlan),
                saved: running == self.startup(&port),
                port,
                number: *number,
                lines_ns: lines.iter().map(|(heard, answered)| (clock(*heard), clock(*answered))).collect(),
            }
        }));
        seen
    }

    /// How many ports a reboot would change.
    pub fn unsaved_ports(&self) -> usize {
        let names = (1..=self.plan().ports).map(|port| self.plan().personality.port_name(port));
        names.filter(|name| self.running(name) != self.startup(name)).count()
    }
}

/// Writes them, a line each.
///
/// # Errors
/// When it can't be written.
pub fn write_sightings(out: &mut impl Write, seen: impl IntoIterator<Item = Sighting>) -> io::Result<()> {
    for sighting in seen {
        serde_json::to_writer(&mut *out, &sighting)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Reads what was written.
///
/// # Errors
/// When it can't be read, or a line is none.
pub fn read_sightings(text: impl BufRead) -> io::Result<Vec<Sighting>> {
    text.lines().map(|line| serde_json::from_str(&line?).map_err(io::Error::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let switch = "sim-0001".to_owned();
        let seen = vec![
            Sighting::Switch {
                switch: switch.clone(),
                busy_ns: 5,
                busy_until_last_port_ns: 4,
                connections_refused: 0,
            },
            Sighting::Session {
                switch: switch.clone(),
                accepted_ns: 1,
                shell_ns: None,
                ended_ns: Some(9),
                lines: 0,
            },
            Sighting::Port {
                switch: switch.clone(),
                port: "Ethernet7".into(),
                number: 7,
                lines_ns: vec![(2, 3), (4, 5)],
                vlan: Some(142),
                saved: true,
            },
            Sighting::Save { switch, begun_ns: 6, ended_ns: 8 },
        ];
        let mut text = Vec::new();
        write_sightings(&mut text, seen.clone()).expect("memory");
        assert_eq!(read_sightings(&text[..]).expect("what was written"), seen);
    }

    #[test]
    fn a_report_that_was_cut_off_is_refused() {
        assert!(read_sightings(&b"{\"seen\":\"save\",\"switch\":\"sim"[..]).is_err());
    }
}

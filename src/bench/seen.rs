//! What the fleet saw, in order: by switch the openings of sessions, by port the lines that name it, and how long each switch
//! was busy itself.

use crate::commands::switch_name;
use crate::simulator::Sighting;
use std::collections::HashMap;
use std::time::Duration;

/// A time on the monotonic clock, in nanoseconds.
pub type Nanos = u64;

/// All of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// By the switch's number, from 0.
    pub switches: Vec<SeenSwitch>,
    /// How long each save took.
    pub saves: Vec<Duration>,
}

/// One switch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeenSwitch {
    /// Sessions that got their shell: when they were accepted, and when they got it.
    pub openings: Vec<(Nanos, Nanos)>,
    /// Connections that never did.
    pub unopened: usize,
    /// By the port's number, from 0.
    pub ports: HashMap<usize, SeenPort>,
    /// What its own lines and saves took it, up to the answer to the last line that names a port.
    pub busy: Duration,
}

/// One port.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeenPort {
    /// When each line that names it was heard and answered.
    pub lines: Vec<(Nanos, Nanos)>,
    /// What it ended in.
    pub vlan: Option<u16>,
    /// Whether a reboot would change it.
    pub is_saved: bool,
}

impl Seen {
    /// Of a fleet of so many.
    pub fn of(sightings: Vec<Sighting>, switches: usize) -> Self {
        let numbers: HashMap<_, _> = (0..switches).map(|n| (switch_name(n), n)).collect();
        let mut seen = Self { switches: vec![SeenSwitch::default(); switches], saves: Vec::new() };
        for sighting in sightings {
            let (Sighting::Switch { switch, .. }
            | Sighting::Session { switch, .. }
            | Sighting::Port { switch, .. }
            | Sighting::Save { switch, .. }) = &sighting;
            // The fleet has no others.
            if let Some(number) = numbers.get(switch) {
                seen.note(*number, sighting);
            }
        }
        seen
    }

    fn note(&mut self, number: usize, sighting: Sighting) {
        let at = &mut self.switches[number];
        match sighting {
            Sighting::Switch { busy_until_last_port_ns, .. } => {
                at.busy = Duration::from_nanos(busy_until_last_port_ns);
            }
            Sighting::Session { accepted_ns, shell_ns: Some(shell), .. } => {
                at.openings.push((accepted_ns, shell));
            }
            Sighting::Session { shell_ns: None, .. } => at.unopened += 1,
            Sighting::Port { number, lines_ns: lines, vlan, saved, .. } => {
                at.ports.insert(usize::from(number) - 1, SeenPort { lines, vlan, is_saved: saved });
            }
            Sighting::Save { begun_ns, ended_ns, .. } => {
                self.saves.push(Duration::from_nanos(ended_ns.saturating_sub(begun_ns)));
            }
        }
    }

    /// A port, if a line named it.
    pub fn port(&self, (switch, port): (usize, usize)) -> Option<&SeenPort> {
        self.switches.get(switch)?.ports.get(&port)
    }

    /// How long sessions took to open.
    pub fn openings(&self) -> impl Iterator<Item = Duration> {
        let openings = self.switches.iter().flat_map(|switch| &switch.openings);
        openings.map(|(accepted, shell)| Duration::from_nanos(shell.saturating_sub(*accepted)))
    }

    /// The least time in which all of it can be done: what the busiest switch took itself, one line after the other.
    pub fn ideal(&self) -> Duration {
        self.switches.iter().map(|switch| switch.busy).max().unwrap_or_default()
    }

    /// Ports that a reboot would change.
    pub fn unsaved_ports(&self) -> usize {
        self.switches.iter().flat_map(|switch| switch.ports.values()).filter(|port| !port.is_saved).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(n: usize, nanos: Nanos) -> Sighting {
        Sighting::Switch {
            switch: switch_name(n),
            busy_ns: 2 * nanos,
            busy_until_last_port_ns: nanos,
            connections_refused: 0,
        }
    }

    fn session(n: usize, accepted_ns: Nanos, shell_ns: Option<Nanos>) -> Sighting {
        Sighting::Session { switch: switch_name(n), accepted_ns, shell_ns, ended_ns: None, lines: 0 }
    }

    #[test]
    fn the_ideal_is_what_the_busiest_switch_took_itself() {
        let seen = Seen::of(vec![busy(0, 40), busy(2, 70), busy(1, 60)], 3);
        assert_eq!(seen.ideal(), Duration::from_nanos(70));
        assert_eq!(Seen::default().ideal(), Duration::ZERO);
    }

    #[test]
    fn a_session_that_never_got_its_shell_is_no_opening() {
        let seen = Seen::of(vec![session(1, 10, Some(25)), session(1, 30, None)], 2);
        assert_eq!(seen.openings().collect::<Vec<_>>(), [Duration::from_nanos(15)]);
        assert_eq!(seen.switches[1].unopened, 1);
    }

    #[test]
    fn a_port_is_found_by_its_switch_and_its_number() {
        let port = Sighting::Port {
            switch: switch_name(1),
            port: "Ethernet3".into(),
            number: 3,
            lines_ns: vec![(1, 2)],
            vlan: Some(142),
            saved: false,
        };
        let seen = Seen::of(vec![port], 2);
        assert_eq!(seen.port((1, 2)).map(|port| port.vlan), Some(Some(142)));
        assert_eq!((seen.port((1, 3)), seen.port((7, 2)), seen.unsaved_ports()), (None, None, 1));
    }
}

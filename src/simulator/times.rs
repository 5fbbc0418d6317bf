//! When what happened on a switch, for a report: its sessions, the lines that name a port, its saves, and how long it was
//! busy itself. Kept only where the plan asks for it; it never decides anything.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A terminal line from its connection to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct SessionTimes {
    pub accepted: Instant,
    /// It has got its shell, or its first command.
    pub shell: Option<Instant>,
    pub ended: Option<Instant>,
    pub lines: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    /// In the order in which they were opened: the first is number 1.
    pub sessions: Vec<SessionTimes>,
    /// By port, when each line that names it was heard and answered.
    pub ports: BTreeMap<u16, Vec<(Instant, Instant)>>,
    pub saves: Vec<(Instant, Instant)>,
    /// What its lines and saves took.
    pub busy: Duration,
    /// The same up to the answer to the last line that names a port.
    pub busy_until_last_port: Duration,
    saving_since: Option<Instant>,
}

impl Times {
    pub fn session_opened(&mut self, now: Instant) {
        self.sessions.push(SessionTimes { accepted: now, shell: None, ended: None, lines: 0 });
    }

    /// Told again for each command where commands come on channels of their own: the first counts.
    pub fn shell_opened(&mut self, session: u64, now: Instant) {
        if let Some(session) = self.session(session) {
            session.shell.get_or_insert(now);
        }
    }

    pub fn session_ended(&mut self, session: u64, now: Instant) {
        if let Some(session) = self.session(session) {
            session.ended.get_or_insert(now);
        }
    }

    /// A line that takes so long.
    pub fn line(&mut self, session: u64, port: Option<u16>, now: Instant, latency: Duration) {
        self.busy += latency;
        if let Some(session) = self.session(session) {
            session.lines += 1;
        }
        if let Some(port) = port {
            self.ports.entry(port).or_default().push((now, now + latency));
            self.busy_until_last_port = self.busy;
        }
    }

    pub fn save_begun(&mut self, now: Instant) {
        self.saving_since = Some(now);
    }

    pub fn save_ended(&mut self, now: Instant) {
        if let Some(begun) = self.saving_since.take() {
            self.saves.push((begun, now));
            self.busy += now.saturating_duration_since(begun);
        }
    }

    fn session(&mut self, number: u64) -> Option<&mut SessionTimes> {
        self.sessions.get_mut(usize::try_from(number.checked_sub(1)?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATENCY: Duration = Duration::from_millis(20);

    #[test]
    fn a_switch_is_busy_with_lines_and_saves_and_its_last_job_ends_with_the_last_line_that_names_a_port() {
        let (mut times, now) = (Times::default(), Instant::now());
        times.session_opened(now);
        for port in [None, Some(7), None, Some(7), None] {
            times.line(1, port, now, LATENCY);
        }
        times.save_begun(now);
        times.save_ended(now + 3 * LATENCY);
        assert_eq!((times.busy, times.busy_until_last_port), (8 * LATENCY, 4 * LATENCY));
        assert_eq!((times.ports[&7].len(), times.sessions[0].lines), (2, 5));
    }

    #[test]
    fn a_session_has_its_shell_once_and_ends_once() {
        let (mut times, now) = (Times::default(), Instant::now());
        times.session_opened(now);
        for later in [LATENCY, 2 * LATENCY] {
            times.shell_opened(1, now + later);
            times.session_ended(1, now + 2 * later);
        }
        let seen = times.sessions[0];
        assert_eq!((seen.shell, seen.ended), (Some(now + LATENCY), Some(now + 2 * LATENCY)));
    }
}

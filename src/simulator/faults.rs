//! Faults on order: what a test tells one switch to do wrong, and how often.
//!
//! The book decides which faults strike a connection or a line, and strikes them off. It does nothing itself:
//! the connection and the shell act them out. A pattern is a plain piece of the received line; an empty one fits
//! every line.

use std::time::Duration;

/// One order. Every order is spent after `times` strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// TCP is accepted by the kernel, and reset before the identification line.
    RefuseConnections { times: u32 },
    /// As when every terminal line is taken by others: TCP is accepted and closed before the identification line.
    NoFreeLine { times: u32 },
    /// TCP is accepted, and then nothing: no identification line.
    SilentBanner { times: u32 },
    /// A right password or key is refused, as when the authentication service is down.
    RejectAuthentication { times: u32 },
    /// The connection is cut when the password or key arrives, as by a reboot in the middle of a login.
    DropAtAuthentication { times: u32 },
    /// The line was received and executed, and then the connection is cut, without output.
    DropAfterCommand { pattern: String, times: u32 },
    /// The connection is cut when the line arrives; it is not executed.
    DropBeforeCommand { pattern: String, times: u32 },
    /// The line is executed, and its output held back for so long, or (`None`) for ever.
    Stall { pattern: String, duration: Option<Duration>, times: u32 },
    /// Random bytes, half a UTF-8 character and a syslog line in the middle of the output.
    Garble { pattern: String, times: u32 },
    /// A line of syslog between the echo and the output.
    Syslog { pattern: String, line: String, times: u32 },
    /// This text is the answer, and the line is not executed.
    Reject { pattern: String, text: String, times: u32 },
    /// The session falls back before the line is read, which is then read in that mode.
    FallBack { pattern: String, to: FallBack, times: u32 },
    /// Nothing is said, and nothing done.
    SilentAccept { pattern: String, times: u32 },
    /// The switch reboots when the line arrives: it is not executed, the running configuration is lost, every
    /// session is cut, and connections are refused for `down_for`.
    RebootAt { pattern: String, times: u32, down_for: Duration },
    /// A save ends with this text, and the start-up configuration stays as it was.
    FailSave { text: String, times: u32 },
    /// Configuration mode is held by somebody else.
    LockConfiguration { times: u32 },
}

/// Where a session stands after it fell back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallBack {
    /// Out of the configuration mode.
    Privileged,
    /// Out of privilege, too: `sw1>`.
    User,
}

/// What strikes a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Welcome {
    Served,
    Refused,
    Full,
    Ignored,
}

/// Everything that strikes one line, together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Strike {
    pub drop_before: bool,
    pub drop_after: bool,
    pub reboot: Option<Duration>,
    pub reject: Option<String>,
    pub fall_back: Option<FallBack>,
    pub swallow: bool,
    pub stall: Option<Stall>,
    pub garble: bool,
    pub syslog: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stall {
    For(Duration),
    Forever,
}

#[derive(Debug, Default)]
pub(super) struct FaultBook {
    orders: Vec<Fault>,
}

impl FaultBook {
    pub fn order(&mut self, fault: Fault) {
        if fault.times() > 0 {
            self.orders.push(fault);
        }
    }

    pub fn clear(&mut self) {
        self.orders.clear();
    }

    pub fn pending(&self) -> usize {
        self.orders.len()
    }

    pub fn strike_connection(&mut self) -> Welcome {
        if self.spend(|fault| matches!(fault, Fault::RefuseConnections { .. })).is_some() {
            Welcome::Refused
        } else if self.spend(|fault| matches!(fault, Fault::NoFreeLine { .. })).is_some() {
            Welcome::Full
        } else if self.spend(|fault| matches!(fault, Fault::SilentBanner { .. })).is_some() {
            Welcome::Ignored
        } else {
            Welcome::Served
        }
    }

    pub fn strike_authentication(&mut self) -> bool {
        self.spend(|fault| matches!(fault, Fault::RejectAuthentication { .. })).is_some()
    }

    pub fn strike_login(&mut self) -> bool {
        self.spend(|fault| matches!(fault, Fault::DropAtAuthentication { .. })).is_some()
    }

    pub fn strike_configure(&mut self) -> bool {
        self.spend(|fault| matches!(fault, Fault::LockConfiguration { .. })).is_some()
    }

    pub fn strike_save(&mut self) -> Option<String> {
        match self.spend(|fault| matches!(fault, Fault::FailSave { .. }))? {
            Fault::FailSave { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Every order whose pattern is in the line strikes, each once.
    pub fn strike_line(&mut self, line: &str) -> Strike {
        let mut strike = Strike::default();
        for fault in &mut self.orders {
            if fault.pattern().is_some_and(|pattern| line.contains(pattern)) {
                strike.add(fault);
                *fault.times_mut() -= 1;
            }
        }
        self.orders.retain(|fault| fault.times() > 0);
        strike
    }

    fn spend(&mut self, wanted: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let place = self.orders.iter().position(wanted)?;
        let spent = self.orders[place].clone();
        *self.orders[place].times_mut() -= 1;
        self.orders.retain(|fault| fault.times() > 0);
        Some(spent)
    }
}

impl Strike {
    fn add(&mut self, fault: &Fault) {
        match fault {
            Fault::DropAfterCommand { .. } => self.drop_after = true,
            Fault::DropBeforeCommand { .. } => self.drop_before = true,
            Fault::Stall { duration: Some(time), .. } => self.stall = Some(Stall::For(*time)),
            Fault::Stall { duration: None, .. } => self.stall = Some(Stall::Forever),
            Fault::Garble { .. } => self.garble = true,
            Fault::Syslog { line, .. } => self.syslog = Some(line.clone()),
            Fault::Reject { text, .. } => self.reject = Some(text.clone()),
            Fault::FallBack { to, .. } => self.fall_back = Some(*to),
            Fault::SilentAccept { .. } => self.swallow = true,
            Fault::RebootAt { down_for, .. } => self.reboot = Some(*down_for),
            Fault::RefuseConnections { .. }
            | Fault::NoFreeLine { .. }
            | Fault::SilentBanner { .. }
            | Fault::RejectAuthentication { .. }
            | Fault::DropAtAuthentication { .. }
            | Fault::FailSave { .. }
            | Fault::LockConfiguration { .. } => {}
        }
    }
}

impl Fault {
    fn pattern(&self) -> Option<&str> {
        match self {
            Self::DropAfterCommand { pattern, .. }
            | Self::DropBeforeCommand { pattern, .. }
            | Self::Stall { pattern, .. }
            | Self::Garble { pattern, .. }
            | Self::Syslog { pattern, .. }
            | Self::Reject { pattern, .. }
            | Self::FallBack { pattern, .. }
            | Self::SilentAccept { pattern, .. }
            | Self::RebootAt { pattern, .. } => Some(pattern),
            Self::RefuseConnections { .. }
            | Self::NoFreeLine { .. }
            | Self::SilentBanner { .. }
            | Self::RejectAuthentication { .. }
            | Self::DropAtAuthentication { .. }
            | Self::FailSave { .. }
            | Self::LockConfiguration { .. } => None,
        }
    }

    fn times(&self) -> u32 {
        let mut copy = self.clone();
        *copy.times_mut()
    }

    fn times_mut(&mut self) -> &mut u32 {
        match self {
            Self::RefuseConnections { times }
            | Self::NoFreeLine { times }
            | Self::SilentBanner { times }
            | Self::RejectAuthentication { times }
            | Self::DropAtAuthentication { times }
            | Self::LockConfiguration { times }
            | Self::DropAfterCommand { times, .. }
            | Self::DropBeforeCommand { times, .. }
            | Self::Stall { times, .. }
            | Self::Garble { times, .. }
            | Self::Syslog { times, .. }
            | Self::Reject { times, .. }
            | Self::FallBack { times, .. }
            | Self::SilentAccept { times, .. }
            | Self::RebootAt { times, .. }
            | Self::FailSave { times, .. } => times,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_spent_after_its_times() {
        let mut book = FaultBook::default();
        book.order(Fault::SilentAccept { pattern: "vlan".into(), times: 2 });
        assert!(!book.strike_line("no shutdown").swallow);
        assert!(book.strike_line("switchport access vlan 2").swallow);
        assert!(book.strike_line("vlan 2").swallow);
        assert!(!book.strike_line("vlan 2").swallow);
        assert_eq!(book.pending(), 0);
    }

    #[test]
    fn two_orders_can_strike_one_line() {
        let mut book = FaultBook::default();
        book.order(Fault::Garble { pattern: String::new(), times: 1 });
        book.order(Fault::Stall { pattern: "show".into(), duration: None, times: 1 });
        let strike = book.strike_line("show version");
        assert!(strike.garble);
        assert_eq!(strike.stall, Some(Stall::Forever));
    }

    #[test]
    fn refusals_come_before_silence() {
        let mut book = FaultBook::default();
        book.order(Fault::SilentBanner { times: 1 });
        book.order(Fault::NoFreeLine { times: 1 });
        book.order(Fault::RefuseConnections { times: 1 });
        assert_eq!(book.strike_connection(), Welcome::Refused);
        assert_eq!(book.strike_connection(), Welcome::Full);
        assert_eq!(book.strike_connection(), Welcome::Ignored);
        assert_eq!(book.strike_connection(), Welcome::Served);
    }
}

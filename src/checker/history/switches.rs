//! What switches saw: who was connected when, what was typed, and how each port was configured.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::super::moment::{Moment, Span};
use super::super::request::Mac;

/// A port of a switch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// The switch's name.
    pub switch: String,
    /// The port's, as the switch writes it.
    pub port: String,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.switch, self.port)
    }
}

/// A connection to a switch, from when the switch took it until it no longer listened to it.
#[derive(Clone, Debug)]
pub struct Session {
    /// The switch's name.
    pub switch: String,
    /// Unlike any other of the switch.
    pub number: u64,
    /// Whose it is, where that can be told: the process's, not the service's.
    pub holder: Option<String>,
    /// When it was open.
    pub span: Span,
}

/// A line that a switch received.
#[derive(Clone, Debug)]
pub struct Command {
    /// The switch's name.
    pub switch: String,
    /// On which of its sessions.
    pub session: u64,
    /// When.
    pub at: Moment,
    /// The line.
    pub line: String,
}

/// A port's running configuration, as its switch showed it to somebody who asked for this port.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Which port.
    pub place: Place,
    /// When.
    pub at: Moment,
    /// What was shown.
    pub state: PortState,
}

/// How a port is configured, in plain terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortState {
    /// Not shut down.
    pub enabled: bool,
    /// The access VLAN.
    pub vlan: u16,
    /// To the subscriber. `None`: no limit.
    pub down_kbps: Option<u64>,
    /// From the subscriber. `None`: no limit.
    pub up_kbps: Option<u64>,
    /// The only addresses that may use it. Empty: any.
    pub macs: BTreeSet<Mac>,
}

/// A port that was watched.
#[derive(Clone, Debug, Default)]
pub struct Port {
    /// Before the first request.
    pub before: Option<PortState>,
    /// At the end.
    pub running: Option<PortState>,
    /// What the switch would have after a reboot, at the end.
    pub startup: Option<PortState>,
    /// What the service itself says of it, at the end.
    pub standing: Standing,
}

/// What the service says of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    #[default]
    Unmarked,
    /// That it isn't as it should be, and is being repaired.
    Dirty,
}

/// A stretch in which the harness itself froze whoever held the session.
#[derive(Clone, Debug)]
pub struct Freeze {
    /// Which switch; `None`: any.
    pub switch: Option<String>,
    /// Who was frozen; `None`: whoever held a session.
    pub holder: Option<String>,
    /// From the freeze until the late session must be gone.
    pub span: Span,
}

//! What a command sees and what it answers: the device, the terminal line it was typed on, and the reply that
//! the shell acts out.
//!
//! Commands are synchronous and know neither sockets nor time limits; waiting and faults are the shell's.

use std::time::Instant;

use super::configuration::Configuration;
use super::device::Device;
use super::faults::{FallBack, FaultBook};
use super::grammar::{Arguments, Grammar, Interfaces, Misreading};
use super::line_editor::Echo;

/// Where on the command tree a terminal line stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    User,
    Privileged,
    Configure,
    Interface(u16),
    Vlan(u16),
    PolicyMap(String),
    PolicyClass {
        map: String,
        class: String,
    },
    /// IOS opens a mode for a policer's actions.
    Police {
        map: String,
        class: String,
    },
    /// EdgeSwitch: where VLANs are made, entered from the privileged mode.
    VlanDatabase,
    /// EdgeSwitch: what a class of traffic is.
    ClassMap(String),
}

impl Mode {
    /// One `exit` up; `None` leaves the device.
    pub fn parent(&self) -> Option<Self> {
        match self {
            Self::User | Self::Privileged => None,
            Self::Configure | Self::VlanDatabase => Some(Self::Privileged),
            Self::Interface(_) | Self::Vlan(_) | Self::PolicyMap(_) | Self::ClassMap(_) => {
                Some(Self::Configure)
            }
            Self::PolicyClass { map, .. } => Some(Self::PolicyMap(map.clone())),
            Self::Police { map, class } => Some(Self::PolicyClass { map: map.clone(), class: class.clone() }),
        }
    }

    /// Where it stands after it fell back, which never leads further in.
    pub fn fall_back(&self, to: FallBack) -> Self {
        match (self, to) {
            (Self::User, FallBack::Privileged) | (_, FallBack::User) => Self::User,
            (_, FallBack::Privileged) => Self::Privileged,
        }
    }

    pub fn is_configuration(&self) -> bool {
        !matches!(self, Self::User | Self::Privileged)
    }
}

/// A logged-in terminal line: what `terminal …` sets, and the mode it is in.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub session: u64,
    pub mode: Mode,
    /// Lines on a screen; 0 turns paging off.
    pub length: u16,
    pub width: u16,
    /// What this line edits instead of the running configuration: a session of EOS, the candidate of Junos.
    pub candidate: Option<String>,
}

impl Line {
    /// An EOS configuration session that was being edited stays pending.
    pub fn fall_back(&mut self, to: FallBack) {
        self.mode = self.mode.fall_back(to);
        self.candidate = None;
    }

    pub fn new(session: u64, is_privileged: bool) -> Self {
        let mode = if is_privileged { Mode::Privileged } else { Mode::User };
        Self { session, mode, length: 24, width: 80, candidate: None }
    }
}

/// One command's view of the device.
pub(super) struct Visit<'d> {
    pub device: &'d mut Device,
    pub line: &'d mut Line,
    pub faults: &'d mut FaultBook,
    pub now: Instant,
}

impl Visit<'_> {
    pub fn running(&self) -> &Configuration {
        &self.device.running
    }

    /// What a configuration command edits: the running configuration, or this line's candidate.
    pub fn configuration(&mut self) -> &mut Configuration {
        let device = &mut *self.device;
        match &self.line.candidate {
            Some(name) => device.candidates.get_mut(name).unwrap_or(&mut device.running),
            None => &mut device.running,
        }
    }

    pub fn interfaces(&self) -> Interfaces {
        Interfaces { personality: self.device.personality, count: self.device.ports }
    }

    /// The port that interface mode is in.
    pub fn port(&self) -> u16 {
        match self.line.mode {
            Mode::Interface(port) => port,
            ref other => panic!("an interface command was read in {other:?}"),
        }
    }
}

pub(super) type Action = fn(&mut Visit<'_>, &Arguments) -> Reply;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Nothing but the next prompt.
    Silence,
    /// Lines ended by `\n`; the shell pages them and makes them `\r\n`.
    Text(String),
    Ask {
        prompt: String,
        question: Question,
    },
    /// Said at once; then the device saves, and says how it went.
    Save {
        said: &'static str,
    },
    Reboot,
    /// The session ends.
    Leave,
}

impl Reply {
    pub fn line(text: impl Into<String>) -> Self {
        let mut text = text.into();
        text.push('\n');
        Self::Text(text)
    }
}

/// What the device waits to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    EnablePassword {
        tries_left: u8,
    },
    SaveDestination,
    ConfirmSave,
    ConfirmReload,
    /// Junos: what isn't committed would be lost.
    LeaveUncommitted,
}

impl Question {
    pub fn echo(self) -> Echo {
        match self {
            Self::EnablePassword { .. } => Echo::Hidden,
            Self::SaveDestination | Self::ConfirmSave | Self::ConfirmReload | Self::LeaveUncommitted => {
                Echo::Shown
            }
        }
    }

    /// Whether one key is the answer, without Enter.
    pub fn takes_a_key(self) -> bool {
        match self {
            Self::ConfirmSave => true,
            Self::EnablePassword { .. }
            | Self::SaveDestination
            | Self::ConfirmReload
            | Self::LeaveUncommitted => false,
        }
    }
}

/// Reads the line in the mode it was typed in, then in each mode above up to global configuration, as devices do,
/// and runs it there.
pub(super) fn dispatch<'g>(
    visit: &mut Visit<'_>,
    line: &str,
    grammar: impl Fn(&Mode) -> &'g Grammar<Action>,
) -> Result<Reply, Misreading> {
    let mut mode = visit.line.mode.clone();
    let mut misreading = None;
    loop {
        match grammar(&mode).read(line, visit.interfaces()) {
            Ok((action, arguments)) => {
                visit.line.mode = mode;
                return Ok(action(visit, &arguments));
            }
            Err(found) => {
                let worst = misreading.map_or(found, |earlier: Misreading| earlier.or(found));
                misreading = Some(worst);
                match mode.parent().filter(Mode::is_configuration) {
                    Some(parent) => mode = parent,
                    None => return Err(worst),
                }
            }
        }
    }
}

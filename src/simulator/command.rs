//! What a command sees and what it answers: the device, the terminal line it was typed on, and the reply that
//! the shell acts out; and the commands that vendors took over from one another.
//!
//! A command stands here when it does the same on every device that has it, however it is spelled there. What one vendor
//! refuses or says is in that vendor's folder.
//!
//! Commands are synchronous and know neither sockets nor time limits; waiting and faults are the shell's.

use std::time::Instant;

use super::configuration::{Configuration, PortConfig};
use super::device::Device;
use super::faults::{FallBack, FaultBook};
use super::filter;
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

    pub fn edit(&mut self, port: u16, change: impl FnOnce(&mut PortConfig)) -> Reply {
        change(self.configuration().port_mut(port));
        Reply::Silence
    }

    pub fn edit_port(&mut self, change: impl FnOnce(&mut PortConfig)) -> Reply {
        self.edit(self.port(), change)
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

    /// What is left of it behind a bar; `None` if what follows the bar is no filter.
    pub fn filtered(self, bar: Option<&str>) -> Option<Self> {
        match (self, bar) {
            (Self::Text(text), Some(bar)) => filter::apply(&text, bar).map(Self::Text),
            (reply, _) => Some(reply),
        }
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

type Table = &'static [(&'static str, Action)];

/// What may be typed in each mode.
pub(super) struct CommandTree {
    user: Grammar<Action>,
    privileged: Grammar<Action>,
    configuration: fn(&Mode) -> &'static Grammar<Action>,
}

impl CommandTree {
    /// What anybody may type, a privileged user may, too.
    pub fn new(user: Table, privileged: Table, configuration: fn(&Mode) -> &'static Grammar<Action>) -> Self {
        Self { user: Grammar::new([user]), privileged: Grammar::new([user, privileged]), configuration }
    }

    pub fn grammar(&self, mode: &Mode) -> &Grammar<Action> {
        match mode {
            Mode::User => &self.user,
            Mode::Privileged => &self.privileged,
            other => (self.configuration)(other),
        }
    }
}

/// Reads the line in the mode it was typed in, then in each mode above up to global configuration, as devices do,
/// and runs it there.
pub(super) fn dispatch(visit: &mut Visit<'_>, line: &str, tree: &CommandTree) -> Result<Reply, Misreading> {
    let mut mode = visit.line.mode.clone();
    let mut misreading = None;
    loop {
        match tree.grammar(&mode).read(line, visit.interfaces()) {
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

pub(super) fn silence(_: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Silence
}

pub(super) fn leave(_: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Leave
}

/// Where there is no password, nothing is asked.
pub(super) fn enable(visit: &mut Visit<'_>, tries_left: u8) -> Reply {
    match (&visit.line.mode, &visit.device.enable_password) {
        (Mode::User, Some(_)) => ask_enable_password(tries_left),
        _ => go_to(visit, Mode::Privileged),
    }
}

pub(super) fn ask_enable_password(tries_left: u8) -> Reply {
    Reply::Ask { prompt: "Password: ".to_owned(), question: Question::EnablePassword { tries_left } }
}

/// After the last try it is refused.
pub(super) fn check_enable_password(
    visit: &mut Visit<'_>,
    answer: &str,
    tries_left: u8,
    refusal: &str,
) -> Reply {
    if visit.device.enable_password.as_deref() == Some(answer) {
        return go_to(visit, Mode::Privileged);
    }
    match tries_left {
        0 => Reply::Text(refusal.to_owned()),
        left => ask_enable_password(left - 1),
    }
}

pub(super) fn disable(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    go_to(visit, Mode::User)
}

pub(super) fn screen_length(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.line.length = arguments.small(0);
    Reply::Silence
}

pub(super) fn no_paging(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.line.length = 0;
    Reply::Silence
}

pub(super) fn save(_: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Save { said: "" }
}

fn go_to(visit: &mut Visit<'_>, mode: Mode) -> Reply {
    visit.line.mode = mode;
    Reply::Silence
}

pub(super) fn enter_configuration(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    go_to(visit, Mode::Configure)
}

pub(super) fn end(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    go_to(visit, Mode::Privileged)
}

pub(super) fn exit(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let parent = visit.line.mode.parent().unwrap_or(Mode::Privileged);
    go_to(visit, parent)
}

pub(super) fn enter_interface(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    go_to(visit, Mode::Interface(arguments.port(0)))
}

/// A VLAN that isn't there is made.
pub(super) fn enter_vlan(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let vlan = arguments.small(0);
    if vlan != 1 {
        visit.configuration().vlans.entry(vlan).or_default();
    }
    go_to(visit, Mode::Vlan(vlan))
}

pub(super) fn remove_vlan(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.configuration().vlans.remove(&arguments.small(0));
    Reply::Silence
}

pub(super) fn vlan_name(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    name_vlan(visit, Some(arguments.text(0).to_owned()))
}

pub(super) fn no_vlan_name(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    name_vlan(visit, None)
}

/// VLAN 1 keeps its name.
fn name_vlan(visit: &mut Visit<'_>, name: Option<String>) -> Reply {
    if let Mode::Vlan(vlan @ 2..) = visit.line.mode {
        visit.configuration().vlans.insert(vlan, name);
    }
    Reply::Silence
}

pub(super) fn enter_class(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let class = arguments.text(0).to_owned();
    if let Mode::PolicyMap(map) = visit.line.mode.clone() {
        visit.configuration().policies.entry(map.clone()).or_default().entry(class.clone()).or_default();
        visit.line.mode = Mode::PolicyClass { map, class };
    }
    Reply::Silence
}

pub(super) fn remove_class(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    if let Mode::PolicyMap(map) = visit.line.mode.clone() {
        visit.configuration().policies.entry(map).or_default().remove(arguments.text(0));
    }
    Reply::Silence
}

pub(super) fn set_policer(visit: &mut Visit<'_>, policer: Option<String>) -> Reply {
    if let Mode::PolicyClass { map, class } = visit.line.mode.clone() {
        visit.configuration().policies.entry(map).or_default().insert(class, policer);
    }
    Reply::Silence
}

pub(super) fn shutdown(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| port.enabled = false)
}

pub(super) fn no_shutdown(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| port.enabled = true)
}

pub(super) fn description(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.edit_port(|port| port.description = Some(arguments.text(0).to_owned()))
}

pub(super) fn no_description(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| port.description = None)
}

pub(super) fn default_vlan(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| port.access_vlan = 1)
}

pub(super) fn no_policy_in(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| port.service_policy_in = None)
}

pub(super) fn no_policy_out(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| port.service_policy_out = None)
}

pub(super) fn port_security(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| port.port_security = true)
}

pub(super) fn no_port_security(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| port.port_security = false)
}

pub(super) fn max_mac(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.edit_port(|port| port.max_mac = arguments.small(0))
}

pub(super) fn one_mac(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| port.max_mac = 1)
}

pub(super) fn remove_mac(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.edit_port(|port| port.static_macs.retain(|held| held != arguments.text(0)))
}

pub(super) fn no_violation(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| port.violation = None)
}

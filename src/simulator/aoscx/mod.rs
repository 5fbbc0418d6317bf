//! HPE Aruba AOS-CX, written from HPE's command-line guides: Enter is a carriage return, changes are live at once, and an
//! automatic checkpoint brings back what was there before unless it is confirmed.
//!
//! It must stay ignorant of how any client drives AOS-CX, or it would agree with that client's mistakes.

mod configure;
mod port;
mod show;

use std::sync::LazyLock;

use super::command::{self, Action, CommandTree, Mode, Question, Reply, Visit, dispatch};
use super::filter;
use super::grammar::{Arguments, Misreading};

pub(super) use port::port_text;

/// A name for the checkpoint of a change that is typed in by somebody else.
const CHECKPOINT: &str = "AUTO20240506063848";

const USER: &[(&str, Action)] = &[
    ("enable", enable),
    ("exit", command::leave),
    ("show version", show::version),
    ("show system", show::system),
    ("show hostname", show::hostname),
];

const PRIVILEGED: &[(&str, Action)] = &[
    ("disable", command::disable),
    ("page", page),
    ("page <2-1000>", command::screen_length),
    ("no page", command::no_paging),
    ("configure", configure_terminal),
    ("configure terminal", configure_terminal),
    ("write memory", command::save),
    ("copy running-config startup-config", command::save),
    ("checkpoint auto <1-60>", checkpoint_auto),
    ("checkpoint auto confirm", checkpoint_confirm),
    ("show running-config", show::running),
    ("show running-config interface INTERFACE", show::running_interface),
    ("show vlan", show::vlan),
    ("boot system", reload),
];

static TREE: LazyLock<CommandTree> = LazyLock::new(|| CommandTree::new(USER, PRIVILEGED, configure::grammar));

pub(super) fn prompt(name: &str, mode: &Mode) -> String {
    match mode {
        Mode::User => format!("{name}> "),
        Mode::Privileged => format!("{name}# "),
        Mode::Configure | Mode::VlanDatabase => format!("{name}(config)# "),
        Mode::Interface(_) => format!("{name}(config-if)# "),
        Mode::Vlan(vlan) => format!("{name}(config-vlan-{vlan})# "),
        Mode::PolicyMap(_) => format!("{name}(config-policy)# "),
        Mode::PolicyClass { .. } | Mode::Police { .. } | Mode::ClassMap(_) => {
            format!("{name}(config-class-mac)# ")
        }
    }
}

pub(super) fn run(visit: &mut Visit<'_>, line: &str) -> Reply {
    if line.trim().is_empty() || line.trim_start().starts_with('!') {
        return Reply::Silence;
    }
    let (command, bar) = filter::split(line);
    match dispatch(visit, command, &TREE) {
        Ok(reply) => reply
            .filtered(bar)
            .unwrap_or_else(|| Reply::line(format!("Invalid input: {}", bar.unwrap_or_default()))),
        Err(misreading) => explain(misreading, command),
    }
}

/// The word that it doesn't know is in its answer.
fn explain(misreading: Misreading, line: &str) -> Reply {
    Reply::line(match misreading {
        Misreading::Invalid { column } => {
            let word = line.get(column..).and_then(|rest| rest.split_whitespace().next()).unwrap_or(line);
            format!("Invalid input: {word}")
        }
        Misreading::Incomplete => "% Command incomplete.".to_owned(),
        Misreading::Ambiguous => "% Ambiguous command.".to_owned(),
    })
}

pub(super) fn answer(_: &mut Visit<'_>, question: Question, answer: &str) -> Reply {
    match question {
        Question::ConfirmReload if answer.starts_with('y') => Reply::Reboot,
        Question::ConfirmReload
        | Question::EnablePassword { .. }
        | Question::SaveDestination
        | Question::ConfirmSave
        | Question::LeaveUncommitted => Reply::Silence,
    }
}

fn enable(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.line.mode = Mode::Privileged;
    Reply::Silence
}

fn page(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.line.length = 23;
    Reply::Silence
}

/// Whether one of several may configure isn't in the guides; the test's order is told in words of its own.
fn configure_terminal(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    if visit.faults.strike_configure() {
        return Reply::line("The configuration is locked by another session.");
    }
    command::enter_configuration(visit, arguments)
}

fn checkpoint_auto(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let minutes = arguments.number(0);
    let before = visit.device.running.clone();
    visit.device.arm(CHECKPOINT, before, minutes, visit.now);
    Reply::line(format!("Auto checkpoint mode expires in {minutes} minute(s)"))
}

/// What it says when there is nothing to confirm isn't in the guides.
fn checkpoint_confirm(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    match visit.device.dead_man.take() {
        Some(waiting) => Reply::line(format!("checkpoint {} created", waiting.name)),
        None => Reply::line("Auto checkpoint mode is not active"),
    }
}

fn reload(_: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Ask { prompt: "Continue (y/n)? ".to_owned(), question: Question::ConfirmReload }
}

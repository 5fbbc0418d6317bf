//! HPE Aruba AOS-CX, written from HPE's command-line guides: Enter is a carriage return, changes are live at once, and an
//! automatic checkpoint brings back what was there before unless it is confirmed.
//!
//! It must stay ignorant of how any client drives AOS-CX, or it would agree with that client's mistakes.

mod configure;
mod port;
mod show;

use std::sync::LazyLock;

use super::command::{Action, Mode, Question, Reply, Visit, dispatch};
use super::filter;
use super::grammar::{Arguments, Grammar, Misreading};

pub(super) use port::port_text;

/// A name for the checkpoint of a change that is typed in by somebody else.
const CHECKPOINT: &str = "AUTO20240506063848";

const USER: &[(&str, Action)] = &[
    ("enable", enable),
    ("exit", leave),
    ("show version", show::version),
    ("show hostname", show::hostname),
];

const PRIVILEGED: &[(&str, Action)] = &[
    ("disable", disable),
    ("page", page),
    ("page <2-1000>", page_of),
    ("no page", no_page),
    ("configure", configure_terminal),
    ("configure terminal", configure_terminal),
    ("write memory", write_memory),
    ("copy running-config startup-config", write_memory),
    ("checkpoint auto <1-60>", checkpoint_auto),
    ("checkpoint auto confirm", checkpoint_confirm),
    ("show running-config", show::running),
    ("show running-config interface INTERFACE", show::running_interface),
    ("show vlan", show::vlan),
    ("boot system", reload),
];

static IN_USER: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([USER]));
static IN_PRIVILEGED: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([USER, PRIVILEGED]));

fn grammar(mode: &Mode) -> &'static Grammar<Action> {
    match mode {
        Mode::User => &IN_USER,
        Mode::Privileged => &IN_PRIVILEGED,
        other => configure::grammar(other),
    }
}

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
    let reply = match dispatch(visit, command, grammar) {
        Ok(reply) => reply,
        Err(misreading) => return explain(misreading, command),
    };
    match (reply, bar) {
        (Reply::Text(text), Some(bar)) => match filter::apply(&text, bar) {
            Some(kept) => Reply::Text(kept),
            None => Reply::line(format!("Invalid input: {bar}")),
        },
        (reply, _) => reply,
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

fn leave(_: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Leave
}

fn enable(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.line.mode = Mode::Privileged;
    Reply::Silence
}

fn disable(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.line.mode = Mode::User;
    Reply::Silence
}

fn page(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.line.length = 23;
    Reply::Silence
}

fn page_of(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.line.length = arguments.small(0);
    Reply::Silence
}

fn no_page(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.line.length = 0;
    Reply::Silence
}

/// Whether one of several may configure isn't in the guides; the test's order is told in words of its own.
fn configure_terminal(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    if visit.faults.strike_configure() {
        return Reply::line("The configuration is locked by another session.");
    }
    visit.line.mode = Mode::Configure;
    Reply::Silence
}

fn write_memory(_: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Save { said: "" }
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

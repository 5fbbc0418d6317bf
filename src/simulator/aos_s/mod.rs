//! HPE Aruba AOS-S, the former ProCurve, written from HPE's guides: a login that waits for a key, prompts drawn with VT100 codes,
//! one-line commands that name their port, and a save that says nothing.
//!
//! A context takes the commands of those above it too. It must stay ignorant of how any client drives the device, or it
//! would agree with that client's mistakes.

mod configure;
mod security;
mod show;

use std::sync::LazyLock;

use super::command::{self, Action, CommandTree, Mode, Question, Reply, Visit, dispatch};
use super::grammar::{Arguments, Misreading};

pub(super) use show::port_text;

pub(super) const MORE: &str = "-- MORE --, next page: Space, next line: Enter, quit: Control-C";

pub(super) const GREETING: &str = "\x1b[1;24r\x1b[1;1HHP J9726A 2920-24G Switch\r\n\
    Software revision WB.16.08.0001\r\n\r\n\
    (C) Copyright 2019 Hewlett Packard Enterprise Development LP\r\n\
    \x1b[24;1HPress any key to continue\x1b[24;1H\x1b[?25h\x1b[24;27H";

/// The screen is wiped when the key has come.
pub(super) const WELCOME: &str = "\x1b[2J\x1b[?7l\x1b[3;23r\x1b[?6l\x1b[24;27H\x1b[?25h\x1b[24;27H\x1b[?6l\x1b[1;24r\x1b[?7l\
    \x1b[2J\x1b[1;1H\x1b[1920;1920H\x1b[6n\x1b[1;1H";

/// What Enter is echoed as: to the left margin, and a line down.
pub(super) const ENTER: &[u8] = b"\x1b[24;0H\x1bE\x1b[24;1H\x1b[2K\x1b[24;1H\x1b[1;24r\x1b[24;1H";

const USER: &[(&str, Action)] = &[
    ("enable", enable),
    ("exit", command::leave),
    ("logout", command::leave),
    ("show version", show::version),
];

const PRIVILEGED: &[(&str, Action)] = &[
    ("show system", show::system),
    ("show ip ssh", show::ip_ssh),
    ("configure", command::enter_configuration),
    ("configure terminal", command::enter_configuration),
    ("no page", command::no_paging),
    ("page", page),
    ("write memory", command::save),
    ("show running-config", show::running),
    ("show running-config interface INTERFACE", show::running_interface),
    ("show config status", show::config_status),
    ("show port-security INTERFACE", security::show),
    ("show interfaces brief INTERFACE", show::interface_brief),
    ("show vlans ports INTERFACE detail", show::vlans_of),
];

static TREE: LazyLock<CommandTree> = LazyLock::new(|| CommandTree::new(USER, PRIVILEGED, configure::grammar));

pub(super) fn prompt(name: &str, mode: &Mode) -> String {
    match mode {
        Mode::User => format!("{name}> "),
        Mode::Privileged => format!("{name}# "),
        Mode::Interface(port) => format!("{name}(eth-{port})# "),
        Mode::Vlan(vlan) => format!("{name}(vlan-{vlan})# "),
        Mode::Configure
        | Mode::VlanDatabase
        | Mode::ClassMap(_)
        | Mode::PolicyMap(_)
        | Mode::PolicyClass { .. }
        | Mode::Police { .. } => format!("{name}(config)# "),
    }
}

/// The prompt in the lowest row, the cursor behind it.
pub(super) fn drawn(prompt: &str) -> String {
    let cursor = prompt.len() + 1;
    format!(
        "\x1b[1;24r\x1b[24;1H\x1b[24;1H\x1b[2K\x1b[24;1H\x1b[?25h\x1b[24;1H\x1b[24;1H{prompt}\
         \x1b[24;1H\x1b[24;{cursor}H\x1b[24;1H\x1b[?25h\x1b[24;{cursor}H"
    )
}

pub(super) fn run(visit: &mut Visit<'_>, line: &str) -> Reply {
    match dispatch(visit, line, &TREE) {
        Ok(reply) => reply,
        Err(misreading) => explain(misreading, line),
    }
}

fn explain(misreading: Misreading, line: &str) -> Reply {
    let word_at = |column: usize| line[column..].split_whitespace().next().unwrap_or_default();
    Reply::line(match misreading {
        Misreading::Invalid { column } if names_port(line, column) => {
            format!("Module not present for port or invalid port: {}", word_at(column))
        }
        Misreading::Invalid { column } => format!("Invalid input: {}", word_at(column)),
        Misreading::Incomplete => format!("Incomplete input: {}", line.trim()),
        Misreading::Ambiguous => format!("Ambiguous input: {}", line.trim()),
    })
}

/// Whether a port was meant: by the word before it.
fn names_port(line: &str, column: usize) -> bool {
    is_before_port(line[..column].split_whitespace().next_back().unwrap_or_default())
}

/// Whether a number behind this word is a port's.
pub(super) fn is_before_port(word: &str) -> bool {
    ["interface", "untagged", "port-security", "ports", "brief"].contains(&word)
}

pub(super) fn answer(visit: &mut Visit<'_>, question: Question, answer: &str) -> Reply {
    match question {
        Question::EnablePassword { tries_left } => {
            command::check_enable_password(visit, answer, tries_left, "Invalid password\n")
        }
        Question::ConfirmSave
        | Question::ConfirmReload
        | Question::SaveDestination
        | Question::LeaveUncommitted => Reply::Silence,
    }
}

fn enable(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    command::enable(visit, 0)
}

fn page(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.line.length = 24;
    Reply::Silence
}

//! Ubiquiti EdgeSwitch, of Broadcom's FASTPATH family, written from its command reference: prompts with brackets and blanks,
//! a VLAN database beside the configuration mode, and a save that asks for one key.
//!
//! A line is read in the mode that it was typed in and in no other. It must stay ignorant of how any client drives the
//! device, or it would agree with that client's mistakes.

mod configure;
mod port;
mod show;

use std::sync::LazyLock;

use super::command::{self, Action, CommandTree, Mode, Question, Reply, Visit};
use super::filter;
use super::grammar::{Arguments, Misreading};
use super::personality::Personality;

pub(super) use port::port_text;

pub(super) const MORE: &str = "--More-- or (q)uit";

pub(super) const SAVED: &str =
    "\nConfig file 'startup-config' created successfully .\n\n\nConfiguration Saved!\n";

const USER: &[(&str, Action)] = &[
    ("enable", enable),
    ("logout", command::leave),
    ("quit", command::leave),
    ("show version", show::version),
];

const PRIVILEGED: &[(&str, Action)] = &[
    ("disable", command::disable),
    ("exit", command::disable),
    ("configure", command::enter_configuration),
    ("vlan database", vlan_database),
    ("terminal length <0-48>", command::screen_length),
    ("write memory", write_memory),
    ("write memory confirm", command::save),
    ("reload", reload),
    ("show running-config", show::running),
    ("show running-config interface INTERFACE", show::running_interface),
    ("show interfaces switchport INTERFACE", show::switchport),
    ("show ip ssh", show::ip_ssh),
    ("show port-security", show::port_security),
    ("show port-security static INTERFACE", show::static_addresses),
    ("show vlan brief", show::vlan_brief),
    ("show class-map", show::class_maps),
    ("show policy-map WORD", show::policy_map),
];

static TREE: LazyLock<CommandTree> = LazyLock::new(|| CommandTree::new(USER, PRIVILEGED, configure::grammar));

pub(super) fn prompt(name: &str, mode: &Mode) -> String {
    let place = match mode {
        Mode::User => return format!("({name}) >"),
        Mode::Privileged => return format!("({name}) #"),
        Mode::Configure => "Config".to_owned(),
        Mode::VlanDatabase | Mode::Vlan(_) => "Vlan".to_owned(),
        Mode::Interface(port) => format!("Interface {}", Personality::EdgeSwitch.port_name(*port)),
        Mode::ClassMap(_) => "Config-classmap".to_owned(),
        Mode::PolicyMap(_) => "Config-policy-map".to_owned(),
        Mode::PolicyClass { .. } | Mode::Police { .. } => "Config-policy-classmap".to_owned(),
    };
    format!("({name}) ({place})#")
}

pub(super) fn run(visit: &mut Visit<'_>, line: &str) -> Reply {
    let (command, bar) = filter::split(line);
    match TREE.grammar(&visit.line.mode).read(command, visit.interfaces()) {
        Ok((action, arguments)) => action(visit, &arguments)
            .filtered(bar)
            .unwrap_or_else(|| explain(Misreading::Invalid { column: line.find('|').unwrap_or(0) }, line)),
        Err(misreading) => explain(misreading, line),
    }
}

/// A port that isn't there has words of its own.
fn explain(misreading: Misreading, line: &str) -> Reply {
    Reply::Text(match misreading {
        Misreading::Invalid { column } if is_interface(&line[column..]) => {
            "\nAn invalid interface has been used for this function.\n".to_owned()
        }
        Misreading::Invalid { column } => {
            format!("{}^\n% Invalid input detected at '^' marker.\n", " ".repeat(column))
        }
        Misreading::Incomplete | Misreading::Ambiguous => {
            "\nCommand not found / Incomplete command. Use ? to list commands.\n".to_owned()
        }
    })
}

fn is_interface(rest: &str) -> bool {
    let word = rest.split_whitespace().next().unwrap_or_default();
    word.contains('/') && word.chars().all(|c| c.is_ascii_digit() || c == '/')
}

pub(super) fn answer(visit: &mut Visit<'_>, question: Question, answer: &str) -> Reply {
    match question {
        Question::EnablePassword { tries_left } => {
            command::check_enable_password(visit, answer, tries_left, "Incorrect Password!\n")
        }
        Question::ConfirmSave if answer == "y" => Reply::Save { said: "" },
        Question::ConfirmSave => Reply::line("\nConfiguration Not Saved!"),
        Question::ConfirmReload if answer.starts_with('y') => Reply::Reboot,
        Question::ConfirmReload | Question::SaveDestination | Question::LeaveUncommitted => Reply::Silence,
    }
}

/// It asks whether or not there is a password.
fn enable(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    match visit.line.mode {
        Mode::User => Reply::Ask {
            prompt: "Password:".to_owned(),
            question: Question::EnablePassword { tries_left: 0 },
        },
        _ => Reply::Silence,
    }
}

fn vlan_database(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.line.mode = Mode::VlanDatabase;
    Reply::Silence
}

fn write_memory(_: &mut Visit<'_>, _: &Arguments) -> Reply {
    let prompt = "\nThis operation may take a few minutes.\n\
                  Management interfaces will not be available during this time.\n\n\
                  Are you sure you want to save? (y/n) ";
    Reply::Ask { prompt: prompt.to_owned(), question: Question::ConfirmSave }
}

fn reload(_: &mut Visit<'_>, _: &Arguments) -> Reply {
    let prompt = "\nAre you sure you would like to reset the system? (y/n) ".to_owned();
    Reply::Ask { prompt, question: Question::ConfirmReload }
}

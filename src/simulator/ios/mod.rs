//! Cisco IOS and IOS-XE, written from Cisco's command references: prompts, modes, and what is said about a line
//! that can't be read.
//!
//! It must stay ignorant of how any client drives IOS, or it would agree with that client's mistakes.

mod configure;
mod port;
mod show;

use std::sync::LazyLock;

use super::command::{self, Action, CommandTree, Mode, Question, Reply, Visit, dispatch};
use super::filter;
use super::grammar::{Arguments, Misreading};

pub(super) use port::port_text;

/// IOS shows at most 20 characters of the host name in configuration mode.
const NAME_IN_CONFIGURATION: usize = 20;

const USER: &[(&str, Action)] = &[
    ("enable", enable),
    ("exit", command::leave),
    ("logout", command::leave),
    ("terminal length <0-512>", command::screen_length),
    ("terminal width <0-512>", terminal_width),
    ("show version", show::version),
    ("show privilege", show::privilege),
    ("show users", show::users),
    ("show users all", show::users_all),
];

const PRIVILEGED: &[(&str, Action)] = &[
    ("disable", command::disable),
    ("configure terminal", configure_terminal),
    ("configure terminal lock", configure_terminal_lock),
    ("terminal monitor", command::silence),
    ("terminal no monitor", command::silence),
    ("write", write_memory),
    ("write memory", write_memory),
    ("copy running-config startup-config", copy_running_to_startup),
    ("reload", reload),
    ("show running-config", show::running),
    ("show running-config interface INTERFACE", show::running_interface),
    ("show startup-config", show::startup),
    ("show interfaces status", show::interfaces_status),
    ("show interfaces INTERFACE switchport", show::switchport),
    ("show port-security interface INTERFACE", show::port_security),
    ("show vlan brief", show::vlan_brief),
    ("show vlan", show::vlan_brief),
    ("show policy-map", show::policy_maps),
    ("show policy-map WORD", show::policy_map),
    ("show policy-map interface INTERFACE", show::policy_map_interface),
    ("show configuration lock", show::configuration_lock),
];

static TREE: LazyLock<CommandTree> = LazyLock::new(|| CommandTree::new(USER, PRIVILEGED, configure::grammar));

pub(super) fn prompt(name: &str, mode: &Mode) -> String {
    let suffix = match mode {
        Mode::User => return format!("{name}>"),
        Mode::Privileged => return format!("{name}#"),
        Mode::Configure => "(config)#",
        Mode::Interface(_) => "(config-if)#",
        Mode::Vlan(_) => "(config-vlan)#",
        Mode::PolicyMap(_) => "(config-pmap)#",
        Mode::PolicyClass { .. } => "(config-pmap-c)#",
        Mode::Police { .. } => "(config-pmap-c-police)#",
        Mode::VlanDatabase | Mode::ClassMap(_) => "(config)#",
    };
    let cut: String = name.chars().take(NAME_IN_CONFIGURATION).collect();
    format!("{cut}{suffix}")
}

pub(super) fn run(visit: &mut Visit<'_>, line: &str) -> Reply {
    if line.trim().is_empty() || line.trim_start().starts_with('!') {
        return Reply::Silence;
    }
    let (command, bar) = filter::split(line);
    let before = prompt(&visit.device.name, &visit.line.mode);
    match dispatch(visit, command, &TREE) {
        Ok(reply) => reply.filtered(bar).unwrap_or_else(|| {
            let column = line.find('|').unwrap_or(0) + 2;
            explain(Misreading::Invalid { column }, &before, line)
        }),
        Err(misreading) => explain(misreading, &before, line),
    }
}

/// The caret stands under the word, so it is moved by the prompt's length.
fn explain(misreading: Misreading, prompt: &str, line: &str) -> Reply {
    Reply::Text(match misreading {
        Misreading::Invalid { column } => {
            let blanks = " ".repeat(prompt.len() + column);
            format!("{blanks}^\n% Invalid input detected at '^' marker.\n\n")
        }
        Misreading::Incomplete => "% Incomplete command.\n\n".to_owned(),
        Misreading::Ambiguous => format!("% Ambiguous command:  \"{}\"\n", line.trim()),
    })
}

pub(super) fn answer(visit: &mut Visit<'_>, question: Question, answer: &str) -> Reply {
    match question {
        Question::EnablePassword { tries_left } => {
            command::check_enable_password(visit, answer, tries_left, "% Bad secrets\n\n")
        }
        Question::SaveDestination if answer.is_empty() || answer == "startup-config" => SAVE,
        Question::SaveDestination => Reply::line("%Error copying (Invalid argument)"),
        Question::ConfirmReload if answer.is_empty() || answer.starts_with('y') => Reply::Reboot,
        Question::ConfirmReload | Question::ConfirmSave | Question::LeaveUncommitted => Reply::Silence,
    }
}

const SAVE: Reply = Reply::Save { said: "Building configuration...\n" };

fn enable(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    match (&visit.line.mode, &visit.device.enable_password) {
        (Mode::User, Some(_)) => command::ask_enable_password(2),
        (Mode::User, None) => Reply::line("% No password set"),
        _ => Reply::Silence,
    }
}

fn terminal_width(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.line.width = arguments.small(0);
    Reply::Silence
}

fn configure_terminal(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let held_by_other = visit.device.lock_holder.is_some_and(|holder| holder != visit.line.session);
    if held_by_other || visit.faults.strike_configure() {
        return Reply::line(
            "Configuration mode locked exclusively by user 'unknown' process '88' from terminal '0'. Please try later.",
        );
    }
    visit.line.mode = Mode::Configure;
    Reply::line("Enter configuration commands, one per line.  End with CNTL/Z.")
}

fn configure_terminal_lock(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let reply = configure_terminal(visit, arguments);
    if visit.line.mode == Mode::Configure {
        visit.device.lock_holder = Some(visit.line.session);
    }
    reply
}

fn write_memory(_: &mut Visit<'_>, _: &Arguments) -> Reply {
    SAVE
}

fn copy_running_to_startup(_: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Ask {
        prompt: "Destination filename [startup-config]? ".to_owned(),
        question: Question::SaveDestination,
    }
}

fn reload(_: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Ask { prompt: "Proceed with reload? [confirm]".to_owned(), question: Question::ConfirmReload }
}

//! Arista EOS, written from Arista's manual: prompts that name the interface, configuration sessions, short
//! refusals.
//!
//! It must stay ignorant of how any client drives EOS, or it would agree with that client's mistakes.

mod configure;
mod port;
mod session;
mod show;

use std::sync::LazyLock;

use super::command::{self, Action, CommandTree, Line, Mode, Question, Reply, Visit, dispatch};
use super::filter;
use super::grammar::{Arguments, Misreading};
use super::personality::Personality;

pub(super) use port::port_text;

const USER: &[(&str, Action)] = &[
    ("enable", enable),
    ("exit", command::leave),
    ("logout", command::leave),
    ("terminal length <0-32767>", terminal_length),
    ("terminal width <10-32767>", terminal_width),
    ("show version", show::version),
    ("show hostname", show::hostname),
    ("show privilege", show::privilege),
    ("show users", show::users),
];

const PRIVILEGED: &[(&str, Action)] = &[
    ("disable", command::disable),
    ("configure", configure_terminal),
    ("configure terminal", configure_terminal),
    ("configure session", session::open_unnamed),
    ("configure session WORD", session::open),
    ("configure session WORD abort", session::abort_named),
    ("configure session WORD commit", session::commit_named),
    ("terminal monitor", command::silence),
    ("no terminal monitor", command::silence),
    ("write", command::save),
    ("write memory", command::save),
    ("copy running-config startup-config", command::save),
    ("reload", reload),
    ("show running-config", show::running),
    ("show running-config interfaces INTERFACE", show::running_interface),
    ("show running-config section LINE", show::running_section),
    ("show startup-config", show::startup),
    ("show interfaces status", show::interfaces_status),
    ("show interfaces INTERFACE switchport", show::switchport),
    ("show port-security", show::port_security),
    ("show port-security interface INTERFACE", show::port_security_of),
    ("show mac address-table static", show::mac_table),
    ("show mac address-table static interface INTERFACE", show::mac_table_of),
    ("show vlan", show::vlan),
    ("show vlan brief", show::vlan),
    ("show policy-map type {quality-of-service|qos}", show::policy_maps),
    ("show policy-map type {quality-of-service|qos} WORD", show::policy_map),
    ("show configuration sessions", session::show),
    ("show configuration sessions detail", session::show_in_detail),
    ("show session-config diffs", session::show_differences),
    ("show session-config named WORD diffs", session::show_named_differences),
];

static TREE: LazyLock<CommandTree> = LazyLock::new(|| CommandTree::new(USER, PRIVILEGED, configure::grammar));

/// Characters of a session's name in the prompt.
const SHOWN_OF_SESSION: usize = 6;

pub(super) fn prompt(name: &str, line: &Line) -> String {
    let place = match &line.mode {
        Mode::User => return format!("{name}>"),
        Mode::Privileged => return format!("{name}#"),
        Mode::Configure | Mode::VlanDatabase | Mode::ClassMap(_) => String::new(),
        Mode::Interface(port) => format!("-if-{}", Personality::Eos.short_port_name(*port)),
        Mode::Vlan(vlan) => format!("-vlan-{vlan}"),
        Mode::PolicyMap(map) => format!("-pmap-qos-{map}"),
        Mode::PolicyClass { map, class } | Mode::Police { map, class } => {
            format!("-pmap-c-qos-{map}-{class}")
        }
    };
    let shown = |name: &String| format!("-s-{}", name.chars().take(SHOWN_OF_SESSION).collect::<String>());
    let session = line.candidate.as_ref().map(shown).unwrap_or_default();
    format!("{name}(config{session}{place})#")
}

pub(super) fn run(visit: &mut Visit<'_>, line: &str) -> Reply {
    if line.trim().is_empty() || line.trim_start().starts_with('!') {
        return Reply::Silence;
    }
    let (command, bar) = filter::split(line);
    match dispatch(visit, command, &TREE) {
        Ok(reply) => reply.filtered(bar).unwrap_or_else(|| explain(Misreading::Invalid { column: 0 })),
        Err(misreading) => explain(misreading),
    }
}

fn explain(misreading: Misreading) -> Reply {
    Reply::line(match misreading {
        Misreading::Invalid { .. } => "% Invalid input",
        Misreading::Incomplete => "% Incomplete command",
        Misreading::Ambiguous => "% Ambiguous command",
    })
}

pub(super) fn answer(visit: &mut Visit<'_>, question: Question, answer: &str) -> Reply {
    match question {
        Question::EnablePassword { tries_left } => {
            command::check_enable_password(visit, answer, tries_left, "% Bad secret\n")
        }
        Question::ConfirmReload if answer.is_empty() || answer.starts_with('y') => Reply::Reboot,
        Question::ConfirmReload
        | Question::SaveDestination
        | Question::ConfirmSave
        | Question::LeaveUncommitted => Reply::Silence,
    }
}

/// Without an enable password, which is how EOS is shipped, nothing is asked.
fn enable(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    command::enable(visit, 2)
}

fn terminal_length(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.line.length = arguments.small(0);
    match visit.line.length {
        0 => Reply::line("Pagination disabled."),
        length => Reply::line(format!("Pagination set to {length} lines.")),
    }
}

fn terminal_width(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.line.width = arguments.small(0);
    Reply::line(format!("Width set to {} columns.", visit.line.width))
}

fn configure_terminal(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    if visit.faults.strike_configure() {
        return Reply::line("% Unable to run this command (configuration is locked by another user)");
    }
    command::enter_configuration(visit, arguments)
}

fn reload(_: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Ask { prompt: "Proceed with reload? [confirm]".to_owned(), question: Question::ConfirmReload }
}

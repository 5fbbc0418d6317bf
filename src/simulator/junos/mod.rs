//! Juniper Junos on an EX switch, written from Juniper's manuals: two-line prompts, a candidate configuration that one
//! commit makes run, confirmed commits, a log of commits, and the Unix shell in front.
//!
//! Keywords of the configuration mode must be written out: the completion of shortened ones isn't played. Ports are counted
//! from 1.
//!
//! It must stay ignorant of how any client drives Junos, or it would agree with that client's mistakes.

mod commit;
mod configure;
mod show;
mod statements;

use std::sync::LazyLock;

use super::command::{self, Action, Line, Mode, Question, Reply, Visit};
use super::device::Device;
use super::grammar::{Arguments, Grammar, Misreading};

pub(super) use commit::{Commit, committed_by_somebody, first_commit, taken_back};
pub(super) use statements::{Statements, port_text, put_port, view};

const OPERATIONAL: &[(&str, Action)] = &[
    ("configure", configure::enter_exclusive),
    ("configure exclusive", configure::enter_exclusive),
    ("exit", command::leave),
    ("quit", command::leave),
    ("start shell", start_shell),
    ("set cli screen-length <0-10000>", screen_length),
    ("set cli screen-width <0-1024>", screen_width),
    ("set cli complete-on-space {on|off}", complete_on_space),
    ("show version", show::version),
    ("show chassis hardware", show::chassis_hardware),
    ("show system commit", show::commits),
    ("show system users", show::users),
    ("show interfaces WORD terse", show::terse),
    ("show configuration", show::configuration),
    ("show configuration LINE", show::configuration_of),
    ("request system reboot", reboot),
];

static IN_OPERATIONAL: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([OPERATIONAL]));

/// Above each prompt stands which member of the stack this is, and in the configuration mode where in it; and there, too,
/// what waits to be confirmed.
pub(super) fn prompt(device: &Device, line: &Line) -> String {
    let (user, name) = (&device.username, &device.name);
    match &line.mode {
        Mode::User => format!("{user}@{name}:RE:0% "),
        Mode::Privileged => format!("\r\n{{master:0}}\r\n{user}@{name}> "),
        Mode::Configure
        | Mode::Interface(_)
        | Mode::Vlan(_)
        | Mode::PolicyMap(_)
        | Mode::PolicyClass { .. }
        | Mode::VlanDatabase
        | Mode::ClassMap(_)
        | Mode::Police { .. } => {
            let notice = device.dead_man.as_ref().map_or(String::new(), |dead_man| {
                format!("\r\n# commit confirmed will be rolled back in {} minutes", dead_man.minutes)
            });
            format!("{notice}\r\n{{master:0}}[edit]\r\n{user}@{name}# ")
        }
    }
}

pub(super) fn run(visit: &mut Visit<'_>, line: &str) -> Reply {
    let line = line.trim();
    match visit.line.mode {
        _ if line.is_empty() || line.starts_with('#') => Reply::Silence,
        Mode::User => in_shell(visit, line),
        Mode::Privileged => operational(visit, line),
        Mode::Configure
        | Mode::Interface(_)
        | Mode::Vlan(_)
        | Mode::PolicyMap(_)
        | Mode::PolicyClass { .. }
        | Mode::VlanDatabase
        | Mode::ClassMap(_)
        | Mode::Police { .. } => configure::run(visit, line),
    }
}

fn in_shell(visit: &mut Visit<'_>, line: &str) -> Reply {
    match line {
        "cli" => {
            visit.line.mode = Mode::Privileged;
            Reply::Silence
        }
        "exit" | "logout" => Reply::Leave,
        other => {
            let word = other.split_whitespace().next().unwrap_or_default();
            Reply::line(format!("{word}: Command not found."))
        }
    }
}

/// A line of the operational mode, with what stands behind its bars.
fn operational(visit: &mut Visit<'_>, line: &str) -> Reply {
    let mut parts = show::split_at_bars(line).into_iter();
    let command = parts.next().unwrap_or_default();
    let reply = match IN_OPERATIONAL.read(&command, visit.interfaces()) {
        Ok((action, arguments)) => action(visit, &arguments),
        Err(misreading) => return explain(misreading),
    };
    let filters: Vec<_> = parts.collect();
    note_reading(visit, &command, &filters);
    match reply {
        Reply::Text(text) => show::filtered(text, &filters),
        other => other,
    }
}

/// A configuration that is asked for by a port's name is a reading of that port.
fn note_reading(visit: &mut Visit<'_>, command: &str, filters: &[String]) {
    if !command.starts_with("show conf") {
        return;
    }
    let asked = format!("{command} {}", filters.join(" "));
    let words = asked.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '/'));
    let port = words.filter_map(|word| visit.device.personality.parse_port(word)).next();
    if let Some(port) = port.filter(|port| *port <= visit.device.ports) {
        visit.device.show_port(port, visit.now);
    }
}

fn explain(misreading: Misreading) -> Reply {
    match misreading {
        Misreading::Invalid { column: 0 } => Reply::Text("^\nunknown command.\n".to_owned()),
        Misreading::Invalid { column } => syntax_error(column),
        Misreading::Incomplete => Reply::Text("^\nmissing argument.\n".to_owned()),
        Misreading::Ambiguous => Reply::Text("^\nis ambiguous.\n".to_owned()),
    }
}

fn syntax_error(column: usize) -> Reply {
    Reply::Text(format!("{}^\nsyntax error.\n", " ".repeat(column)))
}

pub(super) fn answer(visit: &mut Visit<'_>, question: Question, answer: &str) -> Reply {
    let agrees = matches!(answer.trim(), "" | "y" | "yes");
    match question {
        Question::LeaveUncommitted if agrees => configure::leave(visit),
        Question::ConfirmReload if agrees && !answer.trim().is_empty() => Reply::Reboot,
        Question::LeaveUncommitted
        | Question::ConfirmReload
        | Question::EnablePassword { .. }
        | Question::SaveDestination
        | Question::ConfirmSave => Reply::Silence,
    }
}

fn start_shell(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.line.mode = Mode::User;
    Reply::Silence
}

fn screen_length(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.line.length = arguments.small(0);
    Reply::line(format!("Screen length set to {}", visit.line.length))
}

fn screen_width(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.line.width = arguments.small(0);
    Reply::line(format!("Screen width set to {}", visit.line.width))
}

fn complete_on_space(_: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let told = if arguments.text(0) == "on" { "Enabling" } else { "Disabling" };
    Reply::line(format!("{told} complete-on-space"))
}

fn reboot(_: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Ask { prompt: "Reboot the system ? [yes,no] (no) ".to_owned(), question: Question::ConfirmReload }
}

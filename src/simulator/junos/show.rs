//! What Junos shows, and what stands behind its bars.

use std::fmt::Write;

use regex::Regex;

use super::super::command::{Reply, Visit};
use super::super::device::spell_uptime;
use super::super::grammar::Arguments;
use super::statements;

/// Writing to a `String` can't fail.
macro_rules! put {
    ($text:expr, $($arguments:tt)*) => {
        writeln!($text, $($arguments)*).expect("a String takes every write")
    };
}

/// The command and each filter; a bar inside quotation marks is none.
pub(super) fn split_at_bars(line: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut is_quoted = false;
    for c in line.chars() {
        is_quoted ^= c == '"';
        match c {
            '|' if !is_quoted => parts.push(String::new()),
            c => parts.last_mut().expect("there is one from the start").push(c),
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

/// `display set` has been done by then: it is the one form that is kept.
pub(super) fn filtered(text: String, filters: &[String]) -> Reply {
    let mut text = text;
    for filter in filters {
        let (word, argument) = filter.split_once(' ').unwrap_or((filter, ""));
        let pattern = Regex::new(argument.trim().trim_matches('"'));
        let kept = match (word, pattern) {
            ("display" | "no-more", _) => continue,
            ("match", Ok(pattern)) => {
                text.lines().filter(|line| pattern.is_match(line)).fold(String::new(), joined)
            }
            ("except", Ok(pattern)) => {
                text.lines().filter(|line| !pattern.is_match(line)).fold(String::new(), joined)
            }
            ("count", _) => format!("Count: {} lines\n", text.lines().count()),
            _ => return Reply::Text("^\nsyntax error.\n".to_owned()),
        };
        text = kept;
    }
    if text.is_empty() { Reply::Silence } else { Reply::Text(text) }
}

fn joined(mut text: String, line: &str) -> String {
    put!(text, "{line}");
    text
}

pub(super) fn version(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Text(format!(
        "fpc0:\n--------------------------------------------------------------------------\nHostname: {}\n\
         Model: ex3400-48t\nJunos: {}\n",
        visit.device.name,
        statements::RELEASE
    ))
}

/// The version tells no serial number; this does, part by part.
pub(super) fn chassis_hardware(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let serial = visit.device.serial();
    let mut text =
        "Hardware inventory:\nItem             Version  Part number  Serial number     Description\n"
            .to_owned();
    for (item, version, part, serial, description) in [
        ("Chassis", "", "", serial.as_str(), "EX3400-48T"),
        ("Routing Engine 0", "", "BUILTIN", "BUILTIN", "RE-EX3400-48T"),
        ("FPC 0", "REV 12", "650-059881", serial.as_str(), "EX3400-48T"),
        ("  CPU", "", "BUILTIN", "BUILTIN", "FPC CPU"),
        ("  PIC 0", "", "BUILTIN", "BUILTIN", "48x10/100/1000 Base-T"),
        ("  Power Supply 0", "REV 05", "640-060603", "1EDV7180123", "JPSU-150-AC-AFO"),
        ("  Fan Tray 0", "", "", "", "Fan Module, Airflow Out (AFO)"),
    ] {
        put!(text, "{item:<17}{version:<9}{part:<13}{serial:<18}{description}");
    }
    Reply::Text(text)
}

pub(super) fn users(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let uptime = spell_uptime(visit.device.uptime(visit.now), ", ");
    let mut text = format!(
        "fpc0:\n up {uptime}, {} users\nUSER     TTY      FROM              LOGIN@  IDLE WHAT\n",
        visit.device.users.len()
    );
    for (number, _) in visit.device.users.iter().enumerate() {
        put!(
            text,
            "{:<8} pts/{number}    127.0.0.1         11:04AM     -  -cli (cli)",
            visit.device.username
        );
    }
    Reply::Text(text)
}

/// The newest first. That a commit was to be confirmed is told for good; that it still waits, only while it does.
pub(super) fn commits(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let mut text = String::new();
    let count = visit.device.commits.len();
    for (number, commit) in visit.device.commits.iter().enumerate() {
        let user = if commit.by == "via other" { "root" } else { &visit.device.username };
        let minute = (count - number) % 60;
        let note = commit.note.as_ref().map_or(String::new(), |note| format!(" {note}"));
        put!(text, "{number:<3} 2024-05-06 06:{minute:02}:48 UTC by {user} {}{note}", commit.by);
        if let Some(comment) = &commit.comment {
            put!(text, "    {comment}");
        }
        if number == 0 && visit.device.dead_man.is_some() {
            put!(text, "    rollback pending");
        }
    }
    Reply::Text(text)
}

/// A name with a unit is that of its port; one that the device doesn't have is an error of its own.
pub(super) fn terse(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let name = arguments.text(0);
    let port = visit.device.personality.parse_port(name).filter(|port| *port <= visit.device.ports);
    let Some(port) = port else { return Reply::line(format!("error: device {name} not found")) };
    let admin = if visit.running().port(port).enabled { "up" } else { "down" };
    Reply::Text(format!(
        "Interface               Admin Link Proto    Local                 Remote\n{name:<24}{admin:<6}{admin}\n\
         {:<24}{admin:<6}{admin:<5}eth-switch\n",
        format!("{name}.0")
    ))
}

pub(super) fn configuration(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Text(visit.running().statements.shown(&visit.device.name, ""))
}

/// A part of it, which may be empty.
pub(super) fn configuration_of(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    Reply::Text(visit.running().statements.shown(&visit.device.name, arguments.text(0)))
}

/// `show | compare` and `show` of the candidate.
pub(super) fn candidate(visit: &mut Visit<'_>, rest: &str) -> Reply {
    let name = visit.device.name.clone();
    let wanted = visit.configuration().statements.shown(&name, "");
    let running = visit.running().statements.shown(&name, "");
    if !rest.starts_with('|') {
        return Reply::Text(wanted);
    }
    let only_in = |mark: char, one: &str, other: &str| {
        let lines = one.lines().filter(|line| !other.lines().any(|known| known == *line));
        lines.fold(String::new(), |text, line| joined(text, &format!("{mark}  {line}")))
    };
    let text = format!("{}{}", only_in('-', &running, &wanted), only_in('+', &wanted, &running));
    if text.is_empty() { Reply::Silence } else { Reply::Text(text) }
}

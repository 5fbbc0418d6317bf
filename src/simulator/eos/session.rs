//! EOS configuration sessions: a named copy of the running configuration that is edited apart, and committed
//! whole or thrown away. Leaving one without either keeps it pending.

use std::collections::HashSet;

use super::super::command::{Mode, Reply, Visit};
use super::super::grammar::Arguments;
use super::show::whole;

/// Sessions that may be neither committed nor aborted at once.
const MOST_PENDING: usize = 5;

pub(super) fn open_unnamed(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let name = format!("sess-{}-{}", visit.line.session, visit.device.candidates.len());
    enter(visit, name)
}

pub(super) fn open(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    enter(visit, arguments.text(0).to_owned())
}

fn enter(visit: &mut Visit<'_>, name: String) -> Reply {
    let candidates = &mut visit.device.candidates;
    if !candidates.contains_key(&name) && candidates.len() == MOST_PENDING {
        return Reply::line("% Maximum number of pending sessions has been reached");
    }
    if visit.faults.strike_configure() {
        return Reply::line("% Unable to run this command (configuration is locked by another user)");
    }
    candidates.entry(name.clone()).or_insert_with(|| visit.device.running.clone());
    visit.line.candidate = Some(name);
    visit.line.mode = Mode::Configure;
    Reply::Silence
}

pub(super) fn commit(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    match visit.line.candidate.take() {
        Some(name) => finish(visit, &name, true),
        None => Reply::line("% Invalid input"),
    }
}

pub(super) fn abort(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    match visit.line.candidate.take() {
        Some(name) => finish(visit, &name, false),
        None => Reply::line("% Invalid input"),
    }
}

pub(super) fn commit_named(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    finish(visit, arguments.text(0), true)
}

pub(super) fn abort_named(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    finish(visit, arguments.text(0), false)
}

fn finish(visit: &mut Visit<'_>, name: &str, keep: bool) -> Reply {
    visit.line.mode = Mode::Privileged;
    match visit.device.candidates.remove(name) {
        Some(candidate) if keep => visit.device.running = candidate,
        Some(_) => {}
        None => return Reply::line(format!("% Session {name} does not exist")),
    }
    Reply::Silence
}

pub(super) fn show(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let mut text = format!(
        "Maximum number of completed sessions: 1\nMaximum number of pending sessions: {MOST_PENDING}\n\n  \
         Name           State         User       Terminal\n  -------------- ------------- ---------- --------\n"
    );
    for name in visit.device.candidates.keys() {
        let mark = if visit.line.candidate.as_ref() == Some(name) { '*' } else { ' ' };
        text.push_str(&format!("{mark} {name:<14} pending       {:<10} vty1\n", visit.device.username));
    }
    Reply::Text(text)
}

pub(super) fn show_differences(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    match visit.line.candidate.clone() {
        Some(name) => differences(visit, &name),
        None => Reply::line("% Not in a configuration session"),
    }
}

pub(super) fn show_named_differences(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    differences(visit, arguments.text(0))
}

/// Blocks that differ, whole: the running ones with `-`, the session's with `+`.
fn differences(visit: &mut Visit<'_>, name: &str) -> Reply {
    let Some(candidate) = visit.device.candidates.get(name) else {
        return Reply::line(format!("% Session {name} does not exist"));
    };
    let running = whole(visit.device, &visit.device.running);
    let wanted = whole(visit.device, candidate);
    let marked = |mark: char, from: &str, other: &str| {
        let known: HashSet<&str> = other.split("!\n").collect();
        let changed = from.split("!\n").filter(|block| !known.contains(block));
        changed.flat_map(str::lines).map(|line| format!("{mark}{line}\n")).collect::<String>()
    };
    let removed = marked('-', &running, &wanted);
    let added = marked('+', &wanted, &running);
    if removed.is_empty() && added.is_empty() {
        return Reply::Silence;
    }
    Reply::Text(format!("--- system:/running-config\n+++ session:/{name}-session-config\n{removed}{added}"))
}

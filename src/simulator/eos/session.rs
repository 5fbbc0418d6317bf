//! EOS configuration sessions: a named copy of the running configuration that is edited apart, and committed
//! whole or thrown away. Leaving one without either keeps it pending. A commit may have a timer: then it is taken back
//! unless it is committed once more.

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
    if decide(visit, arguments.text(0), true) {
        return Reply::Silence;
    }
    finish(visit, arguments.text(0), true)
}

pub(super) fn abort_named(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    if decide(visit, arguments.text(0), false) {
        return Reply::Silence;
    }
    finish(visit, arguments.text(0), false)
}

/// `hh:mm:ss`, in minutes; whatever begins one is a whole.
fn minutes_of(text: &str) -> Option<u64> {
    match text.split(':').map(str::parse).collect::<Result<Vec<u64>, _>>().ok()?[..] {
        [hours, minutes, seconds] => Some(hours * 60 + minutes + u64::from(seconds > 0)),
        _ => None,
    }
}

pub(super) fn commit_for_a_time(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let Some(minutes) = minutes_of(arguments.text(0)) else { return Reply::line("% Invalid input") };
    if let Some(waiting) = &visit.device.dead_man {
        return Reply::line(format!("% Cannot commit: session {} has a commit timer", waiting.name));
    }
    let Some(name) = visit.line.candidate.take() else { return Reply::line("% Invalid input") };
    let before = visit.device.running.clone();
    visit.device.arm(&name, before, minutes, visit.now);
    finish(visit, &name, true)
}

/// Whether the session is one whose commit waits; then it is decided.
fn decide(visit: &mut Visit<'_>, name: &str, keep: bool) -> bool {
    if visit.device.dead_man.as_ref().is_none_or(|waiting| waiting.name != name) {
        return false;
    }
    if keep {
        visit.device.dead_man = None;
    } else {
        visit.device.restore();
    }
    true
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

/// With the sessions whose commit waits, and how long it does.
pub(super) fn show_in_detail(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let mut text = format!(
        "Maximum number of completed sessions: 1\nMaximum number of pending sessions: {MOST_PENDING}\n\n  \
         Name                     State                    User       Terminal       PID       Commit Time Left    \n  \
         --------------------- ------------------------ ---------- -------------- --------- ---------------------- \n"
    );
    let mut row = |name: &str, state: &str, left: &str| {
        let mark = if visit.line.candidate.as_deref() == Some(name) { '*' } else { ' ' };
        text.push_str(&format!("{mark} {name:<24} {state:<24} {:<46} {left}\n", visit.device.username));
    };
    visit.device.candidates.keys().for_each(|name| row(name, "pending", ""));
    if let Some(waiting) = &visit.device.dead_man {
        let left = waiting.until.saturating_duration_since(visit.now).as_secs();
        row(&waiting.name, "pendingCommitTimer", &format!("{}m{}s", left / 60, left % 60));
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

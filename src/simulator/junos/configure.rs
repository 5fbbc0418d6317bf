//! The configuration mode of Junos: statements are set and deleted in the candidate, which is locked for whoever edits it.

use super::super::command::{Mode, Question, Reply, Visit};
use super::super::grammar::Arguments;
use super::{commit, operational, show, statements, syntax_error};

/// The candidate has no name of its own.
const CANDIDATE: &str = "";

/// Somebody at the console, when a test says that the configuration is locked.
const SOMEBODY: &str = "error: configuration database locked by:\n  noc terminal p1 (pid 32260) on since 2024-05-06 11:04:06 UTC, idle 00:04:48\n      exclusive {master:0}[edit]\n";

pub(super) fn enter_exclusive(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    if visit.faults.strike_configure() {
        return Reply::Text(SOMEBODY.to_owned());
    }
    if let Some(holder) = visit.device.lock_holder.filter(|holder| *holder != visit.line.session) {
        let user = &visit.device.username;
        return Reply::Text(format!(
            "error: configuration database locked by:\n  {user} terminal p{holder} (pid {}) on since 2024-05-06 \
             11:04:06 UTC\n      exclusive {{master:0}}[edit]\n",
            4_000 + holder
        ));
    }
    visit.device.lock_holder = Some(visit.line.session);
    visit.device.candidates.insert(CANDIDATE.to_owned(), visit.device.running.clone());
    visit.line.candidate = Some(CANDIDATE.to_owned());
    visit.line.mode = Mode::Configure;
    Reply::Text(
        "warning: uncommitted changes will be discarded on exit\nEntering configuration mode\n".to_owned(),
    )
}

pub(super) fn run(visit: &mut Visit<'_>, line: &str) -> Reply {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    match word {
        "set" => set(visit, rest),
        "delete" => delete(visit, rest),
        "commit" => commit::run(visit, rest),
        "rollback" => rollback(visit, rest),
        "run" => operational(visit, rest),
        "show" => show::candidate(visit, rest),
        "exit" | "quit" => exit(visit),
        "top" => Reply::Silence,
        _ => Reply::Text("^\nunknown command.\n".to_owned()),
    }
}

fn set(visit: &mut Visit<'_>, path: &str) -> Reply {
    match statements::read(path) {
        Ok(statement) => {
            visit.configuration().statements.set(statement);
            Reply::Silence
        }
        Err(column) => syntax_error("set ".len() + column),
    }
}

fn delete(visit: &mut Visit<'_>, path: &str) -> Reply {
    if let Err(column) = statements::read_path(path) {
        return syntax_error("delete ".len() + column);
    }
    match visit.configuration().statements.delete(path) {
        0 => Reply::line("warning: statement not found"),
        _ => Reply::Silence,
    }
}

fn rollback(visit: &mut Visit<'_>, number: &str) -> Reply {
    let number = if number.is_empty() { Some(0) } else { number.parse().ok() };
    let earlier = number.and_then(|number: usize| visit.device.commits.get(number));
    match earlier.map(|commit| commit.configuration.clone()) {
        Some(configuration) => {
            *visit.configuration() = configuration;
            Reply::line("load complete")
        }
        None => Reply::line("error: rollback file not found"),
    }
}

fn exit(visit: &mut Visit<'_>) -> Reply {
    if visit.configuration().clone() == visit.device.running {
        return leave(visit);
    }
    Reply::Ask {
        prompt: "The configuration has been changed but not committed\nExit with uncommitted changes? [yes,no] (yes) "
            .to_owned(),
        question: Question::LeaveUncommitted,
    }
}

/// What isn't committed is gone with the lock.
pub(super) fn leave(visit: &mut Visit<'_>) -> Reply {
    visit.device.candidates.remove(CANDIDATE);
    visit.device.lock_holder = None;
    visit.line.candidate = None;
    visit.line.mode = Mode::Privileged;
    Reply::line("Exiting configuration mode")
}

//! Commits of Junos: the checks, confirmed ones, and the log.
//!
//! A commit is on the disk at once. One that waits to be confirmed isn't: a reboot brings back what was there before.

use super::super::command::{Reply, Visit};
use super::super::configuration::Configuration;
use super::super::device::Device;

/// Kept configurations, as on the device.
const KEPT: usize = 50;

/// Without a number.
const DEFAULT_MINUTES: u64 = 10;

/// An entry of the log, and what ran after it.
#[derive(Debug)]
pub(in super::super) struct Commit {
    pub by: &'static str,
    pub note: Option<String>,
    pub comment: Option<String>,
    pub configuration: Configuration,
}

const BY_CLI: &str = "via cli";

pub(in super::super) fn first_commit(configuration: Configuration) -> Commit {
    Commit { by: "via other", note: None, comment: None, configuration }
}

/// The time was up: the device itself commits what was there before.
pub(in super::super) fn taken_back(device: &mut Device) {
    device.startup = device.running.clone();
    log(device, first_commit(device.running.clone()));
}

/// Somebody else's commit that waits.
pub(in super::super) fn committed_by_somebody(device: &mut Device, minutes: u64) {
    let note = Some(format!("commit confirmed, rollback in {minutes}mins"));
    let comment = Some("maintenance".to_owned());
    log(device, Commit { by: BY_CLI, note, comment, configuration: device.running.clone() });
}

fn log(device: &mut Device, commit: Commit) {
    device.commits.push_front(commit);
    device.commits.truncate(KEPT);
}

#[derive(Default)]
struct Asked {
    check: bool,
    minutes: Option<u64>,
    comment: Option<String>,
    and_quit: bool,
}

fn read(options: &str) -> Option<Asked> {
    let mut asked = Asked::default();
    let mut rest = options;
    while !rest.is_empty() {
        let (word, behind) = rest.split_once(' ').unwrap_or((rest, ""));
        rest = behind.trim_start();
        match word {
            "check" => asked.check = true,
            "and-quit" => asked.and_quit = true,
            "confirmed" => {
                let (number, behind) = rest.split_once(' ').unwrap_or((rest, ""));
                let minutes = number.parse().ok();
                rest = if minutes.is_some() { behind.trim_start() } else { rest };
                asked.minutes = Some(minutes.unwrap_or(DEFAULT_MINUTES));
            }
            "comment" => {
                let (text, behind) = quoted(rest)?;
                (asked.comment, rest) = (Some(text), behind);
            }
            _ => return None,
        }
    }
    Some(asked)
}

fn quoted(text: &str) -> Option<(String, &str)> {
    match text.strip_prefix('"') {
        Some(inside) => inside.split_once('"').map(|(text, rest)| (text.to_owned(), rest.trim_start())),
        None => {
            let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
            (!word.is_empty()).then(|| (word.to_owned(), rest.trim_start()))
        }
    }
}

pub(super) fn run(visit: &mut Visit<'_>, options: &str) -> Reply {
    let Some(asked) = read(options) else { return super::syntax_error("commit ".len()) };
    let wanted = visit.configuration().clone();
    let faults = wanted.statements.faults();
    if !faults.is_empty() {
        return Reply::Text(format!("{faults}error: configuration check-out failed\n"));
    }
    if asked.check {
        confirm(visit.device);
        return Reply::line("configuration check succeeds");
    }
    let mut said = commit(visit, wanted, &asked);
    said.push_str("commit complete\n");
    if asked.and_quit {
        super::configure::leave(visit);
        said.push_str("Exiting configuration mode\n");
    }
    Reply::Text(said)
}

/// Checking confirms, too.
fn confirm(device: &mut Device) {
    if device.dead_man.take().is_some() {
        device.startup = device.running.clone();
    }
}

fn commit(visit: &mut Visit<'_>, wanted: Configuration, asked: &Asked) -> String {
    let device = &mut *visit.device;
    confirm(device);
    let before = std::mem::replace(&mut device.running, wanted.clone());
    let note = asked.minutes.map(|minutes| format!("commit confirmed, rollback in {minutes}mins"));
    log(device, Commit { by: BY_CLI, note, comment: asked.comment.clone(), configuration: wanted });
    match asked.minutes {
        Some(minutes) => {
            device.arm("", before, minutes, visit.now);
            format!(
                "commit confirmed will be automatically rolled back in {minutes} minutes unless confirmed\n"
            )
        }
        None => {
            device.startup = device.running.clone();
            String::new()
        }
    }
}

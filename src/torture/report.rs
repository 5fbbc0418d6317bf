//! What a run says in the end, for people and for machines; the two say the same.

use super::blow::Victim;
use super::strike::{KILLED, KILLED_IN_DIALOG};
use super::tally::{Counted, Tally};
use super::world::World;
use crate::checker;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Remarks and refusals that are shown.
const SHOWN: usize = 10;

/// The report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What the plan was drawn from.
    pub seed: u64,
    /// On which store.
    pub store: &'static str,
    /// How many processes.
    pub instances: usize,
    /// How many switches, and ports of each.
    pub switches: usize,
    pub ports: u16,
    /// What was asked for.
    pub minutes: f64,
    pub rate: f64,
    /// How long faults struck.
    pub seconds: f64,
    /// How long the rest took to drain.
    pub drain_seconds: f64,
    /// What struck, by kind.
    pub faults: Vec<Counted>,
    /// The same by victim.
    pub faults_in_all: BTreeMap<String, u64>,
    /// Processes killed, and how many of them in an open dialog.
    pub kills: u64,
    pub kills_in_dialog: u64,
    /// Clients that misbehaved, by kind.
    pub misconduct: BTreeMap<&'static str, u64>,
    /// What clients asked for, and how often.
    pub checkouts: u64,
    pub requests: usize,
    /// What became of it.
    pub accepted: usize,
    pub completed: usize,
    pub failed: usize,
    pub dead_letters: usize,
    /// While faults struck.
    pub jobs_a_second: f64,
    /// Switches that an operator released.
    pub releases: u64,
    /// What had not come to rest in the end; `None`: everything had.
    pub left: Option<String>,
    /// Answers that a client which behaves could not expect.
    pub refused: Vec<String>,
    /// What a person should know, and no rule judges.
    pub remarks: Vec<String>,
    /// The checker's verdicts.
    pub verdicts: checker::Report,
    /// Where logs and history are, if they stay.
    pub kept: Option<String>,
}

/// What only the run itself knows.
#[derive(Debug)]
pub struct Outcome {
    /// How long faults struck.
    pub struck: Duration,
    /// Completed by then.
    pub completed: usize,
    /// How long the drain took.
    pub drained: Duration,
    /// What was left.
    pub left: Option<String>,
}

impl Report {
    /// Sums up.
    pub fn of(world: &World, outcome: Outcome, verdicts: checker::Report) -> Self {
        let (options, tally, book) = (&world.options, world.tally.borrow(), world.book.borrow());
        let killed_in_dialog = tally.times(Victim::Process, KILLED_IN_DIALOG);
        Self {
            seed: options.seed,
            store: options.store.name(),
            instances: options.instances,
            switches: options.switches(),
            ports: options.ports(),
            minutes: options.minutes,
            rate: options.rate,
            seconds: outcome.struck.as_secs_f64(),
            drain_seconds: outcome.drained.as_secs_f64(),
            faults: tally.kinds(),
            faults_in_all: in_all(&tally),
            kills: killed_in_dialog + tally.times(Victim::Process, KILLED),
            kills_in_dialog: killed_in_dialog,
            misconduct: world.misconduct.borrow().clone(),
            checkouts: book.sent,
            requests: verdicts.seen.requests,
            accepted: book.accepted_jobs(),
            completed: book.completed_jobs(),
            failed: book.failed_jobs(),
            dead_letters: verdicts.seen.dead_letters,
            jobs_a_second: outcome.completed as f64 / outcome.struck.as_secs_f64().max(0.001),
            releases: world.releases.get(),
            left: outcome.left,
            refused: book.refused.clone(),
            remarks: world.remarks.borrow().clone(),
            verdicts,
            kept: None,
        }
    }

    /// Whether all that a run must show was shown: nothing violated or unjudged, nothing left, nothing refused without a reason.
    pub fn is_clean(&self) -> bool {
        let judged = self.verdicts.violated().is_empty() && self.verdicts.not_judged().is_empty();
        judged && self.left.is_none() && self.refused.is_empty()
    }
}

fn in_all(tally: &Tally) -> BTreeMap<String, u64> {
    use Victim::{Actor, Clock, Disk, Process, Receiver, Redis, Switch};
    let victims = [Process, Actor, Clock, Redis, Disk, Switch, Receiver];
    victims
        .map(|victim| (victim.to_string(), tally.of(victim)))
        .into_iter()
        .filter(|(_, times)| *times > 0)
        .collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "torture  seed {}, store {}, {} instances, {} switches of {} ports, faults for {:.0} s, drained in {:.0} s",
            self.seed,
            self.store,
            self.instances,
            self.switches,
            self.ports,
            self.seconds,
            self.drain_seconds
        )?;
        self.fmt_faults(f)?;
        writeln!(
            f,
            "checkouts  {} in {} requests: {} accepted, {} completed, {} failed; {:.1} completed a second",
            self.checkouts, self.requests, self.accepted, self.completed, self.failed, self.jobs_a_second
        )?;
        writeln!(
            f,
            "kills  {}, {} of them in an open dialog ({:.0} %)",
            self.kills,
            self.kills_in_dialog,
            100.0 * self.kills_in_dialog as f64 / (self.kills as f64).max(1.0)
        )?;
        writeln!(
            f,
            "dead letters  {}; switches released by the operator  {}",
            self.dead_letters, self.releases
        )?;
        shown(f, "remark", &self.remarks)?;
        shown(f, "refused without a reason", &self.refused)?;
        if let Some(left) = &self.left {
            writeln!(f, "NOT DRAINED  {left}")?;
        }
        write!(f, "{}", self.verdicts)?;
        if let Some(kept) = &self.kept {
            writeln!(f, "logs and history  {kept}")?;
        }
        let verdict = if self.is_clean() { "clean" } else { "NOT CLEAN" };
        writeln!(f, "{verdict}; again with  switchyard torture {}", again(self))
    }
}

impl Report {
    fn fmt_faults(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (victim, times) in &self.faults_in_all {
            let kinds = self.faults.iter().filter(|kind| kind.victim == *victim);
            let kinds: Vec<_> = kinds.map(|kind| format!("{} {}", kind.what, kind.times)).collect();
            writeln!(f, "{victim:<10} {times:>6}  {}", kinds.join(", "))?;
        }
        let misconduct: Vec<_> =
            self.misconduct.iter().map(|(what, times)| format!("{what} {times}")).collect();
        writeln!(
            f,
            "{:<10} {:>6}  {}",
            "clients",
            self.misconduct.values().sum::<u64>(),
            misconduct.join(", ")
        )
    }
}

fn shown(f: &mut fmt::Formatter<'_>, what: &str, lines: &[String]) -> fmt::Result {
    lines.iter().take(SHOWN).try_for_each(|line| writeln!(f, "{what}  {line}"))?;
    if lines.len() > SHOWN { writeln!(f, "{what}  ... and {} more", lines.len() - SHOWN) } else { Ok(()) }
}

/// The command line's words for the same run.
fn again(report: &Report) -> String {
    format!(
        "--seed {} --minutes {} --store {} --instances {} --switches {} --rate {}",
        report.seed, report.minutes, report.store, report.instances, report.switches, report.rate
    )
}

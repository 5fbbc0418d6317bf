//! A check of the switch's managed ports: which is read next, and what is put on record at the end.
//!
//! It only reads, one port a visit, so that whatever else there is to do comes in between. What it finds is kept in memory
//! until every port was read: a crash loses nothing but the reading. The verdict is one commit, under the versions that
//! the ports had before they were read; the repairs are the queue's, like those of any dirty port. A port that no
//! subscription manages is never read, and never named.

use super::choose::Choice;
use super::managed::adopt;
use super::settle::Fenced;
use super::task::{Duty, Task};
use crate::domain::contact::Contact;
use crate::domain::drift::{Consent, Found, Judged, ManagedPort, Response, SwitchDrift, judge};
use crate::domain::failure::DriverFailure;
use crate::domain::ids::{CommitId, PortName, PortRef};
use crate::domain::port::{PortEvent, PortState};
use crate::domain::record::{Index, Key, PortRecord, Record};
use crate::domain::time::UnixMillis;
use crate::domain::visit::{VisitOutcome, WorkItem};
use crate::outside::{Outside, put, unchanged};
use crate::ports::driver::Intent;
use crate::ports::store::{Commit, CommitError, Denial, StoreUnavailable, Stored, Write};
use crate::surveyor::schedule;
use std::collections::BTreeSet;

/// The most managed ports of one switch.
const MANAGED_MAX: usize = 10_000;

/// What was found of one port, and the version of its record before it was read.
#[derive(Debug, Clone)]
struct Finding {
    port: PortName,
    version: CommitId,
    found: Found,
}

/// How far a check has come.
#[derive(Debug, Clone)]
pub struct Survey {
    ports: Vec<PortName>,
    next: usize,
    findings: Vec<Finding>,
    /// Of the record that says what was ordered: when it changes, somebody has asked again.
    version: Option<CommitId>,
    fruitless: u32,
    last_failure: Option<DriverFailure>,
}

impl Survey {
    /// The switch may have rebooted since some of it was read.
    pub fn start_over(&mut self) {
        self.next = 0;
        self.findings.clear();
    }

    /// What came of the visit to a port.
    pub fn note(&mut self, task: &Task, outcome: &VisitOutcome) {
        let found = match outcome {
            VisitOutcome::Verified => Found::AsWanted,
            VisitOutcome::Drifted(found) => Found::Differs(task.want.differences(found)),
            VisitOutcome::FailedUntouched(failure) if failure.class.leaves_session_usable() => {
                Found::Unreadable(failure.to_string())
            }
            VisitOutcome::FailedUntouched(failure)
            | VisitOutcome::FailedRestored(failure)
            | VisitOutcome::FailedUnclear(failure) => {
                self.fruitless += 1;
                self.last_failure = Some(failure.clone());
                return;
            }
            VisitOutcome::BrokenOff | VisitOutcome::PutOff(_) => return,
        };
        let port = task.port.at.port.clone();
        self.next = self.ports.iter().position(|name| *name == port).map_or(self.next, |at| at + 1);
        let version = task.port_version.expect("a port is checked under the version of its record");
        self.findings.push(Finding { port, version, found });
    }
}

/// The next thing to do for a check: begin it, read a port, or put on record what it came to.
///
/// # Errors
/// [`StoreUnavailable`].
pub async fn next_of_check(
    outside: &Outside,
    duty: &Duty,
    survey: Option<&Survey>,
    reason: Reason,
    busy: &BTreeSet<PortName>,
) -> Result<Choice, StoreUnavailable> {
    let Some(survey) = survey else { return begin(outside, duty, reason).await };
    if survey.fruitless >= outside.settings.drift.attempts {
        return give_up(outside, duty, survey).await;
    }
    for port in survey.ports.iter().skip(survey.next) {
        if let Some(task) = to_be_read(outside, duty, port, busy).await? {
            return Ok(Choice::Visit(vec![task]));
        }
    }
    conclude(outside, duty, survey).await
}

/// Why there is a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is in the queue.
    Due,
    /// The switch went away and is back.
    Reconnected,
}

impl Reason {
    /// Whether there is one at all.
    #[must_use]
    pub fn of(is_due: bool, contact: Contact) -> Option<Self> {
        match contact {
            _ if is_due => Some(Self::Due),
            Contact::Regained => Some(Self::Reconnected),
            Contact::Unbroken | Contact::Lost => None,
        }
    }
}

async fn read_drift(
    outside: &Outside,
    duty: &Duty,
) -> Result<(SwitchDrift, Option<Stored>), StoreUnavailable> {
    let key = Key::Drift(duty.switch.id.clone());
    Ok(drift_in(duty, outside.store.read(&[key]).await?.pop().flatten()))
}

fn drift_in(duty: &Duty, stored: Option<Stored>) -> (SwitchDrift, Option<Stored>) {
    match &stored {
        Some(Stored { record: Record::Drift(drift), .. }) => (drift.clone(), stored),
        _ => (SwitchDrift::new(duty.switch.id.clone()), None),
    }
}

async fn begin(outside: &Outside, duty: &Duty, reason: Reason) -> Result<Choice, StoreUnavailable> {
    let (drift, stored) = read_drift(outside, duty).await?;
    let now = outside.clock.now();
    let is_fresh = |at: UnixMillis| now.millis_since(at) < outside.settings.drift.reconnect_pause_ms;
    if reason == Reason::Reconnected && drift.last.as_ref().is_some_and(|last| is_fresh(last.at)) {
        return Ok(Choice::Checked);
    }
    if !adopt(outside, duty).await? {
        return Ok(Choice::Fenced);
    }
    let members = outside.store.members(&Index::Managed(duty.switch.id.clone()), MANAGED_MAX).await?;
    let ports = members.iter().filter_map(|member| PortName::parse(&member.member).ok()).collect();
    let version = stored.map(|stored| stored.version);
    let (findings, last_failure) = (Vec::new(), None);
    Ok(Choice::Check(Survey { ports, next: 0, findings, version, fruitless: 0, last_failure }))
}

/// The port, if it can be judged now: live, held by whoever manages it, and nothing of ours under way on it.
async fn to_be_read(
    outside: &Outside,
    duty: &Duty,
    port: &PortName,
    busy: &BTreeSet<PortName>,
) -> Result<Option<Task>, StoreUnavailable> {
    let at = PortRef { switch: duty.switch.id.clone(), port: port.clone() };
    let mut read = outside.store.read(&[Key::Port(at.clone()), Key::Managed(at)]).await?.into_iter();
    let (
        Some(Stored { record: Record::Port(record), version }),
        Some(Stored { record: Record::Managed(managed), .. }),
    ) = (read.next().flatten(), read.next().flatten())
    else {
        return Ok(None);
    };
    let is_at_rest = matches!(record.state, PortState::Clean | PortState::AppliedUnsaved { .. });
    let is_set_aside = record.is_set_aside(outside.settings.supervision.repair_panics);
    if busy.contains(port) || is_set_aside || !is_at_rest || record.holder != Some(managed.subscription) {
        return Ok(None);
    }
    Ok(Some(Task::new(WorkItem::Check, Intent::Provision, record, version, managed.want)))
}

/// A finding beside the records that it is about.
struct Case {
    finding: Finding,
    port: PortRecord,
    port_stored: Stored,
    managed: ManagedPort,
    managed_stored: Stored,
}

/// Those whose port is as it was before it was read; the others are of no worth any more.
async fn still_true(
    outside: &Outside,
    duty: &Duty,
    findings: &[Finding],
) -> Result<Vec<Case>, StoreUnavailable> {
    let at = |port: &PortName| PortRef { switch: duty.switch.id.clone(), port: port.clone() };
    let keys: Vec<_> = findings
        .iter()
        .flat_map(|finding| [Key::Port(at(&finding.port)), Key::Managed(at(&finding.port))])
        .collect();
    let read = outside.store.read(&keys).await?;
    let cases = findings.iter().zip(read.chunks_exact(2)).filter_map(|(finding, stored)| {
        let (Some(port_stored), Some(managed_stored)) = (stored[0].clone(), stored[1].clone()) else {
            return None;
        };
        let (Record::Port(port), Record::Managed(managed)) = (&port_stored.record, &managed_stored.record)
        else {
            return None;
        };
        let (port, managed) = (port.clone(), managed.clone());
        let is_true = port_stored.version == finding.version;
        is_true.then(|| Case { finding: finding.clone(), port, port_stored, managed, managed_stored })
    });
    Ok(cases.collect())
}

/// Every port was read: judges, and puts the verdict on record in one commit.
async fn conclude(outside: &Outside, duty: &Duty, survey: &Survey) -> Result<Choice, StoreUnavailable> {
    loop {
        let (drift, stored) = read_drift(outside, duty).await?;
        if stored.as_ref().map(|stored| stored.version) != survey.version {
            // Asked for again while ports were read: those are to be read once more.
            return Ok(Choice::Checked);
        }
        let cases = still_true(outside, duty, &survey.findings).await?;
        let found = cases
            .iter()
            .map(|case| (case.finding.port.clone(), case.managed.upkeep, case.finding.found.clone()));
        let consent = drift.order.map_or(Consent::WithinLimits, |order| order.consent);
        let now = outside.clock.now();
        let judged = judge(found.collect(), consent, now, &outside.settings.drift.policy());
        let commit = verdict(outside, duty, drift, stored.as_ref(), &cases, &judged);
        match outside.commit_surely(vec![commit]).await {
            Ok(()) => {
                tell(duty, &judged);
                look_again_after_waits(outside, duty, &judged).await;
                return Ok(Choice::Checked);
            }
            Err(CommitError::Denied { why: Denial::Fenced { .. }, .. }) => return Ok(Choice::Fenced),
            // A port was taken up by a job meanwhile: without it.
            Err(CommitError::Denied { why: Denial::Stale(_), .. } | CommitError::Unknown(_)) => {}
        }
    }
}

fn verdict(
    outside: &Outside,
    duty: &Duty,
    drift: SwitchDrift,
    stored: Option<&Stored>,
    cases: &[Case],
    judged: &[Judged],
) -> Commit {
    let now = outside.clock.now();
    let mut commit = duty.commit(outside);
    for (case, judged) in cases.iter().zip(judged) {
        if judged.response == Some(Response::Repair) {
            let want = case.managed.want.clone();
            let drifted = case.port.state.clone().apply(PortEvent::Drifted { want }, now);
            let state = drifted.expect("only ports that are at rest are read, and this one is as it was");
            let key = Key::Port(case.port.at.clone());
            commit.expect.push(unchanged(key.clone(), Some(&case.port_stored)));
            commit.writes.push(put(key, Record::Port(PortRecord { state, ..case.port.clone() })));
            let (index, member) =
                (Index::Work(duty.switch.id.clone()), WorkItem::Port(case.port.at.port.clone()).to_member());
            commit.writes.push(Write::Include { index, member, score: now.0 });
        }
        if judged.upkeep != case.managed.upkeep {
            let key = Key::Managed(case.managed.at.clone());
            let managed = ManagedPort { upkeep: judged.upkeep, ..case.managed.clone() };
            commit.expect.push(unchanged(key.clone(), Some(&case.managed_stored)));
            commit.writes.push(put(key, Record::Managed(managed)));
        }
    }
    let concluded = drift.concluded(judged, cases.len(), now, &outside.settings.drift.policy());
    close(&mut commit, duty, concluded, stored);
    commit
}

/// The record, and the end of the queue's entry.
fn close(commit: &mut Commit, duty: &Duty, drift: SwitchDrift, stored: Option<&Stored>) {
    let key = Key::Drift(duty.switch.id.clone());
    commit.expect.push(unchanged(key.clone(), stored));
    commit.writes.push(put(key, Record::Drift(drift)));
    let (index, member) = (Index::Work(duty.switch.id.clone()), WorkItem::Check.to_member());
    commit.writes.push(Write::Exclude { index, member });
}

fn tell(duty: &Duty, judged: &[Judged]) {
    let switch = &duty.switch.id;
    let held_back = judged.iter().filter(|one| one.response == Some(Response::HeldBack)).count();
    if held_back > 0 {
        tracing::error!(%switch, held_back, "so many ports drifted that none is repaired until `check --repair`");
    }
    for Judged { port, response, .. } in judged {
        match response {
            None | Some(Response::HeldBack) => {}
            Some(Response::GivenUp) => {
                tracing::error!(%switch, %port, "drifted too often, and is left alone until `check --repair`");
            }
            Some(response) => tracing::warn!(%switch, %port, %response, "drift"),
        }
    }
}

/// What waits is looked at when its wait is over; that it isn't, when this gets lost, is left to the schedule.
async fn look_again_after_waits(outside: &Outside, duty: &Duty, judged: &[Judged]) {
    let waits = judged.iter().filter_map(|one| match one.response {
        Some(Response::Waits { until }) => Some(until),
        _ => None,
    });
    if let Some(at) = waits.min() {
        schedule(outside, &duty.switch.id, at).await;
    }
}

/// The switch can't be read: it is left for a while, with that on record.
async fn give_up(outside: &Outside, duty: &Duty, survey: &Survey) -> Result<Choice, StoreUnavailable> {
    let why = survey.last_failure.as_ref().map(ToString::to_string).unwrap_or_default();
    let id = CommitId(outside.entropy.uuid());
    let left = leave_unfinished(outside, duty, &why, survey.next, id).await;
    Ok(left.map_or(Choice::Fenced, |()| Choice::Checked))
}

/// A supervisor panicked over a check. The next one would meet the same, so it is left for a while.
///
/// # Errors
/// [`Fenced`].
pub async fn charge_panic(outside: &Outside, duty: &Duty, id: CommitId) -> Result<(), Fenced> {
    leave_unfinished(outside, duty, "the supervisor panicked over it", 0, id).await
}

async fn leave_unfinished(
    outside: &Outside,
    duty: &Duty,
    why: &str,
    ports: usize,
    id: CommitId,
) -> Result<(), Fenced> {
    loop {
        let read = outside.read_surely(&[Key::Drift(duty.switch.id.clone())]).await.pop().flatten();
        let (drift, stored) = drift_in(duty, read);
        let now = outside.clock.now();
        let mut commit = Commit { id, ..duty.commit(outside) };
        close(&mut commit, duty, drift.unfinished(why.to_owned(), ports, now), stored.as_ref());
        match outside.commit_surely(vec![commit]).await {
            Ok(()) => {
                let again = now.plus_millis(outside.settings.drift.retry_ms);
                schedule(outside, &duty.switch.id, again).await;
                return Ok(());
            }
            Err(CommitError::Denied { why: Denial::Fenced { .. }, .. }) => return Err(Fenced),
            Err(CommitError::Denied { why: Denial::Stale(_), .. } | CommitError::Unknown(_)) => {}
        }
    }
}

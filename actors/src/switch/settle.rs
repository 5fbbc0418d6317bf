//! What a visit came to, as one commit: the job's outcome, the subscription, the port, the events, the queue. Outcome
//! and event are never apart.

use super::aftermath::SetAside;
use super::managed;
use super::task::{Duty, Task};
use super::transcripts::{self, remark};
use crate::domain::drift::ManagedPort;
use crate::domain::event::{Event, News};
use crate::domain::failure::{DriverFailure, FailureReason};
use crate::domain::ids::{CommitId, EventId, JobId, PartnerId, PortName, PortRef, SubscriptionId};
use crate::domain::job::{JobEffect, JobEvent, JobState};
use crate::domain::port::{PortEvent, PortState};
use crate::domain::record::{Index, JobRecord, Key, PortRecord, Record, SubscriptionRecord, SwitchStatus};
use crate::domain::subscription::SubscriptionEvent;
use crate::domain::transcript::{Subject, text_of};
use crate::domain::visit::{VisitOutcome, WorkItem};
use crate::fail_points::{FailPoint, reach};
use crate::outside::{Outside, put, unchanged};
use crate::ports::store::{Commit, CommitError, Denial, Durability, Expectation, Stored, Write};
use crate::safeguards::{Safeguard, stands};
use std::collections::BTreeSet;

/// Someone else owns the switch by now: this supervisor must stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fenced;

/// What was decided about the job, for the log and for whoever is to be woken.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The partner has news.
    pub announced: Option<PartnerId>,
}

struct Read {
    job: Option<(JobRecord, Stored)>,
    subscription: Option<(SubscriptionRecord, Stored)>,
    port: PortRecord,
    port_stored: Option<Stored>,
    managed: Option<(ManagedPort, Stored)>,
    transcript: Option<String>,
    set_aside: Option<SetAside>,
}

/// Puts on record what parts of a visit came to: in one commit, or else each in its own, so that what is decided anew for one
/// is that one's alone. Answers which partners have news. Waits for a store that is away.
///
/// # Errors
/// [`Fenced`].
pub async fn settle(
    outside: &Outside,
    duty: &Duty,
    parts: &[(Task, VisitOutcome)],
) -> Result<BTreeSet<PartnerId>, Fenced> {
    let changes: Vec<_> =
        parts.iter().map(|(task, outcome)| (Change::of_visit(outside, duty, task, outcome), task)).collect();
    let together = if parts.len() > 1 { commit_together(outside, &changes).await? } else { None };
    let announced = match together {
        Some(announced) => announced,
        None => {
            let mut announced = BTreeSet::new();
            for (change, task) in &changes {
                announced.extend(change.commit(Some(task)).await?.announced);
            }
            announced
        }
    };
    reach(FailPoint::OutcomeCommitted);
    Ok(announced)
}

/// One commit for all, or `None` when a record has changed meanwhile, or two of them would change the same one.
async fn commit_together(
    outside: &Outside,
    changes: &[(Change<'_>, &Task)],
) -> Result<Option<BTreeSet<PartnerId>>, Fenced> {
    if !stands(Safeguard::EventsInOutcome) {
        return Ok(None);
    }
    let keys: Vec<_> = changes.iter().map(|(change, _)| change.keys()).collect();
    let mut read = outside.read_surely(&keys.concat()).await.into_iter();
    let (mut all, mut announced): (Option<Commit>, _) = (None, BTreeSet::new());
    for ((change, task), keys) in changes.iter().zip(&keys) {
        let read = change.understand(read.by_ref().take(keys.len()).collect()).await;
        if read.set_aside.is_some() {
            return Ok(None);
        }
        let (commit, settled) = change.build(&read, Some(task));
        announced.extend(settled.announced);
        all = Some(match all.take() {
            Some(all) => joined(all, commit),
            None => commit,
        });
    }
    let Some(commit) = all else { return Ok(Some(announced)) };
    match outside.commit_surely(vec![commit]).await {
        Ok(()) => Ok(Some(announced)),
        Err(CommitError::Denied { why: Denial::Fenced { .. }, .. }) => Err(Fenced),
        Err(CommitError::Denied { why: Denial::Stale(_), .. } | CommitError::Unknown(_)) => Ok(None),
    }
}

fn joined(mut one: Commit, other: Commit) -> Commit {
    one.expect.extend(other.expect);
    one.writes.extend(other.writes);
    one.events.extend(other.events);
    one
}

/// Fails a job that waited too long.
///
/// # Errors
/// [`Fenced`].
pub async fn expire(outside: &Outside, duty: &Duty, job: JobId) -> Result<Settled, Fenced> {
    without_a_visit(outside, duty, job, JobEvent::Expired, None).await
}

/// Counts a panic of an earlier supervisor over a job, under the id that the panic was given: the job is tried again, or fails.
///
/// # Errors
/// [`Fenced`].
pub async fn charge_panic(
    outside: &Outside,
    duty: &Duty,
    job: JobId,
    commit: CommitId,
) -> Result<Settled, Fenced> {
    let event = JobEvent::Panicked { jitter: outside.entropy.jitter() };
    without_a_visit(outside, duty, job, event, Some(commit)).await
}

async fn without_a_visit(
    outside: &Outside,
    duty: &Duty,
    job: JobId,
    event: JobEvent,
    commit: Option<CommitId>,
) -> Result<Settled, Fenced> {
    let read = outside.read_surely(&[Key::Job(duty.switch.id.clone(), job)]).await.pop().flatten();
    let Some(Stored { record: Record::Job(record), .. }) = read else {
        return Ok(Settled { announced: None });
    };
    let change = Change {
        outside,
        duty,
        commit,
        about: Some((job, record.subscription)),
        port: record.port,
        job_event: Some(event),
        outcome: None,
        transcript: "",
    };
    change.commit(None).await
}

fn job_event(outside: &Outside, task: &Task, outcome: &VisitOutcome) -> Option<JobEvent> {
    task.job.as_ref()?;
    Some(match outcome {
        VisitOutcome::Verified => JobEvent::Verified,
        VisitOutcome::BrokenOff => JobEvent::Interrupted,
        VisitOutcome::PutOff(_) => JobEvent::PutOff { jitter: outside.entropy.jitter() },
        VisitOutcome::Drifted(_) => unreachable!("a check has no job"),
        VisitOutcome::FailedUntouched(failure)
        | VisitOutcome::FailedRestored(failure)
        | VisitOutcome::FailedUnclear(failure) => JobEvent::AttemptFailed {
            failure: failure.clone(),
            took_millis: task.driver_millis,
            jitter: outside.entropy.jitter(),
        },
    })
}

struct Change<'a> {
    outside: &'a Outside,
    duty: &'a Duty,
    /// Under which id, where it was given one before.
    commit: Option<CommitId>,
    /// The job, and whose it is.
    about: Option<(JobId, SubscriptionId)>,
    port: PortRef,
    job_event: Option<JobEvent>,
    outcome: Option<&'a VisitOutcome>,
    transcript: &'a str,
}

impl<'a> Change<'a> {
    fn of_visit(outside: &'a Outside, duty: &'a Duty, task: &'a Task, outcome: &'a VisitOutcome) -> Self {
        Self {
            outside,
            duty,
            commit: None,
            about: task.job.as_ref().map(|job| (job.id, job.subscription)),
            port: task.port.at.clone(),
            job_event: job_event(outside, task, outcome),
            outcome: Some(outcome),
            transcript: &task.transcript,
        }
    }

    async fn commit(&self, task: Option<&Task>) -> Result<Settled, Fenced> {
        loop {
            let read = self.read().await;
            let (mut commit, settled) = self.build(&read, task);
            if !stands(Safeguard::EventsInOutcome) {
                self.outcome_alone(&mut commit).await?;
            }
            match self.outside.commit_surely(vec![commit]).await {
                Ok(()) => return Ok(settled),
                Err(CommitError::Denied { why: Denial::Fenced { .. }, .. }) => return Err(Fenced),
                // Another checkout took the port meanwhile, say: decide again on what is there now.
                Err(CommitError::Denied { why: Denial::Stale(_), .. } | CommitError::Unknown(_)) => {}
            }
        }
    }

    /// Commits everything but the events, and leaves these for a commit of their own.
    async fn outcome_alone(&self, commit: &mut Commit) -> Result<(), Fenced> {
        let mut apart = self.outside.commit(commit.tag.clone());
        std::mem::swap(&mut apart.events, &mut commit.events);
        let outcome = std::mem::replace(commit, apart);
        self.outside.commit_surely(vec![outcome]).await.map_err(|_| Fenced)
    }

    /// What it is decided by.
    fn keys(&self) -> Vec<Key> {
        let switch = self.duty.switch.id.clone();
        let said = self.subject().key(&switch);
        let mut keys = vec![Key::Port(self.port.clone()), Key::Managed(self.port.clone()), said];
        // One snapshot: a supervisor that was overtaken must not see a job before its outcome and a subscription after it.
        if let Some((job, subscription)) = self.about {
            keys.push(Key::Job(switch, job));
            keys.push(Key::Subscription(self.duty.tag(), subscription));
        }
        keys
    }

    async fn read(&self) -> Read {
        self.understand(self.outside.read_surely(&self.keys()).await).await
    }

    /// Of what was read by its keys.
    async fn understand(&self, read: Vec<Option<Stored>>) -> Read {
        let mut read = read.into_iter();
        let port_stored = read.next().flatten();
        let port = match &port_stored {
            Some(Stored { record: Record::Port(port), .. }) => port.clone(),
            _ => PortRecord::new(self.port.clone()),
        };
        let managed = read.next().flatten().and_then(|stored| match stored.record.clone() {
            Record::Managed(managed) => Some((managed, stored)),
            _ => None,
        });
        let transcript = read.next().flatten().and_then(|stored| text_of(stored.record));
        let job = read.next().flatten().and_then(|stored| match stored.record.clone() {
            Record::Job(job) => Some((job, stored)),
            _ => None,
        });
        let subscription = read.next().flatten().and_then(|stored| match stored.record.clone() {
            Record::Subscription(subscription) => Some((subscription, stored)),
            _ => None,
        });
        let set_aside = if self.made_good() { SetAside::with(self.outside, &port).await } else { None };
        Read { job, subscription, port, port_stored, managed, transcript, set_aside }
    }

    fn build(&self, read: &Read, task: Option<&Task>) -> (Commit, Settled) {
        let mut commit = self.duty.commit(self.outside);
        commit.id = self.commit.unwrap_or(commit.id);
        let mut port = read.port.clone();
        let mut settled = Settled { announced: None };
        let mut final_failure = false;
        if let (Some((job, job_stored)), Some(event)) = (&read.job, &self.job_event) {
            let now = self.outside.clock.now();
            let policy = self.outside.settings.job.policy();
            let applied = job.state.clone().apply(event.clone(), now, &policy);
            let Ok((state, effect)) = applied else {
                // It came to its outcome already, in a commit whose answer was lost with an earlier supervisor.
                return (commit, settled);
            };
            let job = JobRecord { state, ..job.clone() };
            let key = Key::Job(self.duty.switch.id.clone(), job.id);
            commit.expect.push(unchanged(key.clone(), Some(job_stored)));
            self.queue_again_or_leave(&mut commit, &job, effect);
            if effect == JobEffect::Settle {
                final_failure = matches!(job.state, JobState::Failed { .. });
                self.announce(&mut commit, &job, read.subscription.as_ref(), &mut port);
                commit.writes.extend(managed::after_outcome(&job, task));
                settled.announced = Some(job.key.partner);
            }
            commit.writes.push(put(key, Record::Job(job)));
        }
        if let (None, Some(task), Some((managed, stored))) = (self.about, task, &read.managed)
            && self.made_good()
        {
            managed::note_repair(self.outside, &mut commit, managed, stored, task);
        }
        self.keep_transcript(&mut commit, read.transcript.as_deref());
        self.change_port(&mut commit, port, read, task, final_failure);
        (commit, settled)
    }

    fn queue_again_or_leave(&self, commit: &mut Commit, job: &JobRecord, effect: JobEffect) {
        let index = Index::Work(self.duty.switch.id.clone());
        let member = WorkItem::Job(job.id).to_member();
        commit.writes.push(match effect {
            JobEffect::RunAgain { at } => Write::Include { index, member, score: at.0 },
            JobEffect::Settle => Write::Exclude { index, member },
            JobEffect::None | JobEffect::AwaitRelease => {
                Write::Include { index, member, score: self.outside.clock.now().0 }
            }
        });
    }

    /// The subscription's part of an outcome, and what its partner is told.
    fn announce(
        &self,
        commit: &mut Commit,
        job: &JobRecord,
        subscription: Option<&(SubscriptionRecord, Stored)>,
        port: &mut PortRecord,
    ) {
        let (subscription, stored) = subscription.expect("a job and its subscription are one commit");
        let now = self.outside.clock.now();
        let (job_id, subscription_id) = (job.id, job.subscription);
        let (event, first) = match &job.state {
            JobState::Completed { .. } => {
                (SubscriptionEvent::Provisioned, News::ProvisioningCompleted { job_id, subscription_id })
            }
            JobState::Failed { reason, .. } => {
                log_failure(job, reason);
                port.holder = None;
                let error = reason.for_partner();
                let news = News::ProvisioningFailed { job_id, subscription_id, error };
                (SubscriptionEvent::ProvisioningFailed, news)
            }
            JobState::Queued { .. } | JobState::Running { .. } => {
                unreachable!("only a settled job is announced")
            }
        };
        let mut news = vec![first];
        if event == SubscriptionEvent::Provisioned {
            let location_hash = subscription.location.clone().expect("what has a port has its location");
            let plan_version_id = subscription.plan;
            news.push(News::SubscriptionActivated { subscription_id, plan_version_id, location_hash });
        }
        let state = subscription.state.clone().apply(event, now);
        let (state, _) = state.expect("a subscription waits, pending, for the outcome of its job");
        let key = Key::Subscription(self.duty.tag(), subscription.id);
        commit.expect.push(unchanged(key.clone(), Some(stored)));
        let changed = SubscriptionRecord { state, ..subscription.clone() };
        commit.writes.push(put(key, Record::Subscription(changed)));
        let id = || EventId(self.outside.entropy.uuid());
        commit.events.extend(news.iter().map(|news| Event::new(id(), news, &job.key, now)));
    }

    /// What was said is kept by job, or by port where there is no job.
    fn subject(&self) -> Subject {
        match self.about {
            Some((job, _)) => Subject::Job(job),
            None => Subject::Port(self.port.port.clone()),
        }
    }

    /// What was said, and what came of it.
    fn keep_transcript(&self, commit: &mut Commit, earlier: Option<&str>) {
        if self.transcript.is_empty() {
            return;
        }
        let said = format!("{}{}", self.transcript, self.outcome.map(remark).unwrap_or_default());
        let (switch, earlier) = (&self.duty.switch.id, earlier.unwrap_or_default());
        transcripts::keep(self.outside, commit, switch, &self.subject(), earlier, &said);
    }

    /// What stands on the switch now, as far as this visit can tell, and what must still be done about it.
    fn change_port(
        &self,
        commit: &mut Commit,
        port: PortRecord,
        read: &Read,
        task: Option<&Task>,
        final_failure: bool,
    ) {
        let now = self.outside.clock.now();
        let event = match (self.outcome, &port.state) {
            (Some(VisitOutcome::Verified), _) => task.map(|task| PortEvent::Verified {
                want: task.verified.clone().unwrap_or_else(|| task.want.clone()),
            }),
            (Some(VisitOutcome::FailedRestored(_)), state) => {
                state.before().cloned().map(|want| PortEvent::Verified { want })
            }
            // What was sent is in the port's journal, if anything was. Whoever changed the record said what it is.
            (Some(VisitOutcome::BrokenOff | VisitOutcome::PutOff(_) | VisitOutcome::Drifted(_)), _) => None,
            // A half of ours may stand there, from this visit or an earlier one, and no job comes back for it.
            (Some(VisitOutcome::FailedUnclear(_) | VisitOutcome::FailedUntouched(_)) | None, _) => {
                let is_left = final_failure || self.about.is_none();
                (is_left && stands(Safeguard::DirtyAfterFailure)).then_some(PortEvent::LeftUnclear)
            }
        };
        let state = match event {
            Some(event) => port.state.clone().apply(event, now).expect("these are possible in every state"),
            None => port.state.clone(),
        };
        let index = Index::Work(self.duty.switch.id.clone());
        let member = WorkItem::Port(port.at.port.clone()).to_member();
        // What was set aside is out of the queue, whatever a job on it comes to, until it is found as it should be.
        let limit = self.outside.settings.supervision.repair_panics;
        let is_left = port.is_set_aside(limit) && !self.made_good();
        match &state {
            _ if is_left => {}
            PortState::AppliedUnsaved { .. } | PortState::Dirty { .. } => {
                let score = now.plus_millis(self.wait_ms(task)).0;
                commit.writes.push(Write::Include { index, member, score });
            }
            PortState::Clean | PortState::Applying { .. } => {}
        }
        let key = Key::Port(port.at.clone());
        commit.expect.push(unchanged(key.clone(), read.port_stored.as_ref()));
        if let Some(set_aside) = &read.set_aside {
            set_aside.strike_out(&port.at, commit);
        }
        let panics = if self.made_good() { 0 } else { port.panics };
        commit.writes.push(put(key, Record::Port(PortRecord { state, panics, ..port })));
    }

    /// Whether the port was read, and is as it should be.
    fn made_good(&self) -> bool {
        matches!(self.outcome, Some(VisitOutcome::Verified | VisitOutcome::FailedRestored(_)))
    }

    /// A port that needs something is seen to at once; one for which that just failed waits.
    fn wait_ms(&self, task: Option<&Task>) -> u64 {
        let repairing = task.is_some_and(|task| matches!(task.item, WorkItem::Port(_)));
        let failed = !matches!(self.outcome, Some(VisitOutcome::Verified | VisitOutcome::BrokenOff));
        if repairing && failed { self.outside.settings.supervision.repair_ms } else { 0 }
    }
}

fn log_failure(job: &JobRecord, reason: &FailureReason) {
    match reason {
        FailureReason::Driver(DriverFailure { class, detail }) => {
            tracing::error!(job = %job.id, port = %job.port, ?class, detail, "a job failed");
        }
        FailureReason::TooOld => tracing::error!(job = %job.id, port = %job.port, "a job waited too long"),
        FailureReason::SupervisorPanicked { panics } => {
            tracing::error!(job = %job.id, port = %job.port, panics, "a job failed: supervisors panicked over it");
        }
    }
}

/// The running configuration was saved: these ports need nothing more.
///
/// # Errors
/// [`Fenced`].
pub async fn mark_saved(outside: &Outside, duty: &Duty, ports: &[PortName]) -> Result<(), Fenced> {
    let switch = &duty.switch.id;
    let refs = ports.iter().map(|port| PortRef { switch: switch.clone(), port: port.clone() });
    let keys: Vec<_> = refs.map(Key::Port).collect();
    loop {
        let mut commit = duty.commit(outside);
        // A restart would prove the ports and save once more.
        commit.durability = Durability::Lazy;
        for (key, stored) in keys.iter().zip(outside.read_surely(&keys).await) {
            let Some(Stored { record: Record::Port(port), version }) = stored else { continue };
            let Ok(state) = port.state.clone().apply(PortEvent::Saved, outside.clock.now()) else { continue };
            commit.expect.push(Expectation { key: key.clone(), version: Some(version) });
            let member = WorkItem::Port(port.at.port.clone()).to_member();
            commit.writes.push(Write::Exclude { index: Index::Work(switch.clone()), member });
            commit.writes.push(put(key.clone(), Record::Port(PortRecord { state, ..port })));
        }
        if commit.writes.is_empty() {
            break;
        }
        match outside.commit_surely(vec![commit]).await {
            Ok(()) => break,
            Err(CommitError::Denied { why: Denial::Fenced { .. }, .. }) => return Err(Fenced),
            // A checkout took one of them meanwhile; it is saved all the same.
            Err(CommitError::Denied { why: Denial::Stale(_), .. } | CommitError::Unknown(_)) => {}
        }
    }
    reach(FailPoint::SaveCommitted);
    Ok(())
}

/// Puts a quarantine on record.
///
/// # Errors
/// [`Fenced`].
pub async fn mark_quarantined(outside: &Outside, duty: &Duty, why: DriverFailure) -> Result<(), Fenced> {
    let key = Key::SwitchStatus(duty.switch.id.clone());
    loop {
        let stored = outside.read_surely(std::slice::from_ref(&key)).await.pop().flatten();
        let since = outside.clock.now();
        let before = match stored.as_ref().map(|stored| stored.record.clone()) {
            Some(Record::SwitchStatus(status)) => status,
            _ => SwitchStatus::in_service(duty.switch.id.clone(), since),
        };
        let status = SwitchStatus { quarantined: Some(why.clone()), since, ..before };
        let mut commit = duty.commit(outside);
        commit.expect.push(unchanged(key.clone(), stored.as_ref()));
        commit.writes.push(put(key.clone(), Record::SwitchStatus(status)));
        match outside.commit_surely(vec![commit]).await {
            Ok(()) => return Ok(()),
            Err(CommitError::Denied { why: Denial::Fenced { .. }, .. }) => return Err(Fenced),
            Err(CommitError::Denied { why: Denial::Stale(_), .. } | CommitError::Unknown(_)) => {}
        }
    }
}

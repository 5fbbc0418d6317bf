//! What a supervisor does next: asked of the store each time, so a lost wake, a panic or a kill loses nothing.
//!
//! Jobs come first, oldest first. Then dirty ports; then ports whose configuration was applied by a session that is
//! gone, since the switch may have rebooted meanwhile; then the save, once for all that wait for it. A save that has
//! waited too long comes before the next job; one that failed waits for its time, and keeps nothing else waiting. What is
//! only looked at comes last: a check of the managed ports (`check.rs`), a port at a time. Jobs that grew too old fail here, also while the switch is quarantined; and
//! jobs that were proposed and never accepted are dropped here, or decided (`standing.rs`).

use super::aftermath::AtWork;
use super::check::{Reason, Survey, next_of_check};
use super::settle;
use super::standing::{Standing, doubtful, standing};
use super::task::{Duty, Task};
use crate::domain::contact::Contact;
use crate::domain::ids::{PortName, PortRef};
use crate::domain::job::{JobEvent, JobState};
use crate::domain::port::PortState;
use crate::domain::record::{Index, JobRecord, Key, PortRecord, Record};
use crate::domain::time::UnixMillis;
use crate::domain::visit::WorkItem;
use crate::fail_points::{FailPoint, reach};
use crate::outside::{Outside, put, unchanged};
use crate::ports::driver::Intent;
use crate::ports::store::{CommitError, Denial, Durability, Member, StoreUnavailable, Stored};
use crate::safeguards::{Safeguard, stands};
use std::collections::BTreeSet;

/// How many members of a queue are looked at in one go.
const LOOK_AHEAD: usize = 64;

/// A queue that is no longer than this is read whole. Of a longer one the front is read first, which mostly has what is next.
const FRONT: usize = 8;

/// What to do next.
pub enum Choice {
    /// These ports, together.
    Visit(Vec<Task>),
    /// Save what these ports wait for.
    Save(Vec<PortName>),
    /// A check begins.
    Check(Survey),
    /// There is no check, or it came to its end.
    Checked,
    /// Nothing before this moment, or before the next wake.
    Wait(Option<UnixMillis>),
    /// There is nothing to do at all.
    Rest,
    /// An operator has released the switch.
    Released,
    /// Someone else owns the switch by now.
    Fenced,
}

/// What the supervisor is free to do.
#[derive(Debug, Clone)]
pub struct Freedom {
    /// Whether a session may be used or opened now. Without it, only old jobs are failed.
    pub may_begin: bool,
    /// Whether the switch was quarantined when it was last looked at: only the record tells whether it still is.
    pub quarantined: bool,
    /// Ports that the session which is open has applied or proven: these only need the save.
    pub proven: BTreeSet<PortName>,
    /// Until when a save that failed is not tried again.
    pub no_save_before: Option<UnixMillis>,
    /// Whether the switch went away and is back.
    pub contact: Contact,
    /// The check that is under way.
    pub survey: Option<Survey>,
    /// What goes with nothing else, because a panic came of it and others together.
    pub alone: BTreeSet<WorkItem>,
}

struct Queue {
    jobs: Vec<(u64, JobRecord, Stored)>,
    dirty: Vec<(u64, PortRecord)>,
    unsaved: Vec<(u64, UnixMillis, PortRecord)>,
    /// A check is due; it never waits in the queue.
    check: bool,
    next_score: Option<u64>,
    is_empty: bool,
}

async fn is_released(outside: &Outside, duty: &Duty) -> Result<bool, StoreUnavailable> {
    let read = outside.store.read(&[Key::SwitchStatus(duty.switch.id.clone())]).await?.pop().flatten();
    Ok(match read.map(|stored| stored.record) {
        Some(Record::SwitchStatus(status)) => status.quarantined.is_none(),
        _ => false,
    })
}

/// Looks at the queue and decides; chosen jobs are on record as running when this returns.
///
/// # Errors
/// [`StoreUnavailable`].
pub async fn choose(
    outside: &Outside,
    duty: &Duty,
    freedom: &Freedom,
    at_work: &AtWork,
) -> Result<Choice, StoreUnavailable> {
    if freedom.quarantined && is_released(outside, duty).await? {
        return Ok(Choice::Released);
    }
    loop {
        at_work.on_nothing();
        let now = outside.clock.now();
        let members = outside.store.members(&Index::Work(duty.switch.id.clone()), LOOK_AHEAD).await?;
        if let Some(front) = front(&members, freedom, outside.settings.supervision.visit_ports) {
            let queue = read_queue(outside, duty, front, now).await?;
            match fail_the_oldest(outside, duty, &queue, now, at_work).await? {
                Begun::Yes(choice) => return Ok(choice),
                Begun::LookAgain => continue,
                Begun::No { .. } => {}
            }
            if !is_save_overdue(outside, &queue, freedom, now) {
                match next_jobs(outside, duty, &queue, freedom, now, at_work).await? {
                    Begun::Yes(choice) => return Ok(choice),
                    Begun::LookAgain => continue,
                    Begun::No { .. } => {}
                }
            }
            at_work.on_nothing();
        }
        let queue = read_queue(outside, duty, members, now).await?;
        let check = Reason::of(queue.check, freedom.contact).filter(|_| freedom.may_begin);
        if queue.is_empty && check.is_none() {
            return Ok(Choice::Rest);
        }
        match fail_the_oldest(outside, duty, &queue, now, at_work).await? {
            Begun::Yes(choice) => return Ok(choice),
            Begun::LookAgain => continue,
            Begun::No { .. } => {}
        }
        if !freedom.may_begin {
            match clear_doubts(outside, duty, &queue, at_work).await? {
                Begun::Yes(choice) => return Ok(choice),
                Begun::LookAgain => continue,
                Begun::No { look_at } => {
                    return Ok(Choice::Wait(earlier(look_at, next_expiry(outside, &queue))));
                }
            }
        }
        let mut look_at = queue.next_score.map(UnixMillis);
        if !is_save_overdue(outside, &queue, freedom, now) {
            match next_jobs(outside, duty, &queue, freedom, now, at_work).await? {
                Begun::Yes(choice) => return Ok(choice),
                Begun::LookAgain => continue,
                Begun::No { look_at: undecided } => look_at = earlier(look_at, undecided),
            }
            let ports = ports_to_visit(outside, &queue, freedom, now);
            if !ports.is_empty() {
                at_work.on_all(ports.iter().map(|at| WorkItem::Port(at.port.clone())).collect());
                match with_ports(outside, &ports).await? {
                    tasks if tasks.is_empty() => continue,
                    tasks => return Ok(Choice::Visit(tasks)),
                }
            }
        }
        at_work.on_nothing();
        let busy = queue.jobs.iter().map(|(_, job, _)| job.port.port.clone()).collect();
        return match (save_or_wait(queue, freedom, look_at), check) {
            (Choice::Wait(_), Some(reason)) => {
                at_work.on(&WorkItem::Check);
                next_of_check(outside, duty, freedom.survey.as_ref(), reason, &busy).await
            }
            (choice, _) => Ok(choice),
        };
    }
}

/// What came of beginning a job.
enum Begun {
    Yes(Choice),
    /// Its record changed under us.
    LookAgain,
    /// None can be begun now; look again at this moment.
    No {
        look_at: Option<UnixMillis>,
    },
}

fn earlier(one: Option<UnixMillis>, other: Option<UnixMillis>) -> Option<UnixMillis> {
    [one, other].into_iter().flatten().min()
}

/// The oldest jobs that are due and decided, as many as may go together. One that was proposed and isn't decided yet is passed
/// over, not waited for.
async fn next_jobs(
    outside: &Outside,
    duty: &Duty,
    queue: &Queue,
    freedom: &Freedom,
    now: UnixMillis,
    at_work: &AtWork,
) -> Result<Begun, StoreUnavailable> {
    let due =
        || queue.jobs.iter().filter(|(score, ..)| *score <= now.0).map(|(_, job, stored)| (job, stored));
    let in_doubt = doubtful(outside, due().map(|(job, _)| job)).await?;
    let in_doubt: BTreeSet<_> = in_doubt.into_iter().map(|job| job.id).collect();
    let (mut next, mut group) = (None, Group::of_at_most(outside.settings.supervision.visit_ports));
    for (job, stored) in due() {
        let item = WorkItem::Job(job.id);
        let goes_alone = job.state.has_failed_before() || freedom.alone.contains(&item);
        if !group.has_room_for(&job.port, goes_alone) {
            continue;
        }
        at_work.on(&item);
        reach(FailPoint::JobChosen);
        // Nothing runs on hope.
        if in_doubt.contains(&job.id) {
            match standing(outside, duty, job).await? {
                Standing::Decided => {}
                Standing::Undecided { until } => {
                    next = earlier(next, Some(until));
                    continue;
                }
                Standing::Changed => return Ok(Begun::LookAgain),
                Standing::Fenced => return Ok(Begun::Yes(Choice::Fenced)),
            }
        }
        group.take(&job.port, goes_alone, (job, stored));
    }
    if group.members.is_empty() {
        return Ok(Begun::No { look_at: next });
    }
    at_work.on_all(group.members.iter().map(|(job, _)| WorkItem::Job(job.id)).collect());
    begin_jobs(outside, duty, &group.members).await
}

/// What goes into one visit. What goes alone shares it with nothing, so that its fault stays its own; and no port is in it twice.
struct Group<T> {
    at_most: usize,
    is_closed: bool,
    ports: BTreeSet<PortName>,
    members: Vec<T>,
}

impl<T> Group<T> {
    fn of_at_most(at_most: usize) -> Self {
        Self { at_most, is_closed: false, ports: BTreeSet::new(), members: Vec::new() }
    }

    fn has_room_for(&self, port: &PortRef, goes_alone: bool) -> bool {
        let is_full = self.is_closed || self.members.len() >= self.at_most;
        let fits = self.members.is_empty() || !goes_alone && !self.ports.contains(&port.port);
        !is_full && fits
    }

    fn take(&mut self, port: &PortRef, goes_alone: bool, member: T) {
        self.is_closed |= goes_alone;
        self.ports.insert(port.port.clone());
        self.members.push(member);
    }
}

/// Fails one job that waited too long, if it was ever accepted.
async fn fail_the_oldest(
    outside: &Outside,
    duty: &Duty,
    queue: &Queue,
    now: UnixMillis,
    at_work: &AtWork,
) -> Result<Begun, StoreUnavailable> {
    let max_age = outside.settings.job.max_age_ms;
    let expired = |job: &&JobRecord| {
        matches!(job.state, JobState::Queued { .. }) && now.millis_since(job.created_at) >= max_age
    };
    for job in queue.jobs.iter().map(|(_, job, _)| job).filter(expired) {
        at_work.on(&WorkItem::Job(job.id));
        match standing(outside, duty, job).await? {
            Standing::Decided => {
                let expired = settle::expire(outside, duty, job.id).await;
                return Ok(expired.map_or(Begun::Yes(Choice::Fenced), |_| Begun::LookAgain));
            }
            Standing::Changed => return Ok(Begun::LookAgain),
            Standing::Fenced => return Ok(Begun::Yes(Choice::Fenced)),
            Standing::Undecided { .. } => {}
        }
    }
    Ok(Begun::No { look_at: None })
}

/// Where no job can be begun, those that were never accepted still give their ports back.
async fn clear_doubts(
    outside: &Outside,
    duty: &Duty,
    queue: &Queue,
    at_work: &AtWork,
) -> Result<Begun, StoreUnavailable> {
    let mut next = None;
    for job in doubtful(outside, queue.jobs.iter().map(|(_, job, _)| job)).await? {
        at_work.on(&WorkItem::Job(job.id));
        match standing(outside, duty, job).await? {
            Standing::Decided => {}
            Standing::Changed => return Ok(Begun::LookAgain),
            Standing::Fenced => return Ok(Begun::Yes(Choice::Fenced)),
            Standing::Undecided { until } => next = earlier(next, Some(until)),
        }
    }
    Ok(Begun::No { look_at: next })
}

/// Of a long queue, what tells whether a job can be begun: its first jobs, and the port that has waited longest for its save.
/// What comes after the jobs isn't in it, so where none can be begun the whole queue is read.
fn front(members: &[Member], freedom: &Freedom, visit_ports: usize) -> Option<Vec<Member>> {
    let most = FRONT.max(2 * visit_ports);
    if !freedom.may_begin || members.len() <= most {
        return None;
    }
    let (mut jobs, mut saves) = (0, 0);
    let is_of_it = |member: &&Member| match WorkItem::from_member(&member.member) {
        Some(WorkItem::Job(_)) => {
            jobs += 1;
            jobs <= most
        }
        Some(WorkItem::Port(port)) if freedom.proven.contains(&port) => {
            saves += 1;
            saves == 1
        }
        Some(WorkItem::Port(_) | WorkItem::Check) | None => false,
    };
    let front: Vec<_> = members.iter().filter(is_of_it).cloned().collect();
    (jobs > 0).then_some(front)
}

fn is_save_overdue(outside: &Outside, queue: &Queue, freedom: &Freedom, now: UnixMillis) -> bool {
    freedom.no_save_before.is_none()
        && queue.unsaved.iter().any(|(_, since, port)| {
            let waited = now.millis_since(*since);
            freedom.proven.contains(&port.at.port)
                && waited >= outside.settings.supervision.save_longest_wait_ms
        })
}

async fn read_queue(
    outside: &Outside,
    duty: &Duty,
    members: Vec<Member>,
    now: UnixMillis,
) -> Result<Queue, StoreUnavailable> {
    let switch = &duty.switch.id;
    let items = members.iter().filter_map(|m| WorkItem::from_member(&m.member).map(|item| (m.score, item)));
    let mut check = false;
    let (scores, keys): (Vec<_>, Vec<_>) = items
        .filter_map(|(score, item)| match item {
            WorkItem::Job(id) => Some((score, Key::Job(switch.clone(), id))),
            WorkItem::Port(port) => Some((score, Key::Port(PortRef { switch: switch.clone(), port }))),
            WorkItem::Check => {
                check = true;
                None
            }
        })
        .unzip();
    let records = outside.store.read(&keys).await?;
    let mut queue = Queue {
        jobs: Vec::new(),
        dirty: Vec::new(),
        unsaved: Vec::new(),
        check,
        next_score: None,
        is_empty: members.is_empty(),
    };
    let mut begun = Vec::new();
    for (score, stored) in scores.into_iter().zip(records) {
        let score = outside.due(UnixMillis(score), now).0;
        if score > now.0 {
            queue.next_score = Some(queue.next_score.map_or(score, |next| next.min(score)));
        }
        match stored {
            Some(Stored { record: Record::Job(job), version }) => {
                let stored = Stored { record: Record::Job(job.clone()), version };
                queue.jobs.push((score, job, stored));
            }
            Some(Stored { record: Record::Port(port), .. }) => match port.state {
                PortState::AppliedUnsaved { since, .. } => queue.unsaved.push((score, since, port)),
                PortState::Dirty { .. } => queue.dirty.push((score, port)),
                PortState::Applying { .. } => begun.push((score, port)),
                PortState::Clean => {}
            },
            _ => {}
        }
    }
    // In the hands of its job; one without a job was being repaired by a supervisor that is gone.
    begun.retain(|(_, port)| !queue.jobs.iter().any(|(_, job, _)| job.port == port.at));
    queue.dirty.append(&mut begun);
    Ok(queue)
}

fn next_expiry(outside: &Outside, queue: &Queue) -> Option<UnixMillis> {
    let created = queue.jobs.iter().map(|(_, job, _)| job.created_at).min();
    created.map(|at| at.plus_millis(outside.settings.job.max_age_ms))
}

/// Those to be brought back, and then those to be proven, as many as may go together.
fn ports_to_visit(outside: &Outside, queue: &Queue, freedom: &Freedom, now: UnixMillis) -> Vec<PortRef> {
    let needs_proof =
        |port: &PortRecord| stands(Safeguard::ProvenBeforeSave) && !freedom.proven.contains(&port.at.port);
    let dirty = queue.dirty.iter().filter(|(score, _)| *score <= now.0).map(|(_, port)| port);
    let unsaved = queue.unsaved.iter().filter(|(score, ..)| *score <= now.0).map(|(_, _, port)| port);
    let mut group = Group::of_at_most(outside.settings.supervision.visit_ports);
    for port in dirty.chain(unsaved.filter(|port| needs_proof(port))) {
        let goes_alone = port.panics > 0 || freedom.alone.contains(&WorkItem::Port(port.at.port.clone()));
        if group.has_room_for(&port.at, goes_alone) {
            group.take(&port.at, goes_alone, port.at.clone());
        }
    }
    group.members
}

/// With nothing to do on a port: the save of those that are proven, unless the last one failed only just now.
fn save_or_wait(queue: Queue, freedom: &Freedom, look_at: Option<UnixMillis>) -> Choice {
    let unsaved = queue.unsaved.into_iter().map(|(_, _, port)| port.at.port);
    let to_save: Vec<_> = unsaved
        .filter(|port| freedom.proven.contains(port) || !stands(Safeguard::ProvenBeforeSave))
        .collect();
    match freedom.no_save_before {
        _ if to_save.is_empty() => Choice::Wait(look_at),
        Some(until) => Choice::Wait(earlier(look_at, Some(until))),
        None => Choice::Save(to_save),
    }
}

/// Ports that are brought back, or proven to stand, without a job; without those about which nothing is to be done any more.
/// Each record and its version are of one read: a checkout may have taken the port since the queue was read.
async fn with_ports(outside: &Outside, ports: &[PortRef]) -> Result<Vec<Task>, StoreUnavailable> {
    let keys: Vec<_> =
        ports.iter().flat_map(|at| [Key::Port(at.clone()), Key::Managed(at.clone())]).collect();
    let read = outside.store.read(&keys).await?;
    Ok(read.chunks_exact(2).filter_map(|pair| with_port(&pair[0], &pair[1])).collect())
}

fn with_port(stored: &Option<Stored>, managed: &Option<Stored>) -> Option<Task> {
    let Some(Stored { record: Record::Port(port), version }) = stored else { return None };
    let want = match &port.state {
        PortState::Dirty { want }
        | PortState::AppliedUnsaved { want, .. }
        | PortState::Applying { before: want, .. } => want.clone(),
        PortState::Clean => return None,
    };
    // What a subscription has live is made as a job makes it; anything else becomes what it was.
    let intent = match managed.as_ref().map(|stored| &stored.record) {
        Some(Record::Managed(managed)) if managed.want == want => Intent::Provision,
        _ => Intent::Restore,
    };
    Some(Task::new(WorkItem::Port(port.at.port.clone()), intent, port.clone(), *version, want))
}

/// Puts the jobs on record as running, under our lease, in one commit.
async fn begin_jobs(
    outside: &Outside,
    duty: &Duty,
    jobs: &[(&JobRecord, &Stored)],
) -> Result<Begun, StoreUnavailable> {
    let now = outside.clock.now();
    let ports: Vec<_> = jobs.iter().map(|(job, _)| Key::Port(job.port.clone())).collect();
    let read = outside.store.read(&ports).await?;
    let mut commit = duty.commit(outside);
    // A restart would find them queued or running, and start them either way.
    commit.durability = Durability::Lazy;
    let mut tasks = Vec::with_capacity(jobs.len());
    for ((job, stored), port) in jobs.iter().zip(read) {
        let Some(Stored { record: Record::Port(port), version }) = port else {
            unreachable!("a job and its hold on the port are one commit");
        };
        let started = JobEvent::Started { lease: duty.lease };
        let Ok((state, _)) = job.state.clone().apply(started, now, &outside.settings.job.policy()) else {
            return Ok(Begun::Yes(Choice::Fenced));
        };
        let running = JobRecord { state, started_at: job.started_at.or(Some(now)), ..(*job).clone() };
        let key = Key::Job(duty.switch.id.clone(), job.id);
        commit.expect.push(unchanged(key.clone(), Some(stored)));
        commit.writes.push(put(key, Record::Job(running.clone())));
        let want = running.plan.wanted();
        let task = Task::new(WorkItem::Job(running.id), Intent::Provision, port, version, want);
        tasks.push(Task { job: Some(running), ..task });
    }
    match outside.commit_surely(vec![commit]).await {
        Ok(()) => reach(FailPoint::JobStarted),
        Err(CommitError::Denied { why: Denial::Fenced { .. }, .. }) => return Ok(Begun::Yes(Choice::Fenced)),
        Err(_) => return Ok(Begun::LookAgain),
    }
    Ok(Begun::Yes(Choice::Visit(tasks)))
}

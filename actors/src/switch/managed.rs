//! Which ports of a switch a subscription manages, and what each must be.
//!
//! A port is taken into upkeep by the commit that makes it live, as it was read back then, and leaves it with the commit
//! that lets go of it. Ports that were live before there was upkeep are adopted, once a switch, as the job that made them
//! live wanted them. It never takes in a port that no active subscription holds.

use super::task::{Duty, Task};
use crate::domain::drift::ManagedPort;
use crate::domain::ids::{JobId, PortName, PortRef};
use crate::domain::job::JobState;
use crate::domain::record::{Index, JobRecord, Key, PortRecord, Record, SubscriptionRecord};
use crate::domain::subscription::SubscriptionState;
use crate::domain::upkeep::{Upkeep, UpkeepEvent};
use crate::outside::{Outside, put, unchanged};
use crate::ports::store::{Commit, CommitError, Denial, StoreUnavailable, Stored, Write};

/// The most ports of a switch.
const PORTS_MAX: usize = 10_000;

/// Ports that are read in one go.
const LOOK_AHEAD: usize = 64;

/// Takes ports into upkeep that are live and are not in it, by a release that knew of none: each that the inventory has, if
/// an active subscription holds it. Asked with each check, since such a release may still run beside this one. Answers
/// `false` when someone else owns the switch by now.
///
/// # Errors
/// [`StoreUnavailable`].
pub async fn adopt(outside: &Outside, duty: &Duty) -> Result<bool, StoreUnavailable> {
    let switch = &duty.switch.id;
    let members = outside.store.members(&Index::Ports(switch.clone()), PORTS_MAX).await?;
    let names = members.iter().filter_map(|member| PortName::parse(&member.member).ok());
    let ports: Vec<_> = names.map(|port| PortRef { switch: switch.clone(), port }).collect();
    for ports in ports.chunks(LOOK_AHEAD) {
        let keys: Vec<_> =
            ports.iter().flat_map(|at| [Key::Port(at.clone()), Key::Managed(at.clone())]).collect();
        for pair in outside.store.read(&keys).await?.chunks_exact(2) {
            if let [Some(port), None] = pair
                && !adopt_one(outside, duty, port).await?
            {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

async fn adopt_one(outside: &Outside, duty: &Duty, stored: &Stored) -> Result<bool, StoreUnavailable> {
    let Record::Port(port) = stored.record.clone() else { return Ok(true) };
    let Some((managed, subscription)) = live_on(outside, duty, &port).await? else { return Ok(true) };
    let mut commit = duty.commit(outside);
    let holder = Key::Subscription(duty.tag(), managed.subscription);
    commit.expect = vec![
        unchanged(Key::Port(port.at.clone()), Some(stored)),
        unchanged(Key::Managed(port.at), None),
        unchanged(holder, Some(&subscription)),
    ];
    commit.writes.extend(manage(managed));
    let committed = outside.commit_surely(vec![commit]).await;
    // Stale: a job has it, and takes it into upkeep itself.
    Ok(!matches!(committed, Err(CommitError::Denied { why: Denial::Fenced { .. }, .. })))
}

/// What the port must be by the job that made it live.
async fn live_on(
    outside: &Outside,
    duty: &Duty,
    port: &PortRecord,
) -> Result<Option<(ManagedPort, Stored)>, StoreUnavailable> {
    let Some(holder) = port.holder else { return Ok(None) };
    let key = Key::Subscription(duty.tag(), holder);
    let Some(stored) = outside.store.read(&[key]).await?.pop().flatten() else { return Ok(None) };
    let Record::Subscription(subscription) = stored.record.clone() else { return Ok(None) };
    if !matches!(subscription.state, SubscriptionState::Active { .. }) {
        return Ok(None);
    }
    let Some(job) = job_of(outside, &subscription).await? else { return Ok(None) };
    let read = outside.store.read(&[Key::Job(duty.switch.id.clone(), job)]).await?.pop().flatten();
    Ok(match read.map(|stored| stored.record) {
        Some(Record::Job(job)) if matches!(job.state, JobState::Completed { .. }) => {
            let (at, want, upkeep) = (port.at.clone(), job.plan.wanted(), Upkeep::Steady);
            Some((ManagedPort { at, subscription: subscription.id, want, upkeep }, stored))
        }
        _ => None,
    })
}

async fn job_of(
    outside: &Outside,
    subscription: &SubscriptionRecord,
) -> Result<Option<JobId>, StoreUnavailable> {
    if subscription.install_job.is_some() {
        return Ok(subscription.install_job);
    }
    let key = Key::Checkout(subscription.key.clone());
    Ok(match outside.store.read(&[key]).await?.pop().flatten().map(|stored| stored.record) {
        Some(Record::Checkout(checkout)) => checkout.receipt.job(),
        _ => None,
    })
}

/// Takes a port into upkeep: part of the commit that makes it live.
fn manage(managed: ManagedPort) -> [Write; 2] {
    let index = Index::Managed(managed.at.switch.clone());
    let member = managed.at.port.to_string();
    let key = Key::Managed(managed.at.clone());
    [Write::Include { index, member, score: 0 }, put(key, Record::Managed(managed))]
}

/// Takes a port out of upkeep: part of the commit that lets go of it.
fn let_go(at: &PortRef) -> [Write; 2] {
    let index = Index::Managed(at.switch.clone());
    [Write::Exclude { index, member: at.port.to_string() }, Write::Delete(Key::Managed(at.clone()))]
}

/// What an outcome makes of the port's upkeep: live, it is to stay as it was read back; let go of, it is nobody's.
#[must_use]
pub fn after_outcome(job: &JobRecord, task: Option<&Task>) -> [Write; 2] {
    match (&job.state, task) {
        (JobState::Completed { .. }, Some(task)) => manage(ManagedPort {
            at: job.port.clone(),
            subscription: job.subscription,
            want: task.verified.clone().unwrap_or_else(|| task.want.clone()),
            upkeep: Upkeep::default(),
        }),
        (JobState::Completed { .. }, None) => unreachable!("what was not visited was not read back"),
        (JobState::Failed { .. }, _) => let_go(&job.port),
        (JobState::Queued { .. } | JobState::Running { .. }, _) => {
            unreachable!("only a settled job has an outcome")
        }
    }
}

/// A port that was found otherwise, and is as it should be.
pub fn note_repair(
    outside: &Outside,
    commit: &mut Commit,
    managed: &ManagedPort,
    stored: &Stored,
    task: &Task,
) {
    let policy = outside.settings.drift.policy().upkeep;
    let (upkeep, _) = managed.upkeep.apply(UpkeepEvent::Repaired, outside.clock.now(), &policy);
    if managed.want == task.want && upkeep != managed.upkeep {
        let key = Key::Managed(managed.at.clone());
        commit.expect.push(unchanged(key.clone(), Some(stored)));
        commit.writes.push(put(key, Record::Managed(ManagedPort { upkeep, ..managed.clone() })));
    }
}

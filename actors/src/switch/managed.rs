//! Which ports of a switch a subscription manages, and what each must be.
//!
//! A port is taken into upkeep by the commit that makes it live, as it was read back then, and leaves it with the commit
//! that lets go of it. Ports that were live before there was upkeep are adopted, once a switch, as the job that made them
//! live wanted them. It never takes in a port that no active subscription holds.

use super::task::Duty;
use crate::domain::drift::ManagedPort;
use crate::domain::ids::{JobId, PortName, PortRef};
use crate::domain::job::JobState;
use crate::domain::record::{Index, Key, PortRecord, Record, SubscriptionRecord};
use crate::domain::subscription::SubscriptionState;
use crate::domain::upkeep::Upkeep;
use crate::outside::{Outside, put, unchanged};
use crate::ports::store::{CommitError, Denial, StoreUnavailable, Stored, Write};

/// The most ports of a switch.
const PORTS_MAX: usize = 10_000;

/// Takes ports into upkeep that were live before there was any: each that the inventory has, if an active subscription holds
/// it. Answers `false` when someone else owns the switch by now.
///
/// # Errors
/// [`StoreUnavailable`].
pub async fn adopt(outside: &Outside, duty: &Duty) -> Result<bool, StoreUnavailable> {
    let switch = &duty.switch.id;
    for member in outside.store.members(&Index::Ports(switch.clone()), PORTS_MAX).await? {
        let Ok(port) = PortName::parse(&member.member) else { continue };
        let at = PortRef { switch: switch.clone(), port };
        let keys = [Key::Port(at.clone()), Key::Managed(at)];
        let mut read = outside.store.read(&keys).await?.into_iter();
        let (Some(stored), None) = (read.next().flatten(), read.next().flatten()) else { continue };
        let Record::Port(port) = stored.record.clone() else { continue };
        let Some((managed, subscription)) = live_on(outside, duty, &port).await? else { continue };
        let mut commit = outside.commit(duty.tag());
        commit.lease = Some(duty.lease);
        commit.expect.push(unchanged(Key::Port(port.at.clone()), Some(&stored)));
        commit.expect.push(unchanged(Key::Managed(port.at.clone()), None));
        let key = Key::Subscription(duty.tag(), managed.subscription);
        commit.expect.push(unchanged(key, Some(&subscription)));
        commit.writes.extend(manage(managed));
        if let Err(CommitError::Denied { why: Denial::Fenced { .. }, .. }) =
            outside.commit_surely(vec![commit]).await
        {
            return Ok(false);
        }
    }
    Ok(true)
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
pub fn manage(managed: ManagedPort) -> [Write; 2] {
    let index = Index::Managed(managed.at.switch.clone());
    let member = managed.at.port.to_string();
    let key = Key::Managed(managed.at.clone());
    [Write::Include { index, member, score: 0 }, put(key, Record::Managed(managed))]
}

/// Takes a port out of upkeep: part of the commit that lets go of it.
#[must_use]
pub fn let_go(at: &PortRef) -> [Write; 2] {
    let index = Index::Managed(at.switch.clone());
    [Write::Exclude { index, member: at.port.to_string() }, Write::Delete(Key::Managed(at.clone()))]
}

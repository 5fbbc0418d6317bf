//! A confirmed install: the technician has patched a port, and the home-drop subscription moves from its unit to the
//! switch. Claim, propose, confirm again, with the ids that are on record first; a repeat finishes what it finds.

use super::ConfirmInstall;
use super::accept::{directory_entry, queue_job, read_port};
use crate::domain::ids::JobId;
use crate::domain::inventory::{Location, PlanVersion};
use crate::domain::record::{Key, PortRecord, Record, SubscriptionRecord, Tag};
use crate::domain::subscription::{SubscriptionEvent, SubscriptionState};
use crate::domain::text::LocationHash;
use crate::outside::{Outside, Wakes, put, unchanged};
use crate::ports::store::{Commit, CommitError, Expectation, StoreUnavailable, Stored, Write};
use crate::provisioning::{InstallDenied, InstallStarted, Refused, Unavailable};
use std::sync::Arc;

type Answer<T> = Result<T, Refused<InstallDenied>>;

/// Starts provisioning on the patched port, or says why not.
pub async fn confirm(
    outside: Arc<Outside>,
    wakes: Arc<dyn Wakes>,
    asked: ConfirmInstall,
) -> Answer<InstallStarted> {
    for _ in 0..outside.settings.checkout.max_rounds {
        let (subscription, stored) = find(&outside, &asked).await?;
        if let Some(started) = already_started(&subscription, &asked.location)? {
            return Ok(started);
        }
        let (location, port, port_read) = find_port(&outside, &asked, &subscription).await?;
        let plan = find_plan(&outside, &subscription).await?;
        let job = subscription.install_job.unwrap_or_else(|| JobId(outside.entropy.uuid()));
        let row = row_of_install(
            &outside,
            &subscription,
            &stored,
            &location,
            &port,
            port_read.as_ref(),
            &plan,
            job,
        )?;
        match outside.store.commit(row).await {
            Ok(()) => {
                wakes.switch(&location.port.switch);
                return Ok(InstallStarted { job, subscription: subscription.id });
            }
            // Someone was faster with this subscription or this port: look again.
            Err(CommitError::Denied { .. }) => {}
            Err(CommitError::Unknown(why)) => return Err(Unavailable(why).into()),
        }
    }
    Err(Unavailable("an install kept losing races".into()).into())
}

fn unavailable(error: &StoreUnavailable) -> Refused<InstallDenied> {
    Refused::Unavailable(Unavailable(error.to_string()))
}

async fn find(outside: &Outside, asked: &ConfirmInstall) -> Answer<(SubscriptionRecord, Stored)> {
    let missing = || Refused::Denied(InstallDenied::SubscriptionNotFound);
    let home =
        outside.store.read(&[Key::Directory(asked.subscription.0)]).await.map_err(|e| unavailable(&e))?;
    let Some(Some(Stored { record: Record::Directory(home), .. })) = home.into_iter().next() else {
        return Err(missing());
    };
    let key = Key::Subscription(home, asked.subscription);
    let stored = outside.store.read(&[key]).await.map_err(|e| unavailable(&e))?.pop().flatten();
    match stored {
        // Another partner's subscription is as good as none: nobody learns of it.
        Some(stored) => match &stored.record {
            Record::Subscription(found) if found.key.partner == asked.partner => Ok((found.clone(), stored)),
            _ => Err(missing()),
        },
        None => Err(missing()),
    }
}

/// The answer for an install that has begun: the same job for the same port, a conflict for anything else.
fn already_started(
    subscription: &SubscriptionRecord,
    location: &LocationHash,
) -> Answer<Option<InstallStarted>> {
    match (&subscription.state, subscription.install_job) {
        (SubscriptionState::PendingInstall { .. }, _) => Ok(None),
        (_, Some(job)) if subscription.location.as_ref() == Some(location) => {
            Ok(Some(InstallStarted { job, subscription: subscription.id }))
        }
        (state, _) => Err(Refused::Denied(InstallDenied::NotPendingInstall { status: state.status() })),
    }
}

async fn find_port(
    outside: &Outside,
    asked: &ConfirmInstall,
    subscription: &SubscriptionRecord,
) -> Answer<(Location, PortRecord, Option<Stored>)> {
    let read =
        outside.store.read(&[Key::Location(asked.location.clone())]).await.map_err(|e| unavailable(&e))?;
    let location = match read.into_iter().next().flatten().map(|stored| stored.record) {
        Some(Record::Location(location)) if location.is_valid(outside.clock.now()) => location,
        _ => return Err(Refused::Denied(InstallDenied::LocationNotFound)),
    };
    let (port, read) = read_port(outside, &location.port).await.map_err(|e| unavailable(&e))?;
    if port.holder.is_some_and(|holder| holder != subscription.id) {
        return Err(Refused::Denied(InstallDenied::LocationTaken));
    }
    Ok((location, port, read))
}

async fn find_plan(outside: &Outside, subscription: &SubscriptionRecord) -> Answer<PlanVersion> {
    let read = outside.store.read(&[Key::Plan(subscription.plan)]).await.map_err(|e| unavailable(&e))?;
    match read.into_iter().next().flatten().map(|stored| stored.record) {
        Some(Record::Plan(plan)) => Ok(plan),
        _ => Err(Unavailable(format!("plan {} has left the inventory", subscription.plan)).into()),
    }
}

/// Claim at the unit, index entry, propose at the switch, and the move confirmed.
#[allow(clippy::too_many_arguments)] // all of them are what was read; a struct would only rename them
fn row_of_install(
    outside: &Outside,
    subscription: &SubscriptionRecord,
    stored: &Stored,
    location: &Location,
    port: &PortRecord,
    port_read: Option<&Stored>,
    plan: &PlanVersion,
    job: JobId,
) -> Answer<Vec<Commit>> {
    let now = outside.clock.now();
    let installed = SubscriptionEvent::InstallConfirmed { port: location.port.clone() };
    let (state, _) = subscription
        .state
        .clone()
        .apply(installed, now)
        .map_err(|denied| Refused::Denied(InstallDenied::NotPendingInstall { status: denied.state }))?;
    let SubscriptionState::PendingInstall { unit } = subscription.state else {
        unreachable!("only a pending install can be confirmed");
    };
    let (unit_home, switch_home) = (Tag::Unit(unit), Tag::Switch(location.port.switch.clone()));
    let old_key = Key::Subscription(unit_home.clone(), subscription.id);
    let claimed = SubscriptionRecord {
        install_job: Some(job),
        location: Some(location.hash.clone()),
        ..subscription.clone()
    };

    let mut claim = outside.commit(unit_home.clone());
    claim.expect.push(unchanged(old_key.clone(), Some(stored)));
    claim.writes.push(put(old_key.clone(), Record::Subscription(claimed.clone())));

    let moved = SubscriptionRecord { state, ..claimed };
    let mut propose = outside.commit(switch_home.clone());
    queue_job(&mut propose, job, &moved, plan, port, port_read, now);
    let new_key = Key::Subscription(switch_home.clone(), subscription.id);
    propose.writes.push(put(new_key, Record::Subscription(moved)));

    let mut leave = outside.commit(unit_home);
    leave.expect.push(Expectation { key: old_key.clone(), version: Some(claim.id) });
    leave.writes.push(Write::Delete(old_key));

    let job_entry = directory_entry(outside, job.0, &switch_home);
    let subscription_entry = directory_entry(outside, subscription.id.0, &switch_home);
    Ok(vec![claim, job_entry, propose, subscription_entry, leave])
}

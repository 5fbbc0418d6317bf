//! A confirmed install: the technician has patched a port, and the home-drop subscription moves from its unit to the
//! switch. Claim, propose, confirm again, with the ids that are on record first; a repeat finishes what it finds.
//!
//! ```text
//!   at the unit          job's entry        at the switch          subscription's entry       at the unit
//!   claim: job, place ──▶ directory ──▶ propose: job, hold, ──▶ confirm: unit ─▶ switch ──▶ clean up
//!                                       subscription                 (compare and set)
//! ```
//!
//! **The subscription's entry in the directory is the place of decision**: it moves once, from the unit to a switch, and only
//! if nobody moved it before. A job whose switch is not where it leads is never run (`domain/proof.rs`). So it doesn't matter how
//! many proposals slow or dead writers leave: one is decided, and the owners of the others drop them.
//!
//! | a crash after | leaves | and is finished by |
//! |---|---|---|
//! | the claim, or the job's entry | a subscription that names a job and a place, and holds nothing | a repeat: for that place, with that job; for another place, only when that one can't be had any more |
//! | the proposal | a job that holds its port, undecided | a repeat; after `checkout.claim_ms` the switch's owner |
//! | the confirmation | a decided job, and the unit's record, to which nothing leads | the sweep runs the job; the record is never read again |

use super::ConfirmInstall;
use super::accept::{commit, directory_entry, queue_job, read_port};
use crate::domain::ids::JobId;
use crate::domain::inventory::{Location, PlanVersion};
use crate::domain::record::{JobRecord, Key, PortRecord, Record, SubscriptionRecord, Tag};
use crate::domain::subscription::{SubscriptionEvent, SubscriptionState};
use crate::domain::text::LocationHash;
use crate::outside::{Outside, Wakes, put, unchanged};
use crate::ports::store::{Commit, Expectation, StoreUnavailable, Stored, Write};
use crate::provisioning::{InstallDenied, InstallStarted, Refused, Unavailable};
use std::sync::Arc;

type Answer<T> = Result<T, Refused<InstallDenied>>;

/// The subscription, and where the directory has it, both as read.
struct Found {
    subscription: SubscriptionRecord,
    stored: Stored,
    entry: Stored,
}

/// The port, as read.
struct Patched {
    location: Location,
    port: PortRecord,
    port_read: Option<Stored>,
}

/// Starts provisioning on the patched port, or says why not.
pub async fn confirm(
    outside: Arc<Outside>,
    wakes: Arc<dyn Wakes>,
    asked: ConfirmInstall,
) -> Answer<InstallStarted> {
    for _ in 0..outside.settings.checkout.max_rounds {
        let found = find(&outside, &asked).await?;
        if let Some(started) = already_started(&found.subscription, &asked.location)? {
            return Ok(started);
        }
        let (job, place) = begun(&found.subscription)
            .unwrap_or_else(|| (JobId(outside.entropy.uuid()), asked.location.clone()));
        let patched = match find_port(&outside, &place, &found.subscription).await {
            Ok(patched) => patched,
            Err(Refused::Denied(_)) if begun(&found.subscription).is_some() => {
                let_go(&outside, &found).await?;
                continue;
            }
            Err(refused) => return Err(refused),
        };
        let plan = find_plan(&outside, &found.subscription).await?;
        let row = row_of_install(&outside, &found, &patched, &plan, job).await?;
        // Denied: someone was faster with this subscription or this port, and the next look tells. So it does whether what
        // was finished here is what was asked for.
        if commit(&outside, row).await?.is_ok() {
            wakes.switch(&patched.location.port.switch);
            if place == asked.location {
                return Ok(InstallStarted { job, subscription: asked.subscription });
            }
        }
    }
    Err(Unavailable("an install kept losing races".into()).into())
}

fn unavailable(error: &StoreUnavailable) -> Refused<InstallDenied> {
    Refused::Unavailable(Unavailable(error.to_string()))
}

/// The install that somebody began, and that is not confirmed.
fn begun(subscription: &SubscriptionRecord) -> Option<(JobId, LocationHash)> {
    subscription.install_job.zip(subscription.location.clone())
}

/// A subscription that moved between the look at its entry and the look at it is there: it is looked for once more.
async fn find(outside: &Outside, asked: &ConfirmInstall) -> Answer<Found> {
    match find_once(outside, asked).await {
        Err(Refused::Denied(InstallDenied::SubscriptionNotFound)) => find_once(outside, asked).await,
        found => found,
    }
}

async fn find_once(outside: &Outside, asked: &ConfirmInstall) -> Answer<Found> {
    let missing = || Refused::Denied(InstallDenied::SubscriptionNotFound);
    let read = async |key| outside.store.read(&[key]).await.map(|mut read| read.pop().flatten());
    let entry = read(Key::Directory(asked.subscription.0)).await.map_err(|e| unavailable(&e))?;
    let entry = entry.ok_or_else(missing)?;
    let Record::Directory(home) = entry.record.clone() else { return Err(missing()) };
    let stored = read(Key::Subscription(home, asked.subscription)).await.map_err(|e| unavailable(&e))?;
    let stored = stored.ok_or_else(missing)?;
    match stored.record.clone() {
        // Another partner's subscription is as good as none: nobody learns of it.
        Record::Subscription(subscription) if subscription.key.partner == asked.partner => {
            Ok(Found { subscription, stored, entry })
        }
        _ => Err(missing()),
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
    place: &LocationHash,
    subscription: &SubscriptionRecord,
) -> Answer<Patched> {
    let read = outside.store.read(&[Key::Location(place.clone())]).await.map_err(|e| unavailable(&e))?;
    let location = match read.into_iter().next().flatten().map(|stored| stored.record) {
        Some(Record::Location(location)) if location.is_valid(outside.clock.now()) => location,
        _ => return Err(Refused::Denied(InstallDenied::LocationNotFound)),
    };
    let (port, port_read) = read_port(outside, &location.port).await.map_err(|e| unavailable(&e))?;
    if port.holder.is_some_and(|holder| holder != subscription.id) {
        return Err(Refused::Denied(InstallDenied::LocationTaken));
    }
    Ok(Patched { location, port, port_read })
}

async fn find_plan(outside: &Outside, subscription: &SubscriptionRecord) -> Answer<PlanVersion> {
    let read = outside.store.read(&[Key::Plan(subscription.plan)]).await.map_err(|e| unavailable(&e))?;
    match read.into_iter().next().flatten().map(|stored| stored.record) {
        Some(Record::Plan(plan)) => Ok(plan),
        _ => Err(Unavailable(format!("plan {} has left the inventory", subscription.plan)).into()),
    }
}

/// Takes an install back that was begun for a place that can't be had any more. Its job's id is never used again, so a
/// slow writer's proposal of it is another's.
async fn let_go(outside: &Outside, found: &Found) -> Answer<()> {
    let Record::Directory(home) = &found.entry.record else { unreachable!("found by its entry") };
    let key = Key::Subscription(home.clone(), found.subscription.id);
    let mut taken_back = outside.commit(home.clone());
    let as_before = SubscriptionRecord { install_job: None, location: None, ..found.subscription.clone() };
    taken_back.expect.push(unchanged(key.clone(), Some(&found.stored)));
    taken_back.writes.push(put(key, Record::Subscription(as_before)));
    // Denied: someone else was faster; the next look tells.
    let _ = commit(outside, vec![taken_back]).await?;
    Ok(())
}

/// What is missing of: claim at the unit, index entry, propose at the switch, the move confirmed, the unit's record gone.
async fn row_of_install(
    outside: &Outside,
    found: &Found,
    patched: &Patched,
    plan: &PlanVersion,
    job: JobId,
) -> Answer<Vec<Commit>> {
    let SubscriptionState::PendingInstall { unit } = found.subscription.state else {
        unreachable!("only a pending install can be confirmed");
    };
    let (unit_home, switch_home) = (Tag::Unit(unit), Tag::Switch(patched.location.port.switch.clone()));
    let old_key = Key::Subscription(unit_home.clone(), found.subscription.id);
    let new_key = Key::Subscription(switch_home.clone(), found.subscription.id);
    let keys = [Key::Directory(job.0), new_key.clone()];
    let mut read = outside.store.read(&keys).await.map_err(|e| unavailable(&e))?;
    let (proposed, entered) = (read.pop().flatten().is_some(), read.pop().flatten().is_some());

    let claimed = SubscriptionRecord {
        install_job: Some(job),
        location: Some(patched.location.hash.clone()),
        ..found.subscription.clone()
    };
    let mut row = Vec::with_capacity(5);
    if begun(&found.subscription).is_none() {
        let mut claim = outside.commit(unit_home);
        claim.expect.push(unchanged(old_key.clone(), Some(&found.stored)));
        claim.writes.push(put(old_key, Record::Subscription(claimed.clone())));
        row.push(claim);
    }
    if !entered {
        row.push(directory_entry(outside, job.0, &switch_home, None));
    }
    if !proposed {
        row.push(propose(outside, claimed, patched, plan, job, new_key)?);
    }
    row.extend(moved(outside, &found.subscription, &found.entry, unit, &switch_home));
    Ok(row)
}

fn propose(
    outside: &Outside,
    claimed: SubscriptionRecord,
    patched: &Patched,
    plan: &PlanVersion,
    job: JobId,
    key: Key,
) -> Answer<Commit> {
    let now = outside.clock.now();
    let installed = SubscriptionEvent::InstallConfirmed { port: patched.location.port.clone() };
    let applied = claimed.state.clone().apply(installed, now);
    let (state, _) = applied
        .map_err(|denied| Refused::Denied(InstallDenied::NotPendingInstall { status: denied.state }))?;
    let moved = SubscriptionRecord { state, ..claimed };
    let mut propose = outside.commit(key.tag());
    // On one switch there is one proposal at most: a slow writer's must not replace the one that was decided.
    propose.expect.push(Expectation { key: key.clone(), version: None });
    queue_job(&mut propose, job, &moved, plan, &patched.port, patched.port_read.as_ref(), now);
    propose.writes.push(put(key, Record::Subscription(moved)));
    Ok(propose)
}

/// The decision, and the end of the unit's record.
fn moved(
    outside: &Outside,
    subscription: &SubscriptionRecord,
    entry: &Stored,
    unit: crate::domain::ids::UnitId,
    switch_home: &Tag,
) -> [Commit; 2] {
    let confirm = directory_entry(outside, subscription.id.0, switch_home, Some(entry));
    let mut clean_up = outside.commit(Tag::Unit(unit));
    clean_up.writes.push(Write::Delete(Key::Subscription(Tag::Unit(unit), subscription.id)));
    [confirm, clean_up]
}

/// Confirms an install that was proposed on a switch, and that nobody came back for.
///
/// # Errors
/// [`Unavailable`].
pub async fn finish(
    outside: &Outside,
    job: &JobRecord,
    home: &Tag,
    entry: &Stored,
) -> Result<(), Unavailable> {
    let Tag::Unit(unit) = home else { unreachable!("an install is undecided while its home is a unit") };
    let switch_home = Tag::Switch(job.port.switch.clone());
    let key = [Key::Subscription(switch_home.clone(), job.subscription)];
    let read = outside.store.read(&key).await.map_err(|error| Unavailable(error.to_string()))?;
    let Some(Some(Stored { record: Record::Subscription(subscription), .. })) = read.into_iter().next()
    else {
        // Whoever owns the switch by now has dropped both; the next look tells.
        return Ok(());
    };
    // Denied: it was decided meanwhile; the next look tells for whom.
    let row = moved(outside, &subscription, entry, *unit, &switch_home).to_vec();
    let _ = commit(outside, row).await?;
    Ok(())
}

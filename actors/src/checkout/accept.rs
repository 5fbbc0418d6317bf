//! Acceptance: claim, propose, confirm.
//!
//! ```text
//!   read key, plan, place ──▶ known? ──▶ replay, or 409
//!            │ unknown
//!            ▼
//!   rules ──▶ [claim, index entries, propose, confirm] as one row ──▶ 200
//!                 │ denied: someone was faster
//!                 └──▶ look again
//! ```
//!
//! On an engine that spans tags the row is one transaction. On one that doesn't, a crash between two of its commits
//! leaves a pending claim: whoever meets it finishes it with the ids that it holds, or, when the rules say no by now,
//! lets it go. A refusal leaves nothing under the key.
//!
//! | a crash after | leaves | and is finished by |
//! |---|---|---|
//! | the claim, or an index entry | a pending claim | a repeat, or another request under the key |
//! | the proposal | a job that holds its port, undecided | the same, or after `checkout.claim_ms` the switch's owner |
//! | the confirmation | all of it | the sweep |
//!
//! A first writer that is only slow, not dead, is stopped by a version at its next commit: each of them expects what it
//! found, and entries and proposals of a home-drop, that nobody has made them. Then it looks again, as everybody else does.

use crate::domain::claim::{CheckoutRecord, Receipt};
use crate::domain::event::{Event, News};
use crate::domain::ids::{ClaimId, EventId, JobId, PortRef, SubscriptionId};
use crate::domain::inventory::{Location, PlanVersion, Unit};
use crate::domain::job::{JobKind, JobState};
use crate::domain::record::{Index, JobRecord, Key, PortPlan, PortRecord, Record, SubscriptionRecord, Tag};
use crate::domain::request::{CheckoutRequest, DeliveryMode};
use crate::domain::retention::Tombstone;
use crate::domain::subscription::{Hold, SubscriptionState};
use crate::domain::time::UnixMillis;
use crate::domain::visit::WorkItem;
use crate::fail_points::{FailPoint, reach};
use crate::outside::{Outside, Wakes, put, unchanged};
use crate::ports::store::{Commit, CommitError, Expectation, Order, StoreUnavailable, Stored, Write};
use crate::provisioning::{Accepted, CheckoutDenied, Refused, Unavailable};
use crate::safeguards::{Safeguard, stands};
use std::sync::Arc;

/// How often a row whose answer is unknown is asked for again before the partner is told to come back.
const REPEATS_OF_UNKNOWN: u32 = 2;

/// Where the line will end, looked up.
enum Place {
    Port { location: Location, port: PortRecord, read: Option<Stored> },
    Unit(Unit),
}

/// What stands under the key.
enum Known {
    Record(CheckoutRecord, Stored),
    Tombstone(Tombstone),
}

/// Everything that the rules look at.
struct Facts {
    known: Option<Known>,
    plan: Option<PlanVersion>,
    place: Option<Place>,
}

/// Accepts a checkout, or says why not.
pub async fn accept(
    outside: Arc<Outside>,
    wakes: Arc<dyn Wakes>,
    request: CheckoutRequest,
) -> Result<Accepted, Refused<CheckoutDenied>> {
    let mut made: Option<Receipt> = None;
    for _ in 0..outside.settings.checkout.max_rounds {
        let facts = look(&outside, &request).await?;
        match &facts.known {
            Some(Known::Tombstone(known)) => {
                return known_answer(*known, &request, made).map_err(Refused::Denied);
            }
            Some(Known::Record(known, _)) if known.is_accepted() => {
                return known_answer(Tombstone::of(known), &request, made).map_err(Refused::Denied);
            }
            Some(Known::Record(known, stored)) => {
                finish(&outside, known, stored).await?;
                if let Some(place) = &facts.place {
                    wake(&*wakes, &request, place);
                }
                continue;
            }
            None => {}
        }
        let (plan, place) = match rules(&request, &facts, outside.clock.now()) {
            // The key and the port may have been read on both sides of an acceptance: then it is this very key's port.
            Err(CheckoutDenied::LocationTaken) if is_claimed(&outside, &request).await? => continue,
            ruled => ruled.map_err(Refused::Denied)?,
        };
        let receipt = fresh_receipt(&outside, &request.mode);
        let claim =
            CheckoutRecord::pending(&request, ClaimId(outside.entropy.uuid()), receipt, outside.clock.now());
        let row = row_of_acceptance(&outside, &claim, plan, place);
        let claimed_by = row[0].id;
        reach(FailPoint::CheckoutBeforeCommit);
        match commit(&outside, row).await? {
            Ok(()) => {
                reach(FailPoint::CheckoutCommitted);
                wake(&*wakes, &request, place);
                return Ok(Accepted { receipt, replayed: false });
            }
            // Someone was faster: with this key, or with this port.
            Err(_) => resolve_own(&outside, &request, claimed_by).await?,
        }
        made = Some(receipt);
    }
    Err(Unavailable("a checkout kept losing races".into()).into())
}

async fn is_claimed(outside: &Outside, request: &CheckoutRequest) -> Result<bool, Unavailable> {
    let read = outside.store.read(&[Key::Checkout(request.key.clone())]).await;
    Ok(read.map_err(|error| Unavailable(error.to_string()))?.pop().flatten().is_some())
}

/// The answer for a key that is decided.
fn known_answer(
    known: Tombstone,
    request: &CheckoutRequest,
    made: Option<Receipt>,
) -> Result<Accepted, CheckoutDenied> {
    if known.fingerprint != request.fingerprint() {
        return Err(CheckoutDenied::KeyReused(known.receipt));
    }
    // Somebody may have finished our own claim for us: then this is the first answer, not a repeat.
    Ok(Accepted { receipt: known.receipt, replayed: made != Some(known.receipt) })
}

async fn look(outside: &Outside, request: &CheckoutRequest) -> Result<Facts, Unavailable> {
    look_up(outside, Key::Checkout(request.key.clone()), request.plan, &request.mode)
        .await
        .map_err(|error| Unavailable(error.to_string()))
}

async fn look_up(
    outside: &Outside,
    key: Key,
    plan: crate::domain::ids::PlanVersionId,
    mode: &DeliveryMode,
) -> Result<Facts, StoreUnavailable> {
    let place_key = match mode {
        DeliveryMode::Direct { location } => Key::Location(location.clone()),
        DeliveryMode::HomeDrop { unit } => Key::Unit(*unit),
    };
    // The inventory first: an engine may have it at hand, and then it leads to the port in the same round as the key.
    let mut read = outside.store.read(&[Key::Plan(plan), place_key]).await?.into_iter();
    let plan = read.next().flatten().and_then(|stored| match stored.record {
        Record::Plan(plan) => Some(plan),
        _ => None,
    });
    let place = read.next().flatten().map(|stored| stored.record);
    let mut keys = vec![key];
    if let Some(Record::Location(location)) = &place {
        keys.push(Key::Port(location.port.clone()));
    }
    let mut read = outside.store.read(&keys).await?.into_iter();
    let known = read.next().flatten().map(|stored| match stored.record.clone() {
        Record::Checkout(record) => Known::Record(record, stored),
        Record::Tombstone(tombstone) => Known::Tombstone(tombstone),
        other => unreachable!("a checkout key holds {other:?}"),
    });
    let place = match place {
        Some(Record::Location(location)) => {
            let (port, read) = port_of(&location.port, read.next().flatten());
            Some(Place::Port { location, port, read })
        }
        Some(Record::Unit(unit)) => Some(Place::Unit(unit)),
        _ => None,
    };
    Ok(Facts { known, plan, place })
}

/// A port's record, or that of a port that nothing is known of yet.
pub async fn read_port(
    outside: &Outside,
    at: &PortRef,
) -> Result<(PortRecord, Option<Stored>), StoreUnavailable> {
    Ok(port_of(at, outside.store.read(&[Key::Port(at.clone())]).await?.pop().flatten()))
}

fn port_of(at: &PortRef, read: Option<Stored>) -> (PortRecord, Option<Stored>) {
    let port = match &read {
        Some(Stored { record: Record::Port(port), .. }) => port.clone(),
        _ => PortRecord::new(at.clone()),
    };
    (port, read)
}

/// Rows 8 to 11 of the contract's table, in their order.
fn rules<'a>(
    request: &CheckoutRequest,
    facts: &'a Facts,
    now: UnixMillis,
) -> Result<(&'a PlanVersion, &'a Place), CheckoutDenied> {
    let place = match (&facts.place, &request.mode) {
        (Some(Place::Port { location, .. }), DeliveryMode::Direct { .. }) if !location.is_valid(now) => {
            return Err(CheckoutDenied::LocationNotFound);
        }
        (Some(place), _) => place,
        (None, DeliveryMode::Direct { .. }) => return Err(CheckoutDenied::LocationNotFound),
        (None, DeliveryMode::HomeDrop { .. }) => return Err(CheckoutDenied::UnitNotFound),
    };
    let plan = facts.plan.as_ref().ok_or(CheckoutDenied::PlanNotFound)?;
    if plan.partner != request.key.partner {
        return Err(CheckoutDenied::ForeignPlan);
    }
    if !plan.active {
        return Err(CheckoutDenied::InactivePlan);
    }
    match place {
        Place::Port { port, .. } if port.holder.is_some() && stands(Safeguard::PortHeldByOne) => {
            Err(CheckoutDenied::LocationTaken)
        }
        Place::Port { .. } | Place::Unit(_) => Ok((plan, place)),
    }
}

fn fresh_receipt(outside: &Outside, mode: &DeliveryMode) -> Receipt {
    let subscription = SubscriptionId(outside.entropy.uuid());
    match mode {
        DeliveryMode::Direct { .. } => Receipt::Direct { job: JobId(outside.entropy.uuid()), subscription },
        DeliveryMode::HomeDrop { .. } => Receipt::HomeDrop { subscription },
    }
}

/// The row: claim, index entries, propose, confirm.
fn row_of_acceptance(
    outside: &Outside,
    claim: &CheckoutRecord,
    plan: &PlanVersion,
    place: &Place,
) -> Vec<Commit> {
    let key = Key::Checkout(claim.key.clone());
    let mut commit = outside.commit(key.tag());
    if stands(Safeguard::KeyIsUnused) {
        commit.expect.push(Expectation { key: key.clone(), version: None });
    }
    commit.writes.push(put(key, Record::Checkout(claim.clone())));
    let (home, claimed) = (home_of(place), commit.id);
    let mut row = vec![commit];
    // Nobody knows these ids yet, so their entries may be written at the same time; but the proposal comes after both: where
    // they lead is the one place where it may be.
    row.extend(ids_of(claim).map(|id| directory_entry(outside, id, &home, None)));
    row[1].order = if row.len() > 2 { Order::BesideNext } else { Order::InTurn };
    row.push(propose(outside, claim, plan, place, home));
    row.push(confirm(outside, claim, place, claimed));
    row
}

fn home_of(place: &Place) -> Tag {
    match place {
        Place::Port { location, .. } => Tag::Switch(location.port.switch.clone()),
        Place::Unit(unit) => Tag::Unit(unit.id),
    }
}

fn ids_of(claim: &CheckoutRecord) -> impl Iterator<Item = uuid::Uuid> {
    [Some(claim.receipt.subscription().0), claim.receipt.job().map(|job| job.0)].into_iter().flatten()
}

/// Where a job or a subscription lives: a new entry, or one that moves from what was read. Never over another's
/// head: a slow writer must not move a subscription back.
pub fn directory_entry(outside: &Outside, id: uuid::Uuid, home: &Tag, read: Option<&Stored>) -> Commit {
    let key = Key::Directory(id);
    let mut commit = outside.commit(key.tag());
    commit.expect.push(unchanged(key.clone(), read));
    commit.writes.push(put(key, Record::Directory(home.clone())));
    commit
}

fn propose(
    outside: &Outside,
    claim: &CheckoutRecord,
    plan: &PlanVersion,
    place: &Place,
    home: Tag,
) -> Commit {
    let now = outside.clock.now();
    let subscription = |state, location| SubscriptionRecord {
        id: claim.receipt.subscription(),
        key: claim.key.clone(),
        plan: plan.id,
        mac: claim.mac,
        location,
        state,
        install_job: None,
        created_at: now,
    };
    let key = Key::Subscription(home.clone(), claim.receipt.subscription());
    let mut commit = outside.commit(home);
    match (place, claim.receipt) {
        (Place::Port { location, port, read }, Receipt::Direct { job, .. }) => {
            let at = location.port.clone();
            let state = SubscriptionState::Pending { port: at, hold: Hold::Held };
            let subscription = subscription(state, Some(location.hash.clone()));
            queue_job(&mut commit, job, &subscription, plan, port, read.as_ref(), now);
            commit.writes.push(put(key, Record::Subscription(subscription)));
        }
        (Place::Unit(unit), _) => {
            let state = SubscriptionState::PendingInstall { unit: unit.id };
            commit.expect.push(Expectation { key: key.clone(), version: None });
            commit.writes.push(put(key, Record::Subscription(subscription(state, None))));
        }
        (Place::Port { .. }, Receipt::HomeDrop { .. }) => {
            unreachable!("a receipt is made from the same mode as the place")
        }
    }
    commit
}

/// The hold on the port, the job, and its place in the switch's queue.
pub fn queue_job(
    commit: &mut Commit,
    job: JobId,
    subscription: &SubscriptionRecord,
    plan: &PlanVersion,
    port: &PortRecord,
    read: Option<&Stored>,
    now: UnixMillis,
) {
    let switch = port.at.switch.clone();
    let record = JobRecord {
        id: job,
        kind: JobKind::Provision,
        subscription: subscription.id,
        key: subscription.key.clone(),
        port: port.at.clone(),
        plan: PortPlan {
            vlan: plan.vlan,
            down_kbps: plan.down_kbps,
            up_kbps: plan.up_kbps,
            mac: subscription.mac,
        },
        state: JobState::new(now),
        created_at: now,
        started_at: None,
    };
    let held = PortRecord { holder: Some(subscription.id), ..port.clone() };
    commit.expect.push(unchanged(Key::Port(port.at.clone()), read));
    commit.writes.push(put(Key::Port(port.at.clone()), Record::Port(held)));
    commit.writes.push(put(Key::Job(switch.clone(), job), Record::Job(record)));
    let member = WorkItem::Job(job).to_member();
    commit.writes.push(Write::Include { index: Index::Work(switch), member, score: now.0 });
}

fn confirm(
    outside: &Outside,
    claim: &CheckoutRecord,
    place: &Place,
    claimed: crate::domain::ids::CommitId,
) -> Commit {
    let now = outside.clock.now();
    let key = Key::Checkout(claim.key.clone());
    let mut commit = outside.commit(key.tag());
    commit.expect.push(Expectation { key: key.clone(), version: Some(claimed) });
    commit.writes.push(put(key, Record::Checkout(claim.clone().accepted(now))));
    if let Place::Unit(unit) = place {
        let subscription_id = claim.receipt.subscription();
        let news = News::SubscriptionPendingInstall { subscription_id, unit_id: unit.id };
        commit.events.push(Event::new(EventId(outside.entropy.uuid()), &news, &claim.key, now));
    }
    commit
}

/// Commits; an unknown answer is asked for again under the same ids, and then is the partner's to ask for.
///
/// # Errors
/// [`Unavailable`].
pub async fn commit(outside: &Outside, row: Vec<Commit>) -> Result<Result<(), CommitError>, Unavailable> {
    let mut last = String::new();
    for _ in 0..=REPEATS_OF_UNKNOWN {
        match outside.store.commit(row.clone()).await {
            Err(CommitError::Unknown(why)) => last = why,
            known => return Ok(known),
        }
    }
    if stands(Safeguard::CommitBeforeAnswer) { Err(Unavailable(last)) } else { Ok(Ok(())) }
}

/// Compare and delete: takes back a claim that can't be confirmed.
async fn let_go(outside: &Outside, claim: &CheckoutRecord, claimed: crate::domain::ids::CommitId) {
    let key = Key::Checkout(claim.key.clone());
    let mut commit = outside.commit(key.tag());
    commit.expect.push(Expectation { key: key.clone(), version: Some(claimed) });
    commit.writes.push(Write::Delete(key));
    // Denied: someone else was faster. Unknown leaves a claim that whoever meets it resolves.
    let _ = outside.store.commit(vec![commit]).await;
}

/// A claim of ours that could not be carried through: where the engine left it, it is resolved like anybody's. It may
/// have been carried on by someone else, who met it, and then must not be taken back.
async fn resolve_own(
    outside: &Outside,
    request: &CheckoutRequest,
    claimed: crate::domain::ids::CommitId,
) -> Result<(), Unavailable> {
    let key = [Key::Checkout(request.key.clone())];
    let read = outside.store.read(&key).await.map_err(|error| Unavailable(error.to_string()))?;
    match read.into_iter().next().flatten() {
        Some(stored) if stored.version == claimed => match stored.record.clone() {
            Record::Checkout(claim) => finish(outside, &claim, &stored).await,
            other => unreachable!("a checkout key holds {other:?}"),
        },
        _ => Ok(()),
    }
}

/// Finishes a claim that somebody left pending, with the ids that it holds; or lets it go when it can't be any more.
///
/// # Errors
/// [`Unavailable`].
pub async fn finish(outside: &Outside, known: &CheckoutRecord, stored: &Stored) -> Result<(), Unavailable> {
    let away = |error: StoreUnavailable| Unavailable(error.to_string());
    let key = Key::Checkout(known.key.clone());
    let facts = look_up(outside, key, known.plan, &known.mode).await.map_err(away)?;
    let (Some(plan), Some(place)) = (&facts.plan, &facts.place) else {
        let_go(outside, known, stored.version).await;
        return Ok(());
    };
    let ours = Some(known.receipt.subscription());
    if let Place::Port { port, .. } = place
        && port.holder.is_some()
        && port.holder != ours
    {
        let_go(outside, known, stored.version).await;
        return Ok(());
    }
    let Some(row) = row_of_the_rest(outside, known, stored, plan, place).await.map_err(away)? else {
        let_go(outside, known, stored.version).await;
        return Ok(());
    };
    // A denial means that someone else has finished it, or let it go: the next look tells.
    let _ = commit(outside, row).await?;
    Ok(())
}

/// What is still missing of a row whose claim is there; `None` when it leads to another switch by now: the inventory has
/// moved the place, and a proposal may stand where the entries lead. Without its claim, that one is an orphan.
async fn row_of_the_rest(
    outside: &Outside,
    claim: &CheckoutRecord,
    stored: &Stored,
    plan: &PlanVersion,
    place: &Place,
) -> Result<Option<Vec<Commit>>, StoreUnavailable> {
    let home = home_of(place);
    let ids: Vec<_> = ids_of(claim).collect();
    let mut keys: Vec<_> = ids.iter().map(|id| Key::Directory(*id)).collect();
    keys.push(Key::Subscription(home.clone(), claim.receipt.subscription()));
    let mut read = outside.store.read(&keys).await?;
    let proposed = read.pop().flatten().is_some();
    let leads_elsewhere = |entry: &Stored| entry.record != Record::Directory(home.clone());
    if read.iter().flatten().any(leads_elsewhere) {
        return Ok(None);
    }
    let missing = ids.iter().zip(&read).filter(|(_, entry)| entry.is_none());
    let mut row: Vec<_> = missing.map(|(id, _)| directory_entry(outside, *id, &home, None)).collect();
    if !proposed {
        row.push(propose(outside, claim, plan, place, home));
    }
    row.push(confirm(outside, claim, place, stored.version));
    Ok(Some(row))
}

fn wake(wakes: &dyn Wakes, request: &CheckoutRequest, place: &Place) {
    match place {
        Place::Port { location, .. } => wakes.switch(&location.port.switch),
        Place::Unit(_) => wakes.partner(request.key.partner),
    }
}

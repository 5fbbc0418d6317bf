//! What is due for a partner, one attempt at an event, and on record what came of attempts.

use crate::domain::delivery::{DeliveryAttempt, DeliveryEvent, DeliveryRecord, DeliveryState};
use crate::domain::ids::{CommitId, EventId, LeaseEpoch, PartnerId};
use crate::domain::inventory::Partner;
use crate::domain::record::{Index, Key, Record, Tag};
use crate::domain::time::UnixMillis;
use crate::fail_points::{FailPoint, reach};
use crate::membership::Holding;
use crate::outside::{Outside, put};
use crate::ports::store::{
    Commit, CommitError, Denial, Durability, Expectation, StoreUnavailable, Stored, Write,
};
use crate::ports::webhook::{OutgoingWebhook, SendOutcome, WebhookSender};
use crate::safeguards::{Safeguard, stands};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

/// How an event's attempt ended, for whoever decides when to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// What came of it is on record.
    Recorded,
    /// It could not be made, and the event stands as it stood.
    LeftDue,
    /// The lease is over: another instance has, or had, the partner's lane. Under a new one the event is sent again, which
    /// at-least-once allows.
    Fenced,
}

/// An event to be sent, as it was read.
pub struct Parcel {
    delivery: DeliveryRecord,
    version: CommitId,
    attempt: u32,
}

impl Parcel {
    /// Which.
    #[must_use]
    pub fn event(&self) -> EventId {
        self.delivery.event.id
    }
}

/// What a look at a partner's events found.
#[derive(Default)]
pub struct Found {
    /// To be sent now.
    pub parcels: Vec<Parcel>,
    /// When the first of those is due that aren't yet.
    pub look_at: Option<UnixMillis>,
}

/// At most `room` events that are due and not on their way, read together.
///
/// # Errors
/// [`StoreUnavailable`].
pub async fn find_due(
    outside: &Outside,
    partner: PartnerId,
    room: usize,
    on_their_way: &BTreeSet<EventId>,
) -> Result<Found, StoreUnavailable> {
    let mut found = Found::default();
    // What is on its way stands in the index too: look far enough to see past it.
    let members = outside.store.members(&Index::Due(partner), room + on_their_way.len()).await?;
    let now = outside.clock.now();
    let mut keys = Vec::new();
    for (score, event) in members.iter().filter_map(|m| Some((m.score, m.member.parse().map(EventId).ok()?)))
    {
        let due = outside.due(UnixMillis(score), now);
        if due > now {
            found.look_at = Some(due);
            break;
        }
        if keys.len() < room && !on_their_way.contains(&event) {
            keys.push(Key::Delivery(partner, event));
        }
    }
    if keys.is_empty() {
        return Ok(found);
    }
    found.parcels = read_each(outside, &keys).await.into_iter().filter_map(parcel).collect();
    Ok(found)
}

/// All at once, or else each for itself: a record that can't be read keeps no other back.
async fn read_each(outside: &Outside, keys: &[Key]) -> Vec<Option<Stored>> {
    match outside.store.read(keys).await {
        Ok(read) => read,
        Err(error) => {
            tracing::debug!(%error, "due events are read one by one");
            let one = |key| async move {
                outside.store.read(std::slice::from_ref(key)).await.ok()?.pop().flatten()
            };
            join_all(keys.iter().map(one)).await
        }
    }
}

fn parcel(stored: Option<Stored>) -> Option<Parcel> {
    let Stored { record: Record::Delivery(delivery), version } = stored? else { return None };
    let DeliveryState::Due { attempt, .. } = delivery.state else { return None };
    Some(Parcel { delivery, version, attempt })
}

/// An attempt that was made, and is to be put on record.
pub struct Attempted {
    /// Under which lease.
    pub lease: LeaseEpoch,
    delivery: DeliveryRecord,
    version: CommitId,
    attempt: DeliveryAttempt,
    outcome: SendOutcome,
}

/// Tries once, at the address and with the secret that the partner has now: the event may have waited behind others.
///
/// # Errors
/// [`Ended::LeftDue`] without the partner's record; [`Ended::Fenced`] when the tenure is over, and the event another's to send.
pub async fn attempt(
    outside: &Outside,
    sender: &dyn WebhookSender,
    parcel: Parcel,
    holding: &Holding,
) -> Result<Attempted, Ended> {
    reach(FailPoint::DeliveryChosen);
    let Parcel { delivery, version, attempt } = parcel;
    let (partner, event) = (delivery.event.partner, delivery.event.id);
    let read = outside.store.read(&[Key::Partner(partner)]).await.map_err(|_| Ended::LeftDue)?.pop();
    let Some(Stored { record: Record::Partner(addressee), .. }) = read.flatten() else {
        tracing::warn!(%partner, %event, "an event's partner has left the inventory");
        return Err(Ended::LeftDue);
    };
    if !holding.tenure.holds() {
        return Err(Ended::Fenced);
    }
    let began = (outside.clock.now(), tokio::time::Instant::now());
    let outcome = sender.send(outgoing(&addressee, &delivery, attempt)).await;
    reach(FailPoint::DeliverySent);
    let took = u64::try_from(began.1.elapsed().as_millis()).unwrap_or(u64::MAX);
    let attempt = attempted(attempt, began.0, took, &outcome);
    Ok(Attempted { lease: holding.lease, delivery, version, attempt, outcome })
}

/// Puts on record what came of attempts that were made under one lease: in one commit, or else each for itself, so that what is
/// wrong with one stays its own.
pub async fn record(
    outside: &Outside,
    partner: PartnerId,
    lease: LeaseEpoch,
    batch: &[Attempted],
) -> Vec<(EventId, Ended)> {
    let events = batch.iter().map(|one| one.delivery.event.id);
    let together = AssertUnwindSafe(commit_results(outside, partner, lease, batch)).catch_unwind().await;
    if let Ok(Ok(ended)) = together {
        return events.map(|event| (event, ended)).collect();
    }
    let mut each = Vec::with_capacity(batch.len());
    for (event, one) in events.zip(batch) {
        let alone = commit_results(outside, partner, lease, std::slice::from_ref(one));
        let ended = match AssertUnwindSafe(alone).catch_unwind().await {
            Ok(Ok(ended)) => ended,
            Ok(Err(Overtaken)) => {
                tracing::warn!(%partner, %event, "an event's result is on record already");
                Ended::Recorded
            }
            Err(_) => charge_panic(outside, partner, event, lease).await,
        };
        each.push((event, ended));
    }
    each
}

/// The record of at least one event has changed since it was read.
struct Overtaken;

async fn commit_results(
    outside: &Outside,
    partner: PartnerId,
    lease: LeaseEpoch,
    batch: &[Attempted],
) -> Result<Ended, Overtaken> {
    let (policy, now) = (outside.settings.delivery.policy(), outside.clock.now());
    let mut commit = change(outside, partner, lease);
    for one in batch {
        let mut delivery = one.delivery.clone();
        let state = delivery.state.apply(judge(&one.outcome), now, &policy);
        delivery.state = state.expect("what is due can be acknowledged, refused and failed");
        delivery.attempts.push(one.attempt.clone());
        add(&mut commit, delivery, one.version);
    }
    let done = outside.commit_surely(vec![commit]).await;
    reach(FailPoint::DeliveryCommitted);
    match done {
        Ok(()) => Ok(Ended::Recorded),
        Err(CommitError::Denied { why: Denial::Fenced { .. }, .. }) => Ok(Ended::Fenced),
        Err(CommitError::Denied { why: Denial::Stale(_), .. } | CommitError::Unknown(_)) => Err(Overtaken),
    }
}

/// Puts on record that our own handling of an event panicked.
pub async fn charge_panic(outside: &Outside, partner: PartnerId, event: EventId, lease: LeaseEpoch) -> Ended {
    let key = Key::Delivery(partner, event);
    loop {
        let read = outside.read_surely(std::slice::from_ref(&key)).await.pop().flatten();
        let Some(Stored { record: Record::Delivery(delivery), version }) = read else {
            return Ended::Recorded;
        };
        let policy = outside.settings.delivery.policy();
        let now = outside.clock.now();
        let Ok(state) = delivery.state.clone().apply(DeliveryEvent::Panicked, now, &policy) else {
            // It came to its end before the panic.
            return Ended::Recorded;
        };
        tracing::error!(%partner, %event, state = state.name(), "our own handling of an event panicked");
        let mut commit = change(outside, partner, lease);
        // Or a process that dies now would begin to count anew.
        commit.durability = Durability::Durable;
        add(&mut commit, DeliveryRecord { state, ..delivery }, version);
        match outside.commit_surely(vec![commit]).await {
            Err(CommitError::Denied { why: Denial::Stale(_), .. }) => {}
            Err(CommitError::Denied { why: Denial::Fenced { .. }, .. }) => return Ended::Fenced,
            Ok(()) | Err(CommitError::Unknown(_)) => return Ended::Recorded,
        }
    }
}

fn outgoing(partner: &Partner, delivery: &DeliveryRecord, attempt: u32) -> OutgoingWebhook {
    let first = &delivery.event.body;
    let body = match stands(Safeguard::SameBytes) {
        true => first.clone(),
        false => format!("{first}{}", " ".repeat(attempt as usize)),
    };
    OutgoingWebhook {
        url: partner.webhook_url.clone(),
        secret: partner.webhook_secret.clone(),
        event: delivery.event.id,
        attempt,
        body,
    }
}

fn attempted(number: u32, at: UnixMillis, latency_millis: u64, outcome: &SendOutcome) -> DeliveryAttempt {
    let (status, error) = match outcome {
        SendOutcome::Answered { status } => (Some(*status), None),
        SendOutcome::NoAnswer { error } => (None, Some(error.clone())),
    };
    DeliveryAttempt { number, at, latency_millis, status, error }
}

/// Any 2xx acknowledges; 3xx and 4xx are a no; the rest is tried again.
fn judge(outcome: &SendOutcome) -> DeliveryEvent {
    match outcome {
        _ if !stands(Safeguard::Acknowledged) => DeliveryEvent::Acknowledged,
        SendOutcome::Answered { status: 200..=299 } => DeliveryEvent::Acknowledged,
        SendOutcome::Answered { status: status @ 300..=499 } => DeliveryEvent::Refused { status: *status },
        SendOutcome::Answered { .. } | SendOutcome::NoAnswer { .. } => DeliveryEvent::Failed,
    }
}

/// Which index an event whose attempt has ended goes to, and which it leaves.
fn moves(delivery: &DeliveryRecord) -> Vec<Write> {
    let (partner, event) = (delivery.event.partner, delivery.event.id);
    let (due, member) = (Index::Due(partner), event.to_string());
    match &delivery.state {
        DeliveryState::Due { at, .. } => vec![Write::Include { index: due, member, score: at.0 }],
        DeliveryState::Delivered { .. } => vec![Write::Exclude { index: due, member }],
        DeliveryState::Dead { at, why } => {
            tracing::warn!(%partner, %event, ?why, "an event is a dead letter");
            let dead = Write::Include { index: Index::Dead(partner), member: member.clone(), score: at.0 };
            vec![Write::Exclude { index: due, member }, dead]
        }
    }
}

/// A change under our lease, still empty. Lazy: what is lost with it is sent once more.
fn change(outside: &Outside, partner: PartnerId, lease: LeaseEpoch) -> Commit {
    let mut commit = outside.commit(Tag::Partner(partner));
    commit.lease = Some(lease);
    commit.durability = Durability::Lazy;
    commit
}

/// Adds a delivery whose attempt has ended.
fn add(commit: &mut Commit, delivery: DeliveryRecord, version: CommitId) {
    let key = Key::Delivery(delivery.event.partner, delivery.event.id);
    commit.expect.push(Expectation { key: key.clone(), version: Some(version) });
    commit.writes.extend(moves(&delivery));
    commit.writes.push(put(key, Record::Delivery(delivery)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_decides() {
        let answered = |status| judge(&SendOutcome::Answered { status });
        assert_eq!([200, 204, 299].map(answered), [DeliveryEvent::Acknowledged; 3]);
        assert_eq!(answered(302), DeliveryEvent::Refused { status: 302 });
        assert_eq!(answered(404), DeliveryEvent::Refused { status: 404 });
        assert_eq!([500, 503, 100].map(answered), [DeliveryEvent::Failed; 3]);
        assert_eq!(judge(&SendOutcome::NoAnswer { error: "x".into() }), DeliveryEvent::Failed);
    }
}

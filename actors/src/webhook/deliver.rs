//! One attempt at one event: on record as being sent, sent, and on record as what came of it.

use crate::domain::delivery::{DeliveryAttempt, DeliveryEvent, DeliveryRecord, DeliveryState};
use crate::domain::ids::{CommitId, EventId, LeaseEpoch, PartnerId};
use crate::domain::inventory::Partner;
use crate::domain::record::{Index, Key, Record, Tag};
use crate::domain::time::UnixMillis;
use crate::fail_points::{FailPoint, reach};
use crate::outside::{Outside, put};
use crate::ports::store::{Commit, CommitError, Denial, Durability, Expectation, Stored, Write};
use crate::ports::webhook::{OutgoingWebhook, SendOutcome, WebhookSender};
use crate::safeguards::{Safeguard, stands};

/// How an attempt ended, for whoever decides when to look again.
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

/// Tries once. Whatever can't be done now is left due.
pub async fn deliver(
    outside: &Outside,
    sender: &dyn WebhookSender,
    partner: PartnerId,
    event: EventId,
    lease: LeaseEpoch,
) -> Ended {
    let keys = [Key::Delivery(partner, event), Key::Partner(partner)];
    let Ok(mut read) = outside.store.read(&keys).await else { return Ended::LeftDue };
    let (addressee, delivery) = (read.pop().flatten(), read.pop().flatten());
    let Some(Stored { record: Record::Delivery(delivery), version }) = delivery else {
        return Ended::LeftDue;
    };
    let Some(Stored { record: Record::Partner(addressee), .. }) = addressee else {
        tracing::warn!(%partner, %event, "an event's partner has left the inventory");
        return Ended::LeftDue;
    };
    reach(FailPoint::DeliveryChosen);
    let (delivery, version) = match take(outside, delivery, version, lease).await {
        Ok(taken) => taken,
        Err(ended) => return ended,
    };
    reach(FailPoint::DeliveryTaken);
    let DeliveryState::Sending { attempt, .. } = delivery.state else {
        unreachable!("what was just taken is being sent");
    };
    let began = (outside.clock.now(), tokio::time::Instant::now());
    let outcome = sender.send(outgoing(&addressee, &delivery, attempt)).await;
    reach(FailPoint::DeliverySent);
    let took = u64::try_from(began.1.elapsed().as_millis()).unwrap_or(u64::MAX);
    let attempt = attempted(attempt, began.0, took, &outcome);
    let ended = record(outside, delivery, version, lease, attempt, &outcome).await;
    reach(FailPoint::DeliveryCommitted);
    ended
}

/// Puts on record that our own handling of an event panicked, under the id that the panic was given.
pub async fn charge_panic(
    outside: &Outside,
    partner: PartnerId,
    event: EventId,
    lease: LeaseEpoch,
    id: CommitId,
) -> Ended {
    let key = Key::Delivery(partner, event);
    loop {
        let read = outside.read_surely(std::slice::from_ref(&key)).await.pop().flatten();
        let Some(Stored { record: Record::Delivery(delivery), version }) = read else {
            return Ended::LeftDue;
        };
        let policy = outside.settings.delivery.policy();
        let now = outside.clock.now();
        let Ok(state) = delivery.state.clone().apply(DeliveryEvent::Panicked, now, &policy) else {
            // It came to its end before the panic.
            return Ended::Recorded;
        };
        tracing::error!(%partner, %event, state = state.name(), "our own handling of an event panicked");
        let delivery = DeliveryRecord { state, ..delivery };
        let mut commit = Commit { id, ..change(outside, &delivery, version, lease) };
        // Or a process that dies now would begin to count anew.
        commit.durability = Durability::Durable;
        commit.writes.extend(moves(&delivery));
        match outside.commit_surely(vec![commit]).await {
            Ok(()) => return Ended::Recorded,
            Err(CommitError::Denied { why: Denial::Stale(_), .. }) => {}
            Err(error) => return why_not(&error),
        }
    }
}

async fn take(
    outside: &Outside,
    delivery: DeliveryRecord,
    version: CommitId,
    lease: LeaseEpoch,
) -> Result<(DeliveryRecord, CommitId), Ended> {
    // Whoever was at it under a later lease may be gone; but ours is over, and without a new one nobody comes back to it.
    if matches!(delivery.state, DeliveryState::Sending { lease: by, .. } if by > lease) {
        return Err(Ended::Fenced);
    }
    let policy = outside.settings.delivery.policy();
    let taken = delivery.state.clone().apply(DeliveryEvent::Taken { lease }, outside.clock.now(), &policy);
    let taken = taken.map_err(|_| Ended::LeftDue)?;
    let delivery = DeliveryRecord { state: taken, ..delivery };
    let commit = change(outside, &delivery, version, lease);
    let id = commit.id;
    outside.commit_surely(vec![commit]).await.map_err(|error| why_not(&error))?;
    Ok((delivery, id))
}

fn why_not(error: &CommitError) -> Ended {
    match error {
        CommitError::Denied { why: Denial::Fenced { .. }, .. } => Ended::Fenced,
        CommitError::Denied { why: Denial::Stale(_), .. } | CommitError::Unknown(_) => Ended::LeftDue,
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

async fn record(
    outside: &Outside,
    mut delivery: DeliveryRecord,
    version: CommitId,
    lease: LeaseEpoch,
    attempt: DeliveryAttempt,
    outcome: &SendOutcome,
) -> Ended {
    let policy = outside.settings.delivery.policy();
    let state = delivery.state.clone().apply(judge(outcome), outside.clock.now(), &policy);
    delivery.state = state.expect("what is being sent can be acknowledged, refused and failed");
    delivery.attempts.push(attempt);
    let mut commit = change(outside, &delivery, version, lease);
    commit.writes.extend(moves(&delivery));
    match outside.commit_surely(vec![commit]).await {
        Ok(()) => Ended::Recorded,
        Err(error) => {
            tracing::warn!(partner = %delivery.event.partner, "an event's result was recorded by another instance");
            why_not(&error)
        }
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
        DeliveryState::Sending { .. } => unreachable!("an attempt that ended is not being sent"),
    }
}

/// A change of the delivery's record under our lease. Lazy: what is lost with it is sent once more.
fn change(outside: &Outside, delivery: &DeliveryRecord, version: CommitId, lease: LeaseEpoch) -> Commit {
    let (partner, event) = (delivery.event.partner, delivery.event.id);
    let key = Key::Delivery(partner, event);
    let mut commit = outside.commit(Tag::Partner(partner));
    commit.lease = Some(lease);
    commit.durability = Durability::Lazy;
    commit.expect.push(Expectation { key: key.clone(), version: Some(version) });
    commit.writes.push(put(key, Record::Delivery(delivery.clone())));
    commit
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

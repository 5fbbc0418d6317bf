//! Invariant 4.
//!
//! Every event arrives at least once, signed, with the same bytes each time and with what the contract says that it carries, or is listed as a dead letter; and
//! `subscription.activated` goes with `provisioning.completed`.

use std::collections::{BTreeMap, BTreeSet};

use super::super::case::Case;
use super::super::casebook::Casebook;
use super::super::docket::Docket;
use super::super::event::Event;
use super::super::history::{EventName, Intent};
use super::super::report::Verdict;
use super::super::story::Story;
use super::contents;
use super::signature::Signature;

/// An event's deliveries, and whose they are.
type Arrivals<'b, 'h> = Vec<(&'b Case<'h>, &'b Event<'h>)>;

pub(super) fn judge(book: &Casebook<'_>) -> Verdict {
    let mut docket = Docket::open(book);
    let mut arrivals: BTreeMap<&str, Arrivals<'_, '_>> = BTreeMap::new();
    for case in book.cases.values() {
        docket.looked_at("dead letters", case.dead.len());
        for event in &case.events {
            arrivals.entry(event.id).or_default().push((case, event));
            is_signed(&mut docket, case, event);
        }
        pending_once(&mut docket, case);
        activation_goes_with_completion(&mut docket, case);
    }
    for (id, arrivals) in &arrivals {
        docket.looked_at("events", 1);
        same_bytes_each_time(&mut docket, id, arrivals);
        says_what_it_must(&mut docket, id, arrivals);
        is_taken_or_dead(&mut docket, id, arrivals);
    }
    every_delivery_is_an_event(&mut docket);
    docket.close("no webhook was seen")
}

fn is_signed<'h>(docket: &mut Docket<'_, 'h>, case: &Case<'h>, event: &Event<'h>) {
    docket.looked_at("deliveries", 1);
    let name = &event.name;
    match Signature::of(docket.book.history, case.key.partner, event.delivery) {
        Signature::Right => docket.looked_at("signatures verified", 1),
        Signature::SecretUnknown => docket.looked_at("signatures of partners without a known secret", 1),
        Signature::Missing => docket.found(case, format!("{name} {} came unsigned", event.id)),
        Signature::Wrong(header) => {
            docket.found(case, format!("{name} {} came with a wrong {header}", event.id));
        }
    }
}

fn same_bytes_each_time<'h>(docket: &mut Docket<'_, 'h>, id: &str, arrivals: &Arrivals<'_, 'h>) {
    let bytes: BTreeSet<&[u8]> = arrivals.iter().map(|(_, event)| event.delivery.body.as_slice()).collect();
    if bytes.len() > 1 {
        let (case, event) = arrivals[0];
        docket.found(case, format!("{} {id} came with {} different bodies", event.name, bytes.len()));
    }
}

/// Once for an event: its deliveries have the same bytes, or that is what is found.
fn says_what_it_must<'h>(docket: &mut Docket<'_, 'h>, id: &str, arrivals: &Arrivals<'_, 'h>) {
    let (case, event) = arrivals[0];
    if let Some(fault) = contents::fault(case, event) {
        docket.found(case, format!("{} {id} came {fault}", event.name));
    }
}

/// A home-drop is told once to be pending, whatever comes of it.
fn pending_once<'h>(docket: &mut Docket<'_, 'h>, case: &Case<'h>) {
    let told = case.told(&EventName::PendingInstall).len();
    if told > 1 {
        docket.found(case, format!("{} was told to be pending by {told} events", case.key));
    }
}

fn is_taken_or_dead<'h>(docket: &mut Docket<'_, 'h>, id: &str, arrivals: &Arrivals<'_, 'h>) {
    let is_settled = |(case, event): &(&Case<'h>, &Event<'h>)| {
        event.is_acknowledged() || case.dead.iter().any(|letter| letter.id == id)
    };
    if docket.book.is_drained() && !arrivals.iter().any(is_settled) {
        let (case, event) = arrivals[0];
        let what = format!("{} {id} was never taken, and isn't listed as a dead letter", event.name);
        docket.found(case, what);
    }
}

/// As many activations as completions; only a reactivation makes one more.
fn activation_goes_with_completion<'h>(docket: &mut Docket<'_, 'h>, case: &Case<'h>) {
    if !docket.book.is_complete() {
        return;
    }
    let outcomes = case.outcomes();
    let completed = outcomes.values().filter(|told| told.contains_key(&EventName::Completed)).count();
    let activated = case.told(&EventName::Activated).len();
    let reactivated = case.effective_calls().filter(|call| call.intent == Intent::Reactivate).count();
    let subscriptions = case.subscriptions();
    let name = subscriptions.iter().next().map_or_else(|| case.key.to_string(), ToString::to_string);
    if activated < completed.min(1) {
        docket.found(
            case,
            format!("a job of subscription {name} completed, and the subscription was never activated"),
        );
    } else if activated > completed + reactivated {
        let what =
            format!("subscription {name} was activated {activated} times for {completed} completed jobs");
        docket.found(case, what);
    }
}

fn every_delivery_is_an_event(docket: &mut Docket<'_, '_>) {
    let book = docket.book;
    for unreadable in &book.unreadable {
        let delivery = unreadable.delivery;
        let body = String::from_utf8_lossy(&delivery.body);
        docket.found_with(format!("a webhook came without {}", unreadable.missing), || {
            Story::default().and(book, delivery.at, format!("webhook {:?}: {body}", delivery.id))
        });
    }
}

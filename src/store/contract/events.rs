//! Facts about events and the deliveries that they become. An engine may take a moment for it.

use super::{Draft, event, eventually, names, partner, port};
use futures_util::future::join_all;
use std::collections::BTreeSet;
use switchyard_actors::domain::delivery::{DeliveryRecord, DeliveryState};
use switchyard_actors::domain::event::Event;
use switchyard_actors::domain::record::{Index, Key, Record};
use switchyard_actors::ports::store::{Member, Store, Stored};

async fn delivery(store: &dyn Store, event: &Event) -> DeliveryRecord {
    let key = Key::Delivery(event.partner, event.id);
    let read =
        async || store.read(std::slice::from_ref(&key)).await.expect("the store can be read").remove(0);
    match eventually("a delivery", read).await {
        Stored { record: Record::Delivery(delivery), .. } => delivery,
        other => panic!("a delivery was expected, seen was {other:?}"),
    }
}

fn told(event: &Event) -> Draft {
    Draft::on(port("s", "1").tag()).tell(event.clone())
}

pub async fn an_event_becomes_a_delivery_that_is_due(store: &dyn Store) {
    let event = event(partner(), 1_234);
    told(&event).apply(store).await;
    let delivery = delivery(store, &event).await;
    assert_eq!(delivery, DeliveryRecord::new(event.clone(), 1));
    assert_eq!(delivery.state, DeliveryState::Due { attempt: 1, panics: 0, at: event.at });
    let due = store.members(&Index::Due(event.partner), 10).await.expect("the store can be read");
    assert_eq!(due, [Member { member: event.id.to_string(), score: 1_234 }]);
}

pub async fn an_event_is_appended_once(store: &dyn Store) {
    let (first, second) = (event(partner(), 1), event(partner(), 1));
    let second = Event { partner: first.partner, ..second };
    told(&first).apply(store).await;
    told(&first).tell(first.clone()).apply(store).await;
    told(&second).apply(store).await;
    assert_eq!(delivery(store, &first).await.sequence, 1);
    assert_eq!(delivery(store, &second).await.sequence, 2);
    assert_eq!(names(store, &Index::Due(first.partner)).await.len(), 2);
}

pub async fn a_denied_commit_tells_nobody(store: &dyn Store) {
    let (key, partner) = (port("s", "1"), partner());
    let (lost, told_later) = (event(partner, 1), event(partner, 2));
    Draft::putting(&key, 1).apply(store).await;
    told(&lost).expect(&key, None).denial(store).await;
    told(&told_later).apply(store).await;
    assert_eq!(delivery(store, &told_later).await.sequence, 1);
    assert_eq!(names(store, &Index::Due(partner)).await, [told_later.id.to_string()]);
}

pub async fn sequence_numbers_have_no_gap_under_concurrency(store: &dyn Store) {
    let partner = partner();
    let events: Vec<_> = (0..48).map(|at| event(partner, at)).collect();
    let tell = |(number, event): (usize, &Event)| {
        let tag = port(&format!("s{}", number % 5), "1").tag();
        Draft::on(tag).tell(event.clone()).apply(store)
    };
    join_all(events.iter().enumerate().map(tell)).await;
    let deliveries = join_all(events.iter().map(|event| delivery(store, event))).await;
    let numbers: BTreeSet<_> = deliveries.iter().map(|delivery| delivery.sequence).collect();
    assert_eq!(numbers, (1..=48).collect());
}

pub async fn each_partner_has_its_own_sequence(store: &dyn Store) {
    let (one, other) = (event(partner(), 1), event(partner(), 1));
    told(&one).tell(other.clone()).apply(store).await;
    assert_eq!(delivery(store, &one).await.sequence, 1);
    assert_eq!(delivery(store, &other).await.sequence, 1);
    assert_eq!(names(store, &Index::Due(one.partner)).await, [one.id.to_string()]);
}

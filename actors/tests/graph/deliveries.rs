//! Events on their way: what is due is read together, what came of it is recorded together, and what is wrong with one
//! stays its own.

use crate::world::*;
use switchyard_actors::domain::delivery::{DeliveryRecord, DeliveryState};
use switchyard_actors::domain::ids::EventId;
use switchyard_actors::domain::inventory::Partner;
use switchyard_actors::domain::record::Index;
use switchyard_actors::domain::time::UnixMillis;
use switchyard_actors::ports::store::{Claimed, Commit, Store, Write};

/// Jobs, and two events for each of them.
const JOBS: u32 = 12;
const EVENTS: usize = 2 * JOBS as usize;

fn deliveries(world: &World) -> Vec<DeliveryRecord> {
    let records = world.store.records().into_iter();
    let of = records.filter_map(|record| match record {
        Record::Delivery(delivery) => Some(delivery),
        _ => None,
    });
    of.collect()
}

fn is_delivered(deliveries: &[DeliveryRecord]) -> bool {
    deliveries.iter().all(|delivery| matches!(delivery.state, DeliveryState::Delivered { .. }))
}

/// A world whose events are all recorded and none sent, since their partner is missing; and the partner.
async fn with_events_waiting() -> (World, Record) {
    with_events_waiting_under(|_| ()).await
}

async fn with_events_waiting_under(change: impl Fn(&mut GraphSettings)) -> (World, Record) {
    let mut settings = GraphSettings::default();
    change(&mut settings);
    let world = World::start(settings);
    for n in 0..JOBS {
        world.handle.complete_checkout(request(&format!("order-{n}"), n)).await.expect("accepted");
    }
    let partner = world.store.record(&Key::Partner(PARTNER)).expect("seeded");
    world.store.unseed(&Key::Partner(PARTNER));
    world.until("events on record", |world| deliveries(world).len() == EVENTS).await;
    assert_eq!(world.receiver.received().len(), 0);
    (world, partner)
}

/// The events whose results a commit records.
fn results(commit: &Commit) -> Vec<EventId> {
    let of = commit.writes.iter().filter_map(|write| match write {
        Write::Put(_, Record::Delivery(delivery)) => Some(delivery.event.id),
        _ => None,
    });
    of.collect()
}

#[test]
fn events_that_are_due_together_are_on_record_as_delivered_in_a_few_commits() {
    paused(async {
        let (world, partner) = with_events_waiting().await;
        world.store.seed(Key::Partner(PARTNER), partner);
        world.until("delivered", |world| is_delivered(&deliveries(world))).await;
        assert_eq!(world.receiver.received().len(), EVENTS, "each once");
        let commits = world.store.commits().iter().filter(|commit| !results(commit).is_empty()).count();
        // The first that ends is recorded at once, and what ends meanwhile together.
        assert!(commits <= 3, "{commits} commits for {EVENTS} events");
        assert_eq!(world.store.members(&Index::Due(PARTNER), 9).await, Ok(Vec::new()));
    });
}

#[test]
fn a_partner_never_gets_more_at_once_than_it_may_and_is_kept_waiting_for_nothing() {
    paused(async {
        let (world, partner) = with_events_waiting_under(|settings| {
            settings.delivery.max_in_flight_per_partner = 4;
        })
        .await;
        world.receiver.take(Duration::from_secs(1));
        world.store.seed(Key::Partner(PARTNER), partner);
        world.until("delivered", |world| is_delivered(&deliveries(world))).await;
        let received: Vec<_> = world.receiver.received().into_iter().map(|(at, _)| at).collect();
        assert_eq!(received.len(), EVENTS);
        let all = received[EVENTS - 1].duration_since(received[0]);
        // Six times four, the last of which begin after five seconds.
        assert!(all < Duration::from_millis(5_200), "{all:?}");
        for five in received.windows(5) {
            assert!(five[4].duration_since(five[0]) >= Duration::from_secs(1), "five at once");
        }
    });
}

#[test]
fn an_event_that_waited_behind_others_goes_where_its_partner_is_by_then() {
    paused(async {
        let (world, partner) = with_events_waiting_under(|settings| {
            settings.delivery.max_in_flight_per_partner = 4;
        })
        .await;
        world.receiver.take(Duration::from_secs(1));
        world.store.seed(Key::Partner(PARTNER), partner.clone());
        world.until_events(4).await;
        // News while the way is full: what is due is read, and waits.
        world.handle.complete_checkout(request("order-99", JOBS)).await.expect("accepted");
        world.until("more events on record", |world| deliveries(world).len() == EVENTS + 2).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let Record::Partner(partner) = partner else { panic!("no partner") };
        let moved = Partner { webhook_url: "http://elsewhere".into(), ..partner };
        world.store.seed(Key::Partner(PARTNER), Record::Partner(moved));
        world.until("delivered", |world| is_delivered(&deliveries(world))).await;
        let received = world.receiver.received();
        let places: Vec<_> = received.iter().map(|(_, sent)| sent.url.as_str()).collect();
        assert_eq!((&places[..4], received.len()), (&["http://receiver"; 4][..], EVENTS + 2));
        assert!(places[4..].iter().all(|place| *place == "http://elsewhere"), "{places:?}");
    });
}

#[test]
fn an_event_whose_record_was_overtaken_costs_the_others_that_it_would_be_recorded_with_nothing() {
    paused(async {
        let (world, partner) = with_events_waiting().await;
        world.receiver.take(Duration::from_secs(1));
        world.store.seed(Key::Partner(PARTNER), partner);
        world.until_events(EVENTS).await;
        let overtaken = deliveries(&world).swap_remove(EVENTS / 2);
        let id = overtaken.event.id;
        world.store.seed(Key::Delivery(PARTNER, id), Record::Delivery(overtaken));
        world.until("delivered", |world| is_delivered(&deliveries(world))).await;
        let received = world.receiver.received();
        let times = |event: EventId| received.iter().filter(|(_, sent)| sent.event == event).count();
        assert_eq!((times(id), received.len()), (2, EVENTS + 1), "it was sent again, and no other");
        assert!(deliveries(&world).iter().all(|delivery| delivery.attempts.len() == 1), "one attempt each");
    });
}

#[test]
fn a_record_that_can_not_be_read_keeps_no_other_event_back() {
    paused(async {
        let (world, partner) = with_events_waiting().await;
        let broken = deliveries(&world).swap_remove(EVENTS / 2).event.id;
        world.store.make_unreadable(Key::Delivery(PARTNER, broken));
        world.store.seed(Key::Partner(PARTNER), partner);
        let others = |world: &World| {
            deliveries(world).into_iter().filter(|d| d.event.id != broken).collect::<Vec<_>>()
        };
        world.until("the others delivered", |world| is_delivered(&others(world))).await;
        assert_eq!(world.receiver.received().len(), EVENTS - 1);
        assert_eq!(world.store.members(&Index::Due(PARTNER), 9).await.map(|left| left.len()), Ok(1));
    });
}

#[test]
fn a_receiver_that_fails_gets_three_attempts_two_and_four_seconds_apart_with_the_same_bytes() {
    paused(async {
        let world = World::start(GraphSettings::default());
        // Two events, of which the first fails for ever and the second is acknowledged.
        world.receiver.answer_next(SendOutcome::Answered { status: 500 });
        world.receiver.answer_next(SendOutcome::Answered { status: 200 });
        world.receiver.answer_next(SendOutcome::NoAnswer { error: "timed out".into() });
        world.receiver.answer_next(SendOutcome::Answered { status: 503 });
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(4).await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        let received = world.receiver.received();
        assert_eq!(received.len(), 4);
        let failing: Vec<_> = received.iter().filter(|(_, w)| w.event == received[0].1.event).collect();
        assert_eq!(failing.iter().map(|(_, w)| w.attempt).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(failing.iter().all(|(_, w)| w.body == failing[0].1.body));
        let gaps: Vec<_> =
            failing.windows(2).map(|w| w[1].0.duration_since(w[0].0).as_millis() / 100).collect();
        assert_eq!(gaps, [20, 40]);
    });
}

/// As a successor leaves it that took the lane while this instance slept, and died with an event due.
async fn left_by_a_successor_that_died(world: &World) {
    let tag = Tag::Partner(PARTNER);
    let claimed = world.store.claim_lease(&tag, InstanceId(Uuid::from_u128(77)), None).await;
    let Ok(Claimed::Taken(_)) = claimed else { panic!("{claimed:?}") };
    let delivered = world.store.records().into_iter().find_map(|record| match record {
        Record::Delivery(delivery) => Some(delivery),
        _ => None,
    });
    let delivery = delivered.expect("one that was sent");
    let (id, member) = (delivery.event.id, delivery.event.id.to_string());
    let state = DeliveryState::Due { attempt: 1, panics: 0, at: UnixMillis(0) };
    let due = Record::Delivery(DeliveryRecord { state, ..delivery });
    let writes = vec![
        Write::Put(Key::Delivery(PARTNER, id), due),
        Write::Include { index: Index::Due(PARTNER), member, score: 0 },
    ];
    world.commit(tag, writes).await;
}

#[test]
fn an_event_that_a_later_lease_left_due_is_sent_again_by_a_lane_that_did_not_know_of_it() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(2).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        left_by_a_successor_that_died(&world).await;
        world.until("on record as delivered", |world| is_delivered(&deliveries(world))).await;
        assert!(world.receiver.received().len() > 2);
    });
}

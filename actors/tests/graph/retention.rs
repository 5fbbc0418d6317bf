//! What has ended long ago is a tombstone; what hasn't is kept.

use crate::world::*;
use switchyard_actors::archivist::entry_among_the_ended;
use switchyard_actors::domain::ids::{CommitId, SubscriptionId};
use switchyard_actors::domain::subscription::SubscriptionState;
use switchyard_actors::ports::Clock as _;
use switchyard_actors::ports::store::{Commit, Durability, Order, Store as _, Write};

impl World {
    pub async fn commit(&self, tag: Tag, writes: Vec<Write>) {
        let id = CommitId(Uuid::new_v4());
        let (lease, expect, events) = (None, Vec::new(), Vec::new());
        let commit = Commit {
            id,
            tag,
            lease,
            expect,
            writes,
            events,
            durability: Durability::Durable,
            order: Order::InTurn,
        };
        self.store.commit(vec![commit]).await.expect("applied");
    }

    /// Due at once: whether it has ended is for the archivist to see.
    async fn announce_end(&self, subscription: SubscriptionId) {
        let entry = entry_among_the_ended(subscription, PausedClock::default().now());
        self.commit(Tag::Retention, vec![entry]).await;
    }

    /// Cancels a subscription, as whoever deprovisions its port does.
    async fn end(&self, subscription: SubscriptionId) {
        self.announce_end(subscription).await;
        let key = Key::Subscription(Tag::Switch(switch()), subscription);
        let Some(Record::Subscription(record)) = self.store.record(&key) else { panic!("no {key}") };
        let at = record.created_at;
        let record = SubscriptionRecord { state: SubscriptionState::Cancelled { at }, ..record };
        self.commit(Tag::Switch(switch()), vec![Write::Put(key, Record::Subscription(record))]).await;
    }
}

/// For a test of months: every sweep is a step of the paused clock.
pub fn slow_sweeps() -> GraphSettings {
    let mut settings = GraphSettings::default();
    settings.supervision.sweep_ms = 86_400_000;
    settings.delivery.sweep_ms = 86_400_000;
    settings.retention.sweep_ms = 86_400_000;
    settings
}

#[test]
fn thirty_days_after_its_end_a_subscription_is_a_tombstone_and_its_order_sent_again_gets_the_same_ids() {
    const DAY: Duration = Duration::from_secs(86_400);
    paused(async {
        let world = World::start(slow_sweeps());
        let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(2).await;
        world.until("saved", |world| world.driver.startup(&port(1)) == live()).await;
        world.end(accepted.receipt.subscription()).await;
        let kept = |world: &World| {
            let of_it = |record: &Record| match record {
                Record::Checkout(_) => Some("checkout"),
                Record::Subscription(_) => Some("subscription"),
                Record::Job(_) => Some("job"),
                Record::Transcript(_) => Some("transcript"),
                Record::Directory(_) => Some("directory"),
                Record::Tombstone(_) => Some("tombstone"),
                _ => None,
            };
            world.store.records().iter().filter_map(of_it).collect::<std::collections::BTreeSet<_>>()
        };
        tokio::time::sleep(29 * DAY).await;
        assert!(kept(&world).contains("checkout") && !kept(&world).contains("tombstone"));
        tokio::time::sleep(2 * DAY).await;
        assert_eq!(kept(&world), ["tombstone"].into());

        tokio::time::sleep(365 * DAY).await;
        let visits = world.driver.calls().len();
        let repeat = world.handle.complete_checkout(request("order-1", 1)).await.expect("known");
        assert_eq!((repeat.receipt, repeat.replayed), (accepted.receipt, true));
        let other = world.handle.complete_checkout(request("order-1", 2)).await;
        assert_eq!(other, Err(Refused::Denied(CheckoutDenied::KeyReused(accepted.receipt))));
        tokio::time::sleep(DAY).await;
        assert_eq!(world.driver.calls().len(), visits, "nothing is provisioned");
    });
}

#[test]
fn what_was_said_to_end_and_has_not_is_kept() {
    paused(async {
        let world = World::start(slow_sweeps());
        let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(2).await;
        world.announce_end(accepted.receipt.subscription()).await;
        tokio::time::sleep(Duration::from_secs(100 * 86_400)).await;
        let job = world.job(accepted.receipt.job().expect("direct"));
        assert!(matches!(job.state, JobState::Completed { .. }));
    });
}

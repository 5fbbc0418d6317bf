//! A cluster's outboxes: whoever dies between the commit and the relay, the event arrives.

use super::{fresh, settings, until};
use crate::redis_lab::RedisCluster;
use crate::store::contract::{Draft, event, partner, port};
use crate::store::redis::outbox::announce;
use crate::store::redis::row::Events;
use crate::store::redis::{RedisStore, Settings};
use switchyard_actors::domain::event::Event;
use switchyard_actors::domain::record::{Index, Key};
use switchyard_actors::ports::store::Store;

async fn due(store: &RedisStore, event: &Event) -> bool {
    let due = store.members(&Index::Due(event.partner), 10).await.expect("the store can be read");
    due.iter().any(|member| member.member == event.id.to_string())
}

#[tokio::test]
async fn an_event_whose_relay_never_came_is_found_by_the_sweep() {
    let cluster = RedisCluster::start(3).expect("a cluster");
    let quick =
        Settings { cluster: true, outbox_sweep_ms: 50, command_ms: 2_000, ..settings(cluster.urls()) };
    let store = fresh(quick).await;
    let event = event(partner(), 1);
    let commit = Draft::putting(&port("s", "1"), 1).tell(event.clone()).commit();
    store.shared.register(std::slice::from_ref(&commit)).await.expect("it answers");
    // What a process does that dies right after its commit.
    announce(&store.shared, &commit).await.expect("announced");
    store.shared.commit_in_one_step(&[commit], Events::Outbox, 0).await.expect("applied");
    until("the event is due", async || due(&store, &event).await).await;
    let key = Key::Delivery(event.partner, event.id);
    assert!(store.read(&[key]).await.expect("it can be read")[0].is_some());
    assert_eq!(store.partners_with_due().await, Ok(vec![event.partner]));
    let announced = redis::cmd("ZCARD").arg(store.shared.names.outboxes()).to_owned();
    until("nothing is announced any more", async || {
        store.shared.link.run(&announced).await.is_ok_and(|left| left == redis::Value::Int(0))
    })
    .await;
}

#[tokio::test]
async fn an_announcement_outlives_sweeps_that_come_before_its_commit() {
    let cluster = RedisCluster::start(3).expect("a cluster");
    let quick =
        Settings { cluster: true, outbox_sweep_ms: 20, command_ms: 2_000, ..settings(cluster.urls()) };
    let store = fresh(quick).await;
    let (slow, later) = (event(partner(), 1), event(partner(), 2));
    let commit = Draft::putting(&port("s", "1"), 1).tell(slow.clone()).commit();
    announce(&store.shared, &commit).await.expect("announced");
    // Another one, announced after it and relayed by the sweep: so the sweep has been past the first.
    let other = Draft::putting(&port("t", "1"), 1).tell(later.clone()).commit();
    announce(&store.shared, &other).await.expect("announced");
    store.shared.commit_in_one_step(&[other], Events::Outbox, 0).await.expect("applied");
    let announced = redis::cmd("ZCARD").arg(store.shared.names.outboxes()).to_owned();
    until("one announcement is left", async || {
        due(&store, &later).await
            && store.shared.link.run(&announced).await.is_ok_and(|left| left == redis::Value::Int(1))
    })
    .await;
    store.shared.commit_in_one_step(&[commit], Events::Outbox, 0).await.expect("applied");
    until("the slow one's event is due", async || due(&store, &slow).await).await;
}

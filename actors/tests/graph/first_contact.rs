//! The host key that was trusted on first use: on record before the first line, once, and until an operator forgets it.

use crate::world::*;
use switchyard_actors::domain::host_key::FirstSeenHostKey;
use switchyard_actors::domain::time::UnixMillis;
use switchyard_actors::ports::store::{Commit, Write};
use switchyard_actors::release::HostKeyOnRecord;

fn host_key() -> Key {
    Key::FirstSeenHostKey(switch())
}

fn on_record(world: &World) -> Option<String> {
    match world.store.record(&host_key()) {
        Some(Record::FirstSeenHostKey(seen)) => Some(seen.key),
        _ => None,
    }
}

async fn until_quarantined(world: &World) {
    let quarantined = |world: &World| {
        let status = world.store.record(&Key::SwitchStatus(switch()));
        matches!(status, Some(Record::SwitchStatus(status)) if status.quarantined.is_some())
    };
    world.until("quarantined", quarantined).await;
}

/// A world whose switch showed `key`, was configured, and has no session any more.
async fn introduced(key: &str) -> World {
    let world = World::start(GraphSettings::default());
    world.driver.show_host_key(&switch(), key);
    world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
    world.until_events(2).await;
    world.until("idle", |world| world.driver.calls().last() == Some(&"sw close".to_owned())).await;
    world
}

#[test]
fn the_first_key_is_on_record_under_the_lease_before_the_first_line_and_once() {
    paused(async {
        let world = introduced("first").await;
        assert_eq!(on_record(&world).as_deref(), Some("first"));
        let commits = world.store.commits();
        let places =
            |key: &Key| (0..commits.len()).filter(|place| writes(&commits[*place], key)).collect::<Vec<_>>();
        let [recorded] = places(&host_key())[..] else { panic!("{:?}", places(&host_key())) };
        assert!(commits[recorded].lease.is_some(), "under the lease");
        let journal = places(&Key::Port(port(1))).into_iter().find(|place| *place > recorded);
        assert!(journal.is_some(), "the lines came later");

        world.handle.complete_checkout(request("order-2", 2)).await.expect("accepted");
        world.until_events(4).await;
        assert_eq!(world.driver.calls().iter().filter(|call| *call == "sw open").count(), 2);
        let again = world.store.commits().iter().filter(|c| writes(c, &host_key())).count();
        assert_eq!(again, 1, "written once");
    });
}

fn writes(commit: &Commit, key: &Key) -> bool {
    commit.writes.iter().any(|write| matches!(write, Write::Put(written, _) if written == key))
}

#[test]
fn another_key_quarantines_and_only_forgetting_the_first_lets_it_in() {
    paused(async {
        let world = introduced("first").await;
        world.driver.show_host_key(&switch(), "second");
        world.handle.complete_checkout(request("order-2", 2)).await.expect("accepted");
        until_quarantined(&world).await;

        world.graph.operator().release(&switch()).await.expect("on record");
        world.until("looked", |w| w.driver.calls().iter().filter(|c| *c == "sw open").count() == 3).await;
        until_quarantined(&world).await;
        assert_eq!(on_record(&world).as_deref(), Some("first"));
        assert_eq!(world.driver.running(&port(2)).access_vlan, None, "nothing was sent");

        world
            .graph
            .operator()
            .release_with(&switch(), HostKeyOnRecord::IsForgotten)
            .await
            .expect("on record");
        world.until_events(4).await;
        assert_eq!(on_record(&world).as_deref(), Some("second"));
    });
}

#[test]
fn a_key_that_was_put_on_record_meanwhile_is_not_written_over_and_no_line_is_sent() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.show_host_key(&switch(), "strange");
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until("dialled", |world| !world.driver.calls().is_empty()).await;
        let seen = FirstSeenHostKey { switch: switch(), key: "right".into(), since: UnixMillis(1) };
        world.store.seed(host_key(), Record::FirstSeenHostKey(seen));
        until_quarantined(&world).await;
        assert_eq!(on_record(&world).as_deref(), Some("right"));
        assert_eq!(world.driver.calls(), ["sw open", "sw close", "sw open"]);
    });
}

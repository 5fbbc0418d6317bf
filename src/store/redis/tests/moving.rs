//! The whole state goes out of a server at rest, and comes in where nothing is.

use super::{fresh, open, server, settings};
use crate::redis_lab::RedisCluster;
use crate::store::backup::{BackupError, Entry, Intake, WholeState};
use crate::store::contract::{Draft, claim, event, instance, partner, port, switch};
use crate::store::redis::outbox::announce;
use crate::store::redis::row::Events;
use crate::store::redis::{RedisIntake, RedisStore, Settings};
use switchyard_actors::domain::ids::PartnerId;
use switchyard_actors::domain::record::{Index, Key, Tag};
use switchyard_actors::ports::store::Store;

/// Looks for instances only for a moment.
fn quick(urls: Vec<String>) -> Settings {
    Settings { census_watch_ms: 300, ..settings(urls) }
}

async fn told(store: &RedisStore) -> Result<Vec<Entry>, BackupError> {
    let mut entries = Vec::new();
    let mut take = |entry| {
        entries.push(entry);
        Ok(())
    };
    store.dump(&mut take).await?;
    Ok(entries)
}

async fn begin(settings: &Settings) -> Result<RedisIntake, BackupError> {
    RedisIntake::begin(settings, None).await
}

fn some_entries() -> (PartnerId, Vec<Entry>) {
    let partner = partner();
    let member = |index| Entry::Member { index, member: "m".into(), score: 3 };
    let entries = vec![
        member(Index::Work(switch("s"))),
        member(Index::Due(partner)),
        member(Index::Switches),
        Entry::Sequence { partner, last: 7 },
    ];
    (partner, entries)
}

#[tokio::test]
async fn nothing_is_brought_to_where_a_store_is() {
    let server = server();
    let store = fresh(quick(vec![server.url()])).await;
    let mine = store.shared.settings.clone();
    // Only a lease: no record is left of it, and its epoch still counts.
    claim(&store, &Tag::Inventory, instance(1)).await;
    let refused = begin(&mine).await.err();
    assert!(
        matches!(&refused, Some(BackupError::Refused(why)) if why.contains("a store is there")),
        "{refused:?}"
    );
    open(mine).await.ping().await.expect("it is served on as before");
}

#[tokio::test]
async fn an_import_that_was_cut_off_is_not_served_on_and_can_be_done_again() {
    for cluster in [None, Some(RedisCluster::start(3).expect("a cluster"))] {
        let server = server();
        let urls = cluster.as_ref().map_or_else(|| vec![server.url()], RedisCluster::urls);
        let mine = Settings {
            cluster: cluster.is_some(),
            prefix: "moved".into(),
            start_wait_ms: 1_000,
            command_ms: 2_000,
            ..quick(urls)
        };
        let (due, entries) = some_entries();
        let mut first = begin(&mine).await.expect("begun");
        let left = Entry::Sequence { partner: partner(), last: 1 };
        first.take([vec![left], entries.clone()].concat()).await.expect("taken");
        drop(first);
        let why = RedisStore::open(mine.clone(), None).await.err().expect("refused").to_string();
        assert!(why.contains("cut off") && why.contains("switchyard store import FILE"), "{why}");

        let mut again = begin(&mine).await.expect("begun again");
        again.take(entries.clone()).await.expect("taken");
        again.finish().await.expect("finished");
        let store = open(mine).await;
        let mut told = told(&store).await.expect("told");
        told.sort_by_key(|entry| format!("{entry:?}"));
        let mut entries = entries;
        entries.sort_by_key(|entry| format!("{entry:?}"));
        assert_eq!(told, entries, "and nothing of the first import");
        assert_eq!(store.switches_with_work().await, Ok(vec![switch("s")]));
        assert_eq!(store.partners_with_due().await, Ok(vec![due]));
    }
}

#[tokio::test]
async fn of_two_imports_the_earlier_brings_nothing_more() {
    let server = server();
    let mine = Settings { prefix: "twice".into(), ..quick(vec![server.url()]) };
    let mut first = begin(&mine).await.expect("begun");
    let second = begin(&mine).await.expect("the first may have been cut off");
    assert!(first.take(some_entries().1).await.is_err());
    assert!(first.finish().await.is_err());
    second.finish().await.expect("finished");
    assert_eq!(told(&open(mine).await).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_service_that_runs_on_the_prefix_is_not_exported_and_nothing_is_brought_to_it() {
    let server = server();
    let store = fresh(Settings { census_watch_ms: 60_000, ..settings(vec![server.url()]) }).await;
    store.beat(instance(1)).await.expect("it answers");
    let beating = async {
        loop {
            store.beat(instance(1)).await.expect("it answers");
        }
    };
    let asking = async {
        let refused = told(&store).await.expect_err("it is at work").to_string();
        assert!(refused.contains("stop every instance"), "{refused}");
        let refused = begin(&store.shared.settings).await.err().expect("it is at work").to_string();
        assert!(refused.contains("stop every instance"), "{refused}");
    };
    tokio::select! {
        () = beating => {}
        () = asking => {}
    }
}

#[tokio::test]
async fn who_died_without_leaving_stops_no_export_and_who_comes_meanwhile_does() {
    let server = server();
    let store = fresh(quick(vec![server.url()])).await;
    store.beat(instance(1)).await.expect("it answers");
    Draft::putting(&port("s", "1"), 1).apply(&store).await;
    assert_eq!(told(&store).await.expect("nobody moves").len(), 1);

    let mut take = |_| {
        let mut other =
            crate::redis_lab::Client::connect(server.address(), super::PATIENCE).expect("connected");
        let words = ["HINCRBY".to_owned(), store.shared.names.instances(), "x".into(), "1".into()];
        other.command(&words).expect("an answer");
        Ok(())
    };
    let refused = store.dump(&mut take).await.expect_err("one came").to_string();
    assert!(refused.contains("instance x is at work"), "{refused}");
}

#[tokio::test]
async fn a_key_that_nobody_knows_is_refused_and_one_of_another_prefix_is_not_seen() {
    let server = server();
    let store = fresh(quick(vec![server.url()])).await;
    let prefix = &store.shared.settings.prefix;
    server.command(&["SET", &format!("{prefix}0:schema"), "1"]).expect("an answer");
    assert_eq!(told(&store).await, Ok(Vec::new()));
    server.command(&["SET", &format!("{prefix}:r:{{nothing}}"), "1"]).expect("an answer");
    let refused = told(&store).await.expect_err("unknown").to_string();
    assert!(refused.contains("is no key of this release's"), "{refused}");
}

#[tokio::test]
async fn an_event_in_an_outbox_is_brought_to_its_partner_before_it_is_told() {
    let cluster = RedisCluster::start(3).expect("a cluster");
    // A sweep that doesn't come meanwhile.
    let alone =
        Settings { cluster: true, outbox_sweep_ms: 3_600_000, command_ms: 2_000, ..quick(cluster.urls()) };
    let store = fresh(alone).await;
    let event = event(partner(), 1);
    let commit = Draft::putting(&port("s", "1"), 1).tell(event.clone()).commit();
    store.shared.register(std::slice::from_ref(&commit)).await.expect("it answers");
    announce(&store.shared, &commit).await.expect("announced");
    store.shared.commit_in_one_step(&[commit], Events::Outbox, 0).await.expect("applied");
    let entries = told(&store).await.expect("told");
    let delivery = Key::Delivery(event.partner, event.id);
    let is_it = |entry: &Entry| matches!(entry, Entry::Record { key, .. } if *key == delivery);
    assert!(entries.iter().any(is_it), "{entries:?}");
    assert!(entries.contains(&Entry::Sequence { partner: event.partner, last: 1 }), "{entries:?}");
}

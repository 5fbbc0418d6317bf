//! A server that may forget is not served on: at the start, and after each reconnect.

use super::{fresh, open, server, settings, until};
use crate::redis_lab::{self, AppendOnly, Proxy, RedisServer};
use crate::store::contract::{Draft, port, stored};
use crate::store::redis::{Durability, RedisStore, Settings};
use switchyard_actors::ports::store::{CommitError, Store};

async fn refusal(server: &RedisServer, durability: Durability) -> String {
    let impatient = Settings { start_wait_ms: 1_000, durability, ..settings(vec![server.url()]) };
    RedisStore::open(impatient, None).await.err().expect("refused").to_string()
}

#[tokio::test]
async fn each_weaker_setting_is_refused_with_the_line_to_change() {
    let with = |append_only| {
        let settings = redis_lab::Settings { append_only, ..redis_lab::Settings::default() };
        RedisServer::start(settings).expect("a server")
    };
    let everysec = with(AppendOnly::SyncEverySecond);
    let why = refusal(&everysec, Durability::Always).await;
    assert!(why.contains("`appendfsync everysec` must be `appendfsync always`"), "{why}");
    fresh(Settings { durability: Durability::Everysec, ..settings(vec![everysec.url()]) }).await;

    let off = with(AppendOnly::Off);
    let why = refusal(&off, Durability::Everysec).await;
    assert!(why.contains("`appendonly no` must be `appendonly yes`"), "{why}");
    fresh(Settings { durability: Durability::Volatile, ..settings(vec![off.url()]) }).await;
}

#[tokio::test]
async fn an_evicting_server_is_refused() {
    let evicting =
        redis_lab::Settings { maxmemory_policy: "allkeys-lru".into(), ..redis_lab::Settings::default() };
    let server = RedisServer::start(evicting).expect("a server");
    let why = refusal(&server, Durability::Volatile).await;
    assert!(why.contains("maxmemory-policy noeviction"), "{why}");
}

#[tokio::test]
async fn a_replica_is_refused() {
    let (primary, replica) = (server(), server());
    let port = primary.port().to_string();
    replica.command(&["REPLICAOF", "127.0.0.1", &port]).expect("an answer");
    assert!(refusal(&replica, Durability::Always).await.contains("is a replica"));
}

#[tokio::test]
async fn hidden_settings_are_served_on_when_the_operator_states_them() {
    let hiding = redis_lab::Settings {
        extra: vec![("rename-command".into(), "CONFIG \"\"".into())],
        ..redis_lab::Settings::default()
    };
    let server = RedisServer::start(hiding).expect("a server");
    let why = refusal(&server, Durability::Always).await;
    assert!(why.contains("stated_durability"), "{why}");
    let stated = Settings { stated_durability: "always".into(), ..settings(vec![server.url()]) };
    fresh(stated).await;
}

#[tokio::test]
async fn a_server_that_became_weaker_is_refused_after_the_reconnect_and_taken_again_when_it_is_mended() {
    let server = server();
    let proxy = Proxy::start(server.address()).expect("a proxy");
    let store = fresh(settings(vec![server.url_by(proxy.address())])).await;
    server.command(&["CONFIG", "SET", "appendfsync", "no"]).expect("an answer");
    proxy.cut();
    until("away", async || store.ping().await.is_err()).await;
    proxy.heal().expect("the proxy listens again");
    let refused = async || store.ping().await.err().is_some_and(|why| why.0.contains("appendfsync"));
    until("refused for its appendfsync", refused).await;
    server.command(&["CONFIG", "SET", "appendfsync", "always"]).expect("an answer");
    until("it answers", async || store.ping().await.is_ok()).await;
}

#[tokio::test]
async fn another_layout_under_the_same_prefix_is_refused() {
    let server = server();
    let store = fresh(settings(vec![server.url()])).await;
    let mine = store.shared.settings.clone();
    server.command(&["SET", &store.shared.names.schema(), "999"]).expect("an answer");
    drop(store);
    let impatient = Settings { start_wait_ms: 1_000, ..mine.clone() };
    let why = RedisStore::open(impatient, None).await.err().expect("refused").to_string();
    assert!(why.contains("schema 999"), "{why}");
    server.command(&["SET", &format!("{}:schema", mine.prefix), "1"]).expect("an answer");
    open(mine).await;
}

#[tokio::test]
async fn nobody_there_is_an_error_that_names_the_address() {
    let impatient = Settings { start_wait_ms: 300, ..settings(vec!["redis://127.0.0.1:1".into()]) };
    let why = RedisStore::open(impatient, None).await.err().expect("nobody").to_string();
    assert!(why.starts_with("redis at redis://127.0.0.1:1: "), "{why}");
}

#[tokio::test]
async fn an_answer_waits_for_its_replicas_and_is_unknown_without_them() {
    let (primary, replica) = (server(), server());
    let port_of_primary = primary.port().to_string();
    replica.command(&["REPLICAOF", "127.0.0.1", &port_of_primary]).expect("an answer");
    let waiting = Settings { wait_replicas: 1, ..settings(vec![primary.url()]) };
    let store = fresh(waiting).await;
    let key = port("s", "1");
    let first = Draft::putting(&key, 1).expect(&key, None);
    let replicated = async || store.commit(vec![first.clone().commit()]).await.is_ok();
    until("the replica has it", replicated).await;

    replica.pause().expect("it stops");
    let second = Draft::putting(&key, 2).expect(&key, Some(first.id()));
    let alone = store.commit(vec![second.clone().commit()]).await;
    let why = format!("{alone:?}");
    assert!(matches!(alone, Err(CommitError::Unknown(_))) && why.contains("0 of 1 replicas"), "{why}");
    let repeat = store.commit(vec![second.clone().commit()]).await;
    assert!(matches!(repeat, Err(CommitError::Unknown(_))), "a repeat waits as well: {repeat:?}");
    replica.resume().expect("it goes on");
    let replicated = async || store.commit(vec![second.clone().commit()]).await.is_ok();
    until("the replica has that too", replicated).await;
    assert_eq!(stored(&store, &key).await, Some((second.id(), 2)), "applied once");
}

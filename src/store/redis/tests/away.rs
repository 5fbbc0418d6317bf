//! Redis is cut off, hangs, dies, and comes back: nothing is denied for it, nothing is lost, and nothing piles up.

use super::{fresh, open, server, settings, until};
use crate::redis_lab::Proxy;
use crate::store::contract::{Draft, port, stored, switch};
use crate::store::redis::Settings;
use futures_util::future::join_all;
use switchyard_actors::domain::record::Index;
use switchyard_actors::ports::store::{CommitError, Store};

#[tokio::test]
async fn cut_off_it_answers_unknown_and_unavailable_and_goes_on_when_it_is_back() {
    let server = server();
    let proxy = Proxy::start(server.address()).expect("a proxy");
    let store = fresh(settings(vec![server.url_by(proxy.address())])).await;
    let key = port("s", "1");
    let first = Draft::putting(&key, 1).apply(&store).await;
    proxy.cut();
    until("nothing can be read", async || store.read(std::slice::from_ref(&key)).await.is_err()).await;
    let refused = store.commit(vec![Draft::putting(&key, 2).commit()]).await;
    assert!(matches!(refused, Err(CommitError::Unknown(_))), "{refused:?}");
    proxy.heal().expect("the proxy listens again");
    until("it answers", async || store.ping().await.is_ok()).await;
    assert_eq!(stored(&store, &key).await, Some((first, 1)));
    let last = Draft::putting(&key, 3).apply(&store).await;
    assert_eq!(stored(&store, &key).await, Some((last, 3)));
}

#[tokio::test]
async fn a_server_that_hangs_is_a_time_limit_and_the_connection_is_given_up() {
    let server = server();
    let store = fresh(Settings { ping_ms: 60_000, ..settings(vec![server.url()]) }).await;
    server.pause().expect("it stops");
    let key = port("s", "1");
    let asked = (0..50).map(|value| store.commit(vec![Draft::putting(&key, value).commit()]));
    let answers = join_all(asked).await;
    assert!(answers.iter().all(|a| matches!(a, Err(CommitError::Unknown(_)))), "{answers:?}");
    // The link has noticed: what comes now is answered without being sent.
    until("away", async || store.shared.link.why_away().is_some()).await;
    server.resume().expect("it goes on");
    until("it answers", async || store.ping().await.is_ok()).await;
    Draft::putting(&key, 99).apply(&store).await;
}

#[tokio::test]
async fn past_the_limit_nobody_waits_for_a_place_for_long() {
    let server = server();
    let one = Settings {
        max_in_flight: 1,
        queue_wait_ms: 20,
        ping_ms: 60_000,
        command_ms: 2_000,
        ..settings(vec![])
    };
    let store = fresh(Settings { urls: vec![server.url().into()], ..one }).await;
    server.pause().expect("it stops");
    let key = port("s", "1");
    let (sent, second) = tokio::join!(
        store.commit(vec![Draft::putting(&key, 1).commit()]),
        store.commit(vec![Draft::putting(&key, 2).commit()]),
    );
    let said = format!("{sent:?} {second:?}");
    assert!(said.contains("too many requests are under way"), "{said}");
    server.resume().expect("it goes on");
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_the_server_was_killed() {
    let server = server();
    let store = fresh(settings(vec![server.url()])).await;
    let mut applied = Vec::new();
    for round in 0..3 {
        for number in 0..40 {
            let key = port("s", &number.to_string());
            let id = Draft::putting(&key, round * 100 + number).apply(&store).await;
            applied.push((key, id, round * 100 + number));
        }
        server.kill();
        server.restart().expect("it starts again, with its file");
        until("it answers", async || store.ping().await.is_ok()).await;
        for (key, id, value) in applied.drain(..) {
            assert_eq!(stored(&store, &key).await, Some((id, value)));
        }
    }
}

#[tokio::test]
async fn two_stores_see_each_others_commits() {
    let server = server();
    let one = fresh(settings(vec![server.url()])).await;
    let other = open(one.shared.settings.clone()).await;
    let key = port("s", "1");
    let id = Draft::putting(&key, 7).apply(&one).await;
    assert_eq!(stored(&other, &key).await, Some((id, 7)));
}

#[tokio::test]
async fn a_registry_that_a_server_lost_is_written_again_after_it_was_away() {
    let server = server();
    let store = fresh(settings(vec![server.url()])).await;
    let key = port("s", "1");
    let work = || Draft::putting(&key, 1).include(&Index::Work(switch("s")), "member", 1);
    work().apply(&store).await;
    assert_eq!(store.switches_with_work().await, Ok(vec![switch("s")]));
    // What a power cut may take from a server that syncs once a second.
    server.command(&["DEL", &store.shared.names.with_work()]).expect("an answer");
    server.kill();
    server.restart().expect("it starts again");
    until("it answers", async || store.ping().await.is_ok()).await;
    work().apply(&store).await;
    assert_eq!(store.switches_with_work().await, Ok(vec![switch("s")]));
}

//! Each thread that asks has a connection of its own.

use super::{fresh, server, settings, until};
use crate::redis_lab::RedisServer;
use crate::store::contract::{Draft, port, stored};
use crate::store::redis::Settings;
use switchyard_actors::ports::store::Store;

/// The ids of the connections over TCP: the lab's own come by another way.
fn connections(server: &RedisServer) -> Vec<String> {
    let list = server.command(&["CLIENT", "LIST"]).expect("a list").to_string();
    let over_tcp = list.lines().filter(|line| line.contains(" addr=127.0.0.1:"));
    over_tcp.filter_map(|line| line.strip_prefix("id=")?.split(' ').next().map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_thread_that_asks_gets_one_of_its_own_and_keeps_it() {
    let server = server();
    let store = fresh(settings(vec![server.url()])).await;
    assert_eq!(connections(&server).len(), 1);
    let key = port("s", "1");
    let id = Draft::putting(&key, 1).apply(&store).await;
    until("there are two", async || connections(&server).len() == 2).await;
    for _ in 0..100 {
        assert_eq!(stored(&store, &key).await, Some((id, 1)));
    }
    assert_eq!(connections(&server).len(), 2);
}

#[tokio::test]
async fn past_the_limit_threads_share_the_first() {
    let server = server();
    let store = fresh(Settings { connections: 1, ..settings(vec![server.url()]) }).await;
    let key = port("s", "1");
    let id = Draft::putting(&key, 1).apply(&store).await;
    for _ in 0..100 {
        assert_eq!(stored(&store, &key).await, Some((id, 1)));
    }
    assert_eq!(connections(&server).len(), 1);
}

#[tokio::test]
async fn one_that_was_closed_is_replaced() {
    let server = server();
    let store = fresh(settings(vec![server.url()])).await;
    let key = port("s", "1");
    let id = Draft::putting(&key, 1).apply(&store).await;
    until("there are two", async || connections(&server).len() == 2).await;
    let own = connections(&server).pop().expect("two");
    server.command(&["CLIENT", "KILL", "ID", &own]).expect("it is closed");
    until("there are two again, and they serve", async || {
        let serves = store.read(std::slice::from_ref(&key)).await.is_ok();
        let all = connections(&server);
        serves && all.len() == 2 && !all.contains(&own)
    })
    .await;
    assert_eq!(stored(&store, &key).await, Some((id, 1)));
}

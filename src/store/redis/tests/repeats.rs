//! A commit that is sent again: after a lost answer, by the client library, at the same time, or long after.

use super::{fresh, server, settings};
use crate::redis_lab::{Proxy, RedisCluster};
use crate::store::contract::{Draft, event, partner, port, stored};
use crate::store::redis::Settings;
use futures_util::future::join_all;
use switchyard_actors::domain::record::Index;
use switchyard_actors::ports::store::{CommitError, Store};

#[tokio::test]
async fn a_lost_answer_is_unknown_and_the_repeat_is_applied_once() {
    let server = server();
    let proxy = Proxy::start(server.address()).expect("a proxy");
    let store = fresh(settings(vec![server.url_by(proxy.address())])).await;
    let (key, partner) = (port("s", "1"), partner());
    let first = Draft::putting(&key, 1).apply(&store).await;
    let draft = Draft::putting(&key, 2).expect(&key, Some(first)).tell(event(partner, 1));
    // Registers the partner, so that the next script is the commit.
    Draft::putting(&port("s", "2"), 1).tell(event(partner, 1)).apply(&store).await;
    proxy.lose_answer_to("EVALSHA");
    let lost = store.commit(vec![draft.clone().commit()]).await;
    assert!(matches!(lost, Err(CommitError::Unknown(_))), "{lost:?}");
    super::until("it answers", async || store.ping().await.is_ok()).await;
    assert_eq!(stored(&store, &key).await, Some((draft.id(), 2)), "it had been applied");
    draft.clone().apply(&store).await;
    assert_eq!(stored(&store, &key).await, Some((draft.id(), 2)));
    assert_eq!(store.members(&Index::Due(partner), 10).await.expect("read").len(), 2, "told once");
}

#[tokio::test]
async fn after_its_marker_is_gone_a_repeat_is_known_by_what_it_wrote() {
    let server = server();
    let store = fresh(Settings { applied_ms: 1, ..settings(vec![server.url()]) }).await;
    let key = port("s", "1");
    let make = Draft::putting(&key, 1).expect(&key, None);
    make.clone().apply(&store).await;
    let marker = store.shared.names.applied(&key.tag(), make.id());
    super::until("the marker is gone", async || {
        server.command(&["EXISTS", &marker]).expect("an answer") == crate::redis_lab::Reply::Integer(0)
    })
    .await;
    assert_eq!(store.commit(vec![make.clone().commit()]).await, Ok(()));
    assert_eq!(stored(&store, &key).await, Some((make.id(), 1)));
}

/// What a client library that sends again after a dropped connection does to a commit.
#[tokio::test]
async fn one_commit_sent_many_times_at_once_is_applied_once_on_one_server_and_in_a_cluster() {
    let (server, cluster) = (server(), RedisCluster::start(3).expect("a cluster"));
    let clustered = Settings { cluster: true, command_ms: 2_000, ..settings(cluster.urls()) };
    for store in [fresh(settings(vec![server.url()])).await, fresh(clustered).await] {
        let (key, partner) = (port("s", "1"), partner());
        let draft = Draft::putting(&key, 1).expect(&key, None).tell(event(partner, 1));
        let sent = join_all((0..50).map(|_| store.commit(vec![draft.clone().commit()]))).await;
        assert!(sent.iter().all(Result::is_ok), "{sent:?}");
        assert_eq!(stored(&store, &key).await, Some((draft.id(), 1)));
        assert_eq!(store.members(&Index::Due(partner), 10).await.expect("read").len(), 1);
    }
}

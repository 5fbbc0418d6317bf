//! Passwords, ACL users, TLS; hints and counts between two instances.

use super::{fresh, open, server, settings, until};
use crate::redis_lab::{self, Account, Encryption, RedisServer};
use crate::store::redis::{RedisStore, Settings};
use switchyard_actors::domain::text::Secret;
use switchyard_actors::ports::hints::{Hint, Hints};
use switchyard_actors::ports::store::Store;
use tokio::time::timeout;

#[tokio::test]
async fn an_acl_user_logs_in_over_tls_that_the_operator_trusts() {
    let guarded = redis_lab::Settings {
        account: Account::User { name: "switchyard".into(), password: "s3cretpass".into() },
        encryption: Encryption::Tls,
        ..redis_lab::Settings::default()
    };
    let server = RedisServer::start(guarded).expect("a server");
    let url = format!("rediss://{}", server.address());
    let authority = server.authority().expect("it has one").display().to_string();
    let mine = Settings {
        username: "switchyard".into(),
        ca_file: authority,
        start_wait_ms: 2_000,
        ..settings(vec![url])
    };
    let right = Some(Secret::new("s3cretpass"));
    let store = RedisStore::open(mine.clone(), right).await.expect("it opens");
    store.ping().await.expect("it answers");
    assert!(store.hints().is_ok());

    let wrong = RedisStore::open(mine.clone(), Some(Secret::new("s3cretpast"))).await;
    let why = wrong.err().expect("refused").to_string();
    assert!(!why.contains("s3cret"), "{why}");
    let untrusting = Settings { ca_file: String::new(), ..mine };
    assert!(RedisStore::open(untrusting, Some(Secret::new("s3cretpass"))).await.is_err());
}

#[tokio::test]
async fn a_hint_of_one_is_heard_by_the_other() {
    let server = server();
    let one = fresh(settings(vec![server.url()])).await;
    let other = open(one.shared.settings.clone()).await;
    let (tells, hears) = (one.hints().expect("hints"), other.hints().expect("hints"));
    let mut heard = hears.subscribe();
    // Nobody waits for a subscription: what is told before it is lost, as hints may be.
    let deadline = std::time::Instant::now() + super::PATIENCE;
    let hint = loop {
        tells.publish(Hint::Inventory);
        if let Ok(Ok(hint)) = timeout(std::time::Duration::from_millis(50), heard.recv()).await {
            break hint;
        }
        assert!(std::time::Instant::now() < deadline, "no hint was heard");
    };
    assert_eq!(hint, Hint::Inventory);
}

#[tokio::test]
async fn counts_are_shared_and_unknown_while_redis_is_away() {
    let server = server();
    let one = fresh(settings(vec![server.url()])).await;
    let other = open(one.shared.settings.clone()).await;
    assert_eq!(one.counts().add_one("minute", 60_000).await, Some(1));
    assert_eq!(other.counts().add_one("minute", 60_000).await, Some(2));
    server.kill();
    until("away", async || one.counts().add_one("minute", 60_000).await.is_none()).await;
}

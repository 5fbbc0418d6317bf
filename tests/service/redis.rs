//! The service on Redis: the same promises, on a store that several instances share, and that dies and comes back.

use crate::harness::*;
use futures_util::stream::{self, StreamExt};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use switchyard::redis_lab::{RedisServer, Settings};

/// A configuration on this Redis, with waits short enough for a test.
pub fn on_redis(url: &str) -> String {
    format!(
        "[store]\nengine = \"redis\"\n[store.redis]\nurls = [\"{url}\"]\ncommand_ms = 1000\n\
         longest_reconnect_ms = 100\n"
    )
}

pub fn redis() -> RedisServer {
    RedisServer::start(Settings::default()).expect("a Redis of its own")
}

/// Sends it until it is taken, as a partner does: the same body again after a 5xx or no answer.
pub async fn until_taken(client: &Client, body: &str) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match client.try_checkout(body.to_owned()).await {
            Some(answer) if answer.status == 200 => return answer,
            Some(answer) => {
                assert_eq!(answer.status, 503, "neither taken nor safe to retry: {answer:?}");
                assert!(answer.header("retry-after").is_some(), "{answer:?}");
            }
            None => {}
        }
        assert!(Instant::now() < deadline, "never taken");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn a_redis_that_is_killed_in_the_middle_of_2000_checkouts_loses_none_that_was_answered() {
    const SWITCHES: usize = 40;
    const PORTS: u16 = 50;
    story(async {
        let outside = Outside::start(Fleet { switches: SWITCHES, ports: PORTS, ..SMALL }).await;
        let redis = redis();
        let service = serve(&outside, &on_redis(&redis.url())).await;
        let client = Client::new(service.address());
        let places: Vec<_> =
            (0..PORTS).flat_map(|port| (0..SWITCHES).map(move |switch| (switch, port))).collect();
        let body = |(switch, port): (usize, u16)| {
            direct(&format!("order-{switch}-{port}"), &outside.location(switch, port)).to_string()
        };
        let taken = AtomicUsize::new(0);
        let asked = places.iter().map(|place| {
            let (client, body, taken) = (client.clone(), body(*place), &taken);
            async move {
                let answer = until_taken(&client, &body).await;
                taken.fetch_add(1, Ordering::SeqCst);
                answer
            }
        });
        let killed = async {
            for share in [4, 2] {
                let deadline = Instant::now() + PATIENCE;
                while taken.load(Ordering::SeqCst) < places.len() / share {
                    assert!(Instant::now() < deadline, "the load stands still");
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                redis.kill();
                redis.restart().expect("it starts again, with its file");
            }
        };
        let (answers, ()) = tokio::join!(stream::iter(asked).buffered(64).collect::<Vec<_>>(), killed);

        let first: HashMap<_, Value> = places.iter().copied().zip(answers.iter().map(Answer::json)).collect();
        let told = |outside: &Outside, name: &str| outside.event_counts().get(name).copied().unwrap_or(0);
        outside.until("all completed", |o| told(o, "provisioning.completed") >= places.len()).await;
        outside.until("all activated", |o| told(o, "subscription.activated") >= places.len()).await;
        for place in &places {
            let repeat = until_taken(&client, &body(*place)).await;
            assert_eq!(repeat.json(), first[place]);
            let job = repeat.id("job_id");
            assert_eq!(outside.webhook_ids("provisioning.completed", &job).len(), 1, "one outcome");
        }
        assert_eq!(outside.event_counts().get("provisioning.failed"), None);
        assert!((0..SWITCHES).all(|switch| outside.most_sessions(switch) == 1));
        service.stop().await;
    });
}

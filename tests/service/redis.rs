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
        let outcomes = outside.webhook_ids_by_job("provisioning.completed");
        for place in &places {
            let repeat = until_taken(&client, &body(*place)).await;
            assert_eq!(repeat.json(), first[place]);
            assert_eq!(outcomes[&repeat.id("job_id")].len(), 1, "one outcome");
        }
        assert_eq!(outside.event_counts().get("provisioning.failed"), None);
        assert!((0..SWITCHES).all(|switch| outside.most_sessions(switch) == 1));
        service.stop().await;
    });
}

/// The process dies between acceptance and delivery, on Redis: wherever a fail point is, and between any two commits of the
/// row of an acceptance, where rows go tag by tag.
mod killed {
    use super::*;
    use switchyard::redis_lab::RedisCluster;
    use switchyard_actors::fail_points::FailPoint;

    const ONE: Fleet = Fleet { switches: 1, ports: 8, ..SMALL };
    const SHORT_LEASE: &str = "[cluster]\nlease_ms = 800\nbeat_ms = 100\nmargin_ms = 100\n";

    #[test]
    fn on_one_server_at_each_point_every_job_has_one_outcome_and_its_event_arrives() {
        story(async {
            let redis = redis();
            let config = format!("{}{SHORT_LEASE}", on_redis(&redis.url()));
            let deaths = FailPoint::ON_THE_WAY.iter().enumerate().map(|(n, point)| {
                let config = with_prefix(&config, &format!("one{n}"));
                async move { die_once(point.name(), &config).await }
            });
            stream::iter(deaths).buffer_unordered(3).collect::<Vec<()>>().await;
        });
    }

    #[test]
    fn in_a_cluster_between_any_two_commits_of_an_acceptance_too() {
        // Claim, two entries of the directory, propose, confirm; then the first commits of the supervisor.
        const COMMITS: usize = 8;
        story(async {
            let cluster = RedisCluster::start(3).expect("a cluster");
            let config = in_a_cluster(&cluster.urls());
            let after_commits = (1..=COMMITS).map(|n| format!("store::committed_under_a_tag@{n}"));
            let points = FailPoint::ON_THE_WAY.iter().map(|point| point.name().to_owned());
            let deaths = after_commits.chain(points).enumerate().map(|(n, place)| {
                let config = with_prefix(&config, &format!("many{n}"));
                async move { die_once(&place, &config).await }
            });
            stream::iter(deaths).buffer_unordered(3).collect::<Vec<()>>().await;
        });
    }

    fn in_a_cluster(urls: &[String]) -> String {
        format!(
            "[store]\nengine = \"redis\"\n[store.redis]\nurls = {urls:?}\ncluster = true\ncommand_ms = 2000\n\
             longest_reconnect_ms = 100\noutbox_sweep_ms = 100\n{SHORT_LEASE}"
        )
    }

    fn with_prefix(config: &str, prefix: &str) -> String {
        config.replace("[store.redis]\n", &format!("[store.redis]\nprefix = \"{prefix}\"\n"))
    }

    // Printed only when it fails: which of the deaths were not survived.
    #[allow(clippy::print_stdout)]
    async fn die_once(place: &str, config: &str) {
        println!("killed at {place}");
        let outside = Outside::start(ONE).await;
        let address = free_address();
        let body = direct("order-1", &outside.location(0, 0)).to_string();
        let mut doomed =
            Process::start_with(&outside, address, &[("SWITCHYARD_KILL_AT", place)], config).await;
        let first = taken_before_the_end(&Client::new(address), &body, &mut doomed).await;
        doomed.wait_until_ended().await;
        outside.until_no_session_is_open(1).await;

        let restarted = Process::start_with(&outside, address, &[], config).await;
        let client = Client::new(address);
        let answer = super::until_taken(&client, &body).await.json();
        assert!(first.is_none_or(|first| first == answer), "{place}: other ids: {answer}");
        let job = answer["job_id"].as_str().expect("a job").to_owned();
        let subscription = answer["subscription_id"].as_str().expect("a subscription").to_owned();
        let told = |o: &Outside, event: &str, id: &str| !o.events_for(event, id).is_empty();
        outside.until("completed", |o| told(o, "provisioning.completed", &job)).await;
        outside.until("activated", |o| told(o, "subscription.activated", &subscription)).await;
        outside.until("saved", |o| o.is_live_and_saved(0, 0)).await;
        assert_eq!(outside.webhook_ids("provisioning.completed", &job).len(), 1, "{place}");
        let jobs = outside.event_counts();
        assert_eq!(jobs.get("provisioning.failed"), None, "{place}");
        assert_eq!(outside.most_sessions(0), 1, "{place}");
        assert!(outside.receiver.deliveries().iter().all(is_verified), "{place}");
        drop(restarted);
        println!("survived {place}");
    }

    async fn taken_before_the_end(client: &Client, body: &str, doomed: &mut Process) -> Option<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match client.try_checkout(body.to_owned()).await {
                Some(answer) if answer.status == 200 => return Some(answer.json()),
                Some(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
                None if doomed.has_ended() => return None,
                None => {}
            }
            assert!(Instant::now() < deadline, "never taken: {}", doomed.log_text());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

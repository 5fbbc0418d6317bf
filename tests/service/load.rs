//! Many at once: identical ones become one, different ones all become live, and no switch sees two sessions.

use crate::harness::*;
use futures_util::stream::{self, StreamExt};
use std::collections::HashSet;
use std::time::Duration;
use switchyard::simulator::Personality;

#[test]
fn a_thousand_identical_checkouts_at_once_are_one_job_and_a_thousand_equal_answers() {
    story(async {
        let outside = Outside::start(SMALL).await;
        let service = serve(&outside, "").await;
        let client = Client::new(service.address());
        let body = direct("order-1", &outside.location(0, 0)).to_string();
        let asked = (0..1_000).map(|_| client.try_checkout(body.clone()));
        let answers: Vec<_> = stream::iter(asked).buffer_unordered(1_000).collect().await;
        let texts: HashSet<_> =
            answers.iter().map(|answer| answer.as_ref().map(|a| (a.status, a.text.clone()))).collect();
        assert_eq!(texts.len(), 1, "{texts:?}");
        let first = answers[0].as_ref().expect("an answer");
        assert_eq!(first.status, 200);
        let fresh = answers.iter().flatten().filter(|a| a.header("idempotency-replayed").is_none()).count();
        assert_eq!(fresh, 1);
        let subscription = first.id("subscription_id");
        outside.until("live", |o| o.events_for("subscription.activated", &subscription).len() == 1).await;
        assert_eq!(outside.receiver.deliveries().len(), 2);
        service.stop().await;
    });
}

#[test]
fn five_thousand_checkouts_over_two_hundred_switches_all_become_live_once() {
    const SWITCHES: usize = 200;
    const PORTS: u16 = 25;
    story(async {
        let plan = Fleet {
            switches: SWITCHES,
            ports: PORTS,
            personality: |n| if n % 2 == 0 { Personality::Ios } else { Personality::Eos },
            command_latency: Duration::ZERO,
            save_latency: Duration::ZERO,
        };
        let outside = Outside::start(plan).await;
        let service = serve(&outside, "").await;
        let client = Client::new(service.address());
        let places = (0..PORTS).flat_map(|port| (0..SWITCHES).map(move |switch| (switch, port)));
        let asked = places.map(|(switch, port)| {
            let body = direct(&format!("order-{switch}-{port}"), &outside.location(switch, port)).to_string();
            client.try_checkout(body)
        });
        let answers: Vec<_> = stream::iter(asked).buffer_unordered(64).collect().await;
        let total = SWITCHES * usize::from(PORTS);
        assert!(answers.iter().all(|answer| answer.as_ref().is_some_and(|answer| answer.status == 200)));
        let jobs: HashSet<_> = answers.iter().flatten().map(|answer| answer.id("job_id")).collect();
        assert_eq!(jobs.len(), total);
        let told = |outside: &Outside, name: &str| outside.event_counts().get(name).copied().unwrap_or(0);
        // In tenths: a machine that others load as well is slow, and only one that stands still has failed.
        for tenth in 1..=10 {
            let what = format!("{tenth} tenths activated");
            outside.until(&what, |o| told(o, "subscription.activated") >= total * tenth / 10).await;
        }
        outside.until("all completed", |o| told(o, "provisioning.completed") >= total).await;
        assert_eq!(outside.receiver.deliveries().len(), 2 * total);
        let completed: HashSet<_> = outside
            .receiver
            .deliveries()
            .iter()
            .filter_map(|d| d.field("job_id").map(str::to_owned))
            .collect();
        assert_eq!(completed, jobs);
        for switch in 0..SWITCHES {
            let counts = outside.fleet.switch(&switch_name(switch)).expect("there").counts();
            assert_eq!(counts.most_sessions_open, 1, "{}", switch_name(switch));
            for port in 0..PORTS {
                assert_eq!(outside.running_vlan(switch, port), Some(VLAN));
            }
        }
        service.stop().await;
    });
}

//! A running process does what it is ordered to: stands still, panics, dies, and takes another time for the right one.

use crate::harness::*;
use crate::redis::{on_redis, redis};
use std::os::unix::process::ExitStatusExt;
use std::time::{SystemTime, UNIX_EPOCH};
use switchyard_actors::fail_points::FailPoint;

const ONE: Fleet = Fleet { switches: 1, ports: 8, ..SMALL };
const SIGKILL: i32 = 9;

/// Checks out a port and waits for its event: how far in the future it says that it is.
async fn goes_live(outside: &Outside, client: &Client, port: u16) -> f64 {
    let body = direct(&format!("order-{port}"), &outside.location(0, port));
    let job = client.checkout(&body).await.id("job_id");
    outside.until("completed", |o| !o.events_for("provisioning.completed", &job).is_empty()).await;
    let event = outside.events_for("provisioning.completed", &job).remove(0);
    let told = serde_json::from_slice::<serde_json::Value>(&event.body).expect("JSON")["timestamp"].as_f64();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    told.expect("seconds") - now.as_secs_f64()
}

/// Waits until no switch has a session open.
pub async fn quiet(outside: &Outside) {
    let is_open = |o: &Outside| o.fleet.switches().iter().any(|switch| switch.counts().sessions_open > 0);
    outside.until("every session is closed", |o| !is_open(o)).await;
}

#[test]
fn a_process_under_orders_stands_still_panics_has_another_time_and_dies_where_it_is_told_to() {
    story(async {
        let outside = Outside::start(ONE).await;
        let mut process = Process::under_orders(&outside, free_address(), "").await;
        let client = Client::new(process.address);

        process.order("halt lines.snet");
        process.until_logged(1, "no order: \"halt lines.snet\": no place lines.snet; there are ").await;

        process.order_and_hear("halt lines.journaled").await;
        process.order("go");
        process.until_logged(1, "no order: \"go\": nobody stands still").await;
        let held = async {
            process.until_logged(1, "reached lines.journaled\n").await;
            assert_ne!(outside.running_vlan(0, 0), Some(VLAN), "a line was sent meanwhile");
            process.order("go");
        };
        tokio::join!(held, goes_live(&outside, &client, 0));

        process.order("panic job.started 2");
        process.order("clock 3600000");
        process.order_and_hear("clock -600000").await;
        let ahead = goes_live(&outside, &client, 1).await;
        assert!((2_900.0..3_100.0).contains(&ahead), "{ahead} s");
        process.until_logged(2, "ordered to panic at job.started").await;
        assert_eq!(process.log_text().matches("a supervisor panicked and is restarted").count(), 2);

        process.order_and_hear("kill checkout.before-commit 2").await;
        goes_live(&outside, &client, 2).await;
        let unanswered = client.try_checkout(direct("order-3", &outside.location(0, 3)).to_string()).await;
        assert!(unanswered.is_none(), "{unanswered:?}");
        process.wait_until_ended().await;
        assert_eq!(process.child.wait().expect("a child of ours").signal(), Some(SIGKILL));
    });
}

#[test]
fn the_end_of_its_orders_changes_nothing() {
    story(async {
        let outside = Outside::start(ONE).await;
        let mut process = Process::under_orders(&outside, free_address(), "").await;
        process.order_and_hear("panic job.started").await;
        drop(process.child.stdin.take());
        goes_live(&outside, &Client::new(process.address), 0).await;
        process.until_logged(1, "ordered to panic at job.started").await;
    });
}

#[test]
fn a_refused_write_puts_the_embedded_store_out_of_use_and_nothing_is_acknowledged() {
    story(async {
        let outside = Outside::start(ONE).await;
        let address = free_address();
        let mut process = Process::under_orders(&outside, address, "").await;
        let client = Client::new(address);
        process.order_and_hear("fail store::write_refused").await;
        let body = direct("order-0", &outside.location(0, 0));
        for _ in 0..2 {
            assert_eq!(client.checkout(&body).await.status, 503);
        }
        process.until_logged(1, "a write to the store failed").await;
        process.kill();
        let process = Process::start(&outside, address, &[]).await;
        goes_live(&outside, &Client::new(process.address), 0).await;
    });
}

/// The supervisor's and the webhook actor's places are on a checkout's way; here, every actor's.
#[test]
fn every_actor_that_panics_is_there_again_and_work_goes_on() {
    const SOON: &str = "[cluster]\nlease_ms = 800\nbeat_ms = 100\nmargin_ms = 100\n[retention]\nsweep_ms = 100\n\
                        [supervision]\nsweep_ms = 100\n[drift]\nsweep_ms = 100\n";
    story(async {
        let (outside, redis) = (Outside::start(ONE).await, redis());
        let config = format!("{}{SOON}", on_redis(&redis.url()));
        let mut process = Process::under_orders(&outside, free_address(), &config).await;
        let client = Client::new(process.address);
        let aside = FailPoint::ALL.iter().filter(|point| !FailPoint::ON_THE_WAY.contains(point));
        for (port, point) in (0..).zip(aside) {
            let actor = point.name().split_once('.').expect("an actor's").0;
            process.order(&format!("panic {}", point.name()));
            let again = format!("an actor panicked and is started again actor=\"{actor}\"");
            process.until_logged(1, &again).await;
            goes_live(&outside, &client, port).await;
        }
        assert_eq!(outside.most_sessions(0), 1);
    });
}

//! Our own code panics in a real process: who asked is told to come back, a job that always breaks it fails with its own reason,
//! a switch that does is quarantined; and all of it shows where a person looks.

use crate::harness::*;
use serde_json::json;

const ONE: Fleet = Fleet { switches: 1, ports: 8, ..SMALL };

/// So that ten restarts take no minutes.
const QUICK: &str =
    "[supervision]\nfirst_restart_ms = 10\nlongest_restart_ms = 50\n[job]\nfirst_back_off_ms = 50\n";

async fn goes_live(outside: &Outside, client: &Client, port: u16) {
    let body = direct(&format!("live-{port}"), &outside.location(0, port));
    let job = client.checkout(&body).await.id("job_id");
    outside.until("completed", |o| !o.events_for("provisioning.completed", &job).is_empty()).await;
}

#[test]
fn a_checkout_that_breaks_us_is_a_503_that_says_when_to_come_back_and_its_repeat_is_taken() {
    story(async {
        let outside = Outside::start(ONE).await;
        let mut process = Process::under_orders(&outside, free_address(), "").await;
        let client = Client::new(process.address);
        let body = direct("order-0", &outside.location(0, 0));
        process.order_and_hear("panic checkout.before-commit").await;
        let broken = client.checkout(&body).await;
        assert_eq!((broken.status, broken.detail()), (503, json!("Service temporarily unavailable")));
        assert!(broken.header("retry-after").is_some(), "{broken:?}");
        let taken = client.checkout(&body).await;
        assert_eq!(taken.status, 200, "{taken:?}");
        assert_eq!(taken.header("idempotency-replayed"), None, "the first was never taken");
    });
}

#[test]
fn a_job_that_breaks_its_supervisor_three_times_fails_with_words_for_the_partner_and_its_port_can_be_sold_again()
 {
    story(async {
        let outside = Outside::start(ONE).await;
        let mut process = Process::under_orders(&outside, free_address(), QUICK).await;
        let client = Client::new(process.address);
        process.order_and_hear("panic port.read 3").await;
        let taken = client.checkout(&direct("order-0", &outside.location(0, 0))).await;
        let job = taken.id("job_id");
        outside.until("failed", |o| !o.events_for("provisioning.failed", &job).is_empty()).await;
        let event = outside.events_for("provisioning.failed", &job).remove(0);
        let told = event.field("error").expect("an error").to_owned();
        assert!(told.contains("Contact the operator"), "{told}");
        let path = format!("/api/v1/partner/provisioning/jobs/{job}");
        let shown = client.get(&path, &[("X-API-Key", API_KEY)]).await.expect("an answer").json();
        assert_eq!((&shown["status"], &shown["error"]), (&json!("failed"), &json!(told)));
        process.until_logged(1, "a job failed: supervisors panicked over it").await;
        let (_, switches) = switches(&process);
        assert!(switches.contains("in service"), "{switches}");
        goes_live(&outside, &client, 0).await;
        assert_eq!(outside.most_sessions(0), 1);
    });
}

fn switches(process: &Process) -> (Option<i32>, String) {
    run(&["switches", "--config", process.config.to_str().expect("a path")])
}

#[test]
fn a_switch_that_always_breaks_its_supervisor_is_shown_as_quarantined_and_goes_on_when_it_is_released() {
    story(async {
        let outside = Outside::start(ONE).await;
        let mut process = Process::under_orders(&outside, free_address(), QUICK).await;
        let client = Client::new(process.address);
        process.order_and_hear("panic session.opened 10").await;
        let taken = client.checkout(&direct("order-0", &outside.location(0, 0))).await;
        let shown = "QUARANTINED: its supervisor panicked again and again";
        outside.until("quarantined", |_| switches(&process).1.contains(shown)).await;
        let released =
            run(&["release", &switch_name(0), "--config", process.config.to_str().expect("a path")]);
        assert_eq!(released.0, Some(0), "{released:?}");
        let job = taken.id("job_id");
        outside.until("completed", |o| !o.events_for("provisioning.completed", &job).is_empty()).await;
        assert!(switches(&process).1.contains("in service"), "{:?}", switches(&process));
    });
}

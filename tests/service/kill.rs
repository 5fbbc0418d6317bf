//! The process dies, or is told to end, wherever it is: what was accepted comes to one outcome, and its event arrives.

use crate::harness::*;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, Instant};

const ONE: Fleet = Fleet { switches: 1, ports: 8, ..SMALL };

/// How long SIGTERM may take: what `stop.patience_ms` is in these tests, and as much again for a loaded machine.
const STOP: &str = "[stop]\npatience_ms = 10000\n";
const STOP_DEADLINE: Duration = Duration::from_secs(20);

/// The ids of every 200, by external id; an answer that names others fails the test.
#[derive(Default)]
struct Ledger(HashMap<String, Value>);

impl Ledger {
    fn enter(&mut self, external: &str, answer: &Answer) {
        assert_eq!(answer.status, 200, "{answer:?}");
        let ids = answer.json();
        let first = self.0.entry(external.to_owned()).or_insert_with(|| ids.clone());
        assert_eq!(*first, ids, "{external} got other ids");
    }

    fn id(&self, external: &str, name: &str) -> String {
        self.0[external][name].as_str().expect("an id").to_owned()
    }
}

/// One partner that retries with the same body until it has a 200.
async fn checkout_until_taken(
    client: &Client,
    body: &Value,
    ended: &mut impl FnMut() -> bool,
) -> Option<Answer> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match client.try_checkout(body.to_string()).await {
            Some(answer) if answer.status == 200 => return Some(answer),
            Some(answer) => assert_eq!(answer.status, 503, "neither taken nor safe to retry: {answer:?}"),
            None if ended() => return None,
            None => tokio::task::yield_now().await,
        }
        assert!(Instant::now() < deadline, "never taken");
    }
}

/// All that must hold for one checkout of `switch` and `port`, whatever happened on its way.
async fn one_outcome(outside: &Outside, switch: usize, port: u16, job: &str, subscription: &str) {
    outside.until("completed", |o| !o.events_for("provisioning.completed", job).is_empty()).await;
    outside.until("activated", |o| !o.events_for("subscription.activated", subscription).is_empty()).await;
    outside.until("saved", |o| o.is_live_and_saved(switch, port)).await;
    for (event, id) in [("provisioning.completed", job), ("subscription.activated", subscription)] {
        assert_eq!(
            outside.webhook_ids(event, id).len(),
            1,
            "{event} is one event, however often it was sent"
        );
    }
    assert!(outside.receiver.deliveries().iter().all(is_verified), "a wrong signature");
}

#[cfg(feature = "fail-points")]
mod at_every_point {
    use super::*;
    use crate::records::Records;
    use std::os::unix::process::ExitStatusExt;
    use switchyard_actors::domain::job::JobState;
    use switchyard_actors::domain::record::Record;
    use switchyard_actors::fail_points::FailPoint;

    const SIGKILL: i32 = 9;

    // Printed only when it fails: which of the deaths were not survived.
    #[allow(clippy::print_stdout)]
    #[test]
    fn killed_at_each_point_between_acceptance_and_delivery_every_job_has_one_outcome_and_its_event_arrives()
    {
        assert!(FailPoint::ON_THE_WAY.len() >= 12, "{} points", FailPoint::ON_THE_WAY.len());
        story(async {
            let deaths = FailPoint::ON_THE_WAY.iter().map(|point| async move {
                println!("killed at {}", point.name());
                die_once(*point).await;
                println!("survived {}", point.name());
            });
            stream::iter(deaths).buffer_unordered(3).collect::<Vec<()>>().await;
        });
    }

    async fn die_once(point: FailPoint) {
        let outside = Outside::start(ONE).await;
        let address = free_address();
        let body = direct("order-1", &outside.location(0, 0));
        let mut ledger = Ledger::default();

        let mut doomed = Process::start(&outside, address, &[("SWITCHYARD_KILL_AT", point.name())]).await;
        if let Some(answer) =
            checkout_until_taken(&Client::new(address), &body, &mut || doomed.has_ended()).await
        {
            ledger.enter("order-1", &answer);
        }
        doomed.wait_until_ended().await;
        let end = doomed.child.wait().expect("a child of ours");
        assert_eq!(end.signal(), Some(SIGKILL), "{}: {end}: {}", point.name(), doomed.log_text());
        outside.until_no_session_is_open(1).await;

        let mut restarted = Process::start(&outside, address, &[]).await;
        let client = Client::new(address);
        let answer = checkout_until_taken(&client, &body, &mut || restarted.has_ended()).await;
        ledger.enter("order-1", &answer.unwrap_or_else(|| panic!("ended: {}", restarted.log_text())));
        let (job, subscription) = (ledger.id("order-1", "job_id"), ledger.id("order-1", "subscription_id"));
        one_outcome(&outside, 0, 0, &job, &subscription).await;
        let repeat = client.checkout(&body).await;
        ledger.enter("order-1", &repeat);
        assert_eq!(repeat.header("idempotency-replayed"), Some("true"));
        restarted.kill();
        outside.until_no_session_is_open(1).await;

        come_to_rest(&outside).await;
        assert_eq!(outside.event_counts().get("provisioning.failed"), None, "{}", point.name());
        assert_eq!(outside.webhook_ids("provisioning.completed", &job).len(), 1, "{}", point.name());
        assert_eq!(outside.most_sessions(0), 1, "{}", point.name());
        the_store_knows_one_job(&outside, &job);
    }

    /// A last start, in this process, where it can be seen that nothing is left to do.
    async fn come_to_rest(outside: &Outside) {
        let service = serve(outside, "").await;
        let store = service.store();
        until_at_rest(&*store).await;
        drop(store);
        service.stop().await;
    }

    fn the_store_knows_one_job(outside: &Outside, id: &str) {
        let records = Records::of(&outside.store());
        let jobs: Vec<_> =
            records.iter().filter_map(|r| if let Record::Job(job) = r { Some(job) } else { None }).collect();
        let [job] = jobs[..] else { panic!("{} jobs: {jobs:#?}", jobs.len()) };
        assert_eq!(job.id.to_string(), id);
        assert!(matches!(job.state, JobState::Completed { .. }), "{job:#?}");
        let events = records.iter().filter(|record| matches!(record, Record::Delivery(_))).count();
        assert_eq!(events, 2, "completed and activated: {:#?}", records.keys());
    }
}

#[test]
fn told_to_end_under_load_it_ends_in_time_with_0_and_nothing_accepted_is_lost() {
    const SWITCHES: usize = 4;
    const PORTS: u16 = 16;
    const BEFORE_THE_END: usize = 24;
    story(async {
        let fleet =
            Fleet { switches: SWITCHES, ports: PORTS, command_latency: Duration::from_millis(2), ..SMALL };
        let outside = Outside::start(fleet).await;
        let address = free_address();
        let mut process = Process::start_with(&outside, address, &[], STOP).await;
        let client = Client::new(address);
        let places: Vec<_> =
            (0..PORTS).flat_map(|port| (0..SWITCHES).map(move |switch| (switch, port))).collect();
        let name = |&(switch, port): &(usize, u16)| format!("order-{switch}-{port}");
        let body = |place: &(usize, u16)| direct(&name(place), &outside.location(place.0, place.1));

        let mut ledger = Ledger::default();
        let asked = places
            .iter()
            .map(|place| async { (name(place), client.try_checkout(body(place).to_string()).await) });
        let mut answers = stream::iter(asked).buffer_unordered(4);
        let mut told = None;
        while let Some((external, answer)) = answers.next().await {
            match answer {
                Some(answer) if answer.status == 200 => ledger.enter(&external, &answer),
                answer => {
                    assert!(told.is_some(), "refused before the end was asked for: {answer:?}");
                    assert!(answer.as_ref().is_none_or(|answer| answer.status == 503), "{answer:?}");
                }
            }
            if told.is_none() && ledger.0.len() == BEFORE_THE_END {
                process.terminate();
                told = Some(Instant::now());
            }
        }
        let told = told.expect("asked to end");
        until_no_longer_ready(&client).await;
        process.wait_until_ended().await;
        assert!(told.elapsed() < STOP_DEADLINE, "{:?}", told.elapsed());
        let end = process.child.wait().expect("a child of ours");
        assert_eq!(end.code(), Some(0), "{end}: {}", process.log_text());

        let _restarted = Process::start_with(&outside, address, &[], STOP).await;
        let client = Client::new(address);
        for place in &places {
            let answer = checkout_until_taken(&client, &body(place), &mut || false).await.expect("taken");
            ledger.enter(&name(place), &answer);
        }
        for place in &places {
            let (job, subscription) =
                (ledger.id(&name(place), "job_id"), ledger.id(&name(place), "subscription_id"));
            one_outcome(&outside, place.0, place.1, &job, &subscription).await;
        }
        assert_eq!(outside.event_counts().get("provisioning.failed"), None);
        assert!((0..SWITCHES).all(|switch| outside.most_sessions(switch) == 1));
    });
}

async fn until_no_longer_ready(client: &Client) {
    let deadline = Instant::now() + PATIENCE;
    while client.get("/readyz", &[]).await.is_some_and(|answer| answer.status == 200) {
        assert!(Instant::now() < deadline, "still ready");
        tokio::task::yield_now().await;
    }
}

fn arguments<'a>(command: &[&'a str], config: &'a str) -> Vec<&'a str> {
    [command, &["--config", config]].concat()
}

#[test]
fn a_second_service_on_the_same_store_says_why_it_does_not_start_and_harms_nothing() {
    story(async {
        let outside = Outside::start(ONE).await;
        let first = Process::start(&outside, free_address(), &[]).await;
        let config = outside.folder.path().join("second.toml");
        std::fs::write(&config, outside.config_text(&free_address().to_string(), "")).expect("a file");
        let (code, text) = run(&arguments(&["serve"], config.to_str().expect("a path")));
        assert!(code.is_some_and(|code| code != 0), "{code:?}: {text}");
        let store = outside.store().display().to_string();
        assert!(text.contains("already open") && text.contains(&store), "{text}");
        assert!(!text.contains("panicked"), "{text}");
        let answer = Client::new(first.address).checkout(&direct("order-1", &outside.location(0, 0))).await;
        assert_eq!(answer.status, 200);
    });
}

#[test]
fn an_inventory_applied_beside_a_running_service_takes_effect_and_the_second_time_changes_nothing() {
    story(async {
        let outside = Outside::start(ONE).await;
        let service = Process::start(&outside, free_address(), &[]).await;
        let client = Client::new(service.address);
        let checkout = direct("order-1", "00000000ff");
        let before = client.checkout(&checkout).await;
        assert_eq!((before.status, before.detail()), (404, json!("Location not found for location_hash")));

        let first = format!("\"{}\"", outside.location(0, 0));
        let text = outside.inventory_text().replace(&first, "\"00000000ff\"");
        std::fs::write(outside.inventory(), text).expect("the inventory");
        let (config, file) =
            (service.config.display().to_string(), outside.inventory().display().to_string());
        let apply = || run(&arguments(&["inventory", "apply", &file], &config));
        let (code, changes) = apply();
        assert_eq!(code, Some(0), "{changes}");
        assert!(changes.contains("00000000ff"), "{changes}");
        let (code, again) = apply();
        assert!(code == Some(0) && again.starts_with("nothing changed"), "{code:?}: {again}");

        let after = client.checkout(&checkout).await;
        assert_eq!(after.status, 200, "{after:?}");
        one_outcome(&outside, 0, 0, &after.id("job_id"), &after.id("subscription_id")).await;
    });
}

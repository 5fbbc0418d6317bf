//! The power goes at every sync of a checkout's way: what was answered holds, and the job comes to one outcome.
//!
//! Everything but the disk is real: HTTP, SSH to a simulated switch, signed webhooks. The disk keeps only what was
//! synced, or some sectors more.
#![cfg(feature = "fail-points")]

use crate::harness::*;
use futures_util::stream::{self, StreamExt};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};
use switchyard::config::Config;
use switchyard::simulator::Personality;
use switchyard::startup::{self, Application};
use switchyard::store::embedded::{EmbeddedStore, Settings};
use switchyard::store::power_cut::{Cut, PowerCut, Unsynced};

const IOS: Fleet = Fleet { switches: 1, ports: 4, personality: |_| Personality::Ios, ..SMALL };
const EOS: Fleet = Fleet { switches: 1, ports: 4, personality: |_| Personality::Eos, ..SMALL };

/// A store that has lost its disk never lets a switch come to a safe point, so there is no use in waiting for it.
const SOON: &str = "[stop]\npatience_ms = 100\n[http]\nstop_timeout_ms = 1000\n";

async fn serve_on(outside: &Outside, disk: &PowerCut) -> Application {
    let store = EmbeddedStore::on_backend(disk.clone(), Settings::default()).expect("a store on the disk");
    let text = outside.config_text("127.0.0.1:0", SOON);
    let config = Config::parse(&text, Path::new("test.toml")).expect("a configuration");
    Application::build_on(config, Some(&outside.inventory()), startup::alone(store))
        .await
        .expect("the service")
}

fn order(outside: &Outside) -> String {
    direct("order-1", &outside.location(0, 0)).to_string()
}

/// The whole way, undisturbed: how many syncs it takes.
async fn syncs_of_a_whole_way(fleet: Fleet) -> u64 {
    let outside = Outside::start(fleet).await;
    let disk = PowerCut::empty(Cut::Never, Unsynced::Lost);
    let service = serve_on(&outside, &disk).await;
    disk.plan(Cut::Never, Unsynced::Lost);
    let answer = Client::new(service.address()).try_checkout(order(&outside)).await.expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    outside.until("live and saved", |outside| outside.is_live_and_saved(0, 0)).await;
    until_at_rest(&*service.store()).await;
    let syncs = disk.syncs();
    service.stop().await;
    syncs
}

/// One checkout, with the power going at `cut`; whether it did go before all was done.
async fn one_cut(fleet: Fleet, cut: Cut, lose: Unsynced) -> bool {
    let outside = Outside::start(fleet).await;
    let disk = PowerCut::empty(Cut::Never, Unsynced::Lost);
    let service = serve_on(&outside, &disk).await;
    disk.plan(cut, lose);
    let promised = Client::new(service.address()).try_checkout(order(&outside)).await;
    let promised = promised.filter(|answer| answer.status == 200).map(|answer| answer.json());
    let went = until_the_power_goes(&outside, &service, &disk, promised.is_some()).await;
    service.stop().await;
    disk.cut_now();

    let disk = PowerCut::holding(disk.durable_bytes(), Cut::Never, Unsynced::Lost);
    let service = serve_on(&outside, &disk).await;
    let ids = taken_again(&service, &outside).await;
    if let Some(promised) = promised {
        assert_eq!(promised, ids, "{cut:?}, {lose:?}: other ids than were answered before");
    }
    judge(&outside, &service, &ids).await;
    service.stop().await;
    went
}

/// Or until all is done without it.
async fn until_the_power_goes(
    outside: &Outside,
    service: &Application,
    disk: &PowerCut,
    accepted: bool,
) -> bool {
    let deadline = Instant::now() + PATIENCE;
    let store = service.store();
    while !disk.is_off() {
        let left = left_to_do(&*store).await;
        if accepted && outside.is_live_and_saved(0, 0) && matches!(left, Ok(None)) {
            return false;
        }
        assert!(Instant::now() < deadline, "neither cut nor done: {left:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    true
}

/// The partner asks with the same body until it has a 200: nothing else is a final answer to a good checkout.
async fn taken_again(service: &Application, outside: &Outside) -> Value {
    let client = Client::new(service.address());
    let answer = client.try_checkout(order(outside)).await.expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn judge(outside: &Outside, service: &Application, ids: &Value) {
    let id = |name: &str| ids[name].as_str().expect("an id");
    let (job, subscription) = (id("job_id"), id("subscription_id"));
    outside.until("live and saved", |outside| outside.is_live_and_saved(0, 0)).await;
    outside.until("completed", |o| !o.events_for("provisioning.completed", job).is_empty()).await;
    outside.until("activated", |o| !o.events_for("subscription.activated", subscription).is_empty()).await;
    until_at_rest(&*service.store()).await;
    assert_eq!(outside.webhook_ids("provisioning.completed", job).len(), 1);
    assert_eq!(outside.webhook_ids("subscription.activated", subscription).len(), 1);
    let deliveries = outside.receiver.deliveries();
    let of_ours = |d: &_| is_verified(d) && d.field("subscription_id") == Some(subscription);
    assert!(deliveries.iter().all(of_ours), "an event of a subscription that nobody has: {deliveries:#?}");
    assert_eq!(outside.event_counts().get("provisioning.failed"), None);
    assert_eq!(outside.most_sessions(0), 1);
}

// Printed only when it fails: which cuts were under way.
#[allow(clippy::print_stdout)]
async fn cut_at_every_sync(fleet: fn() -> Fleet) {
    let whole = syncs_of_a_whole_way(fleet()).await;
    assert!(whole >= 8, "a whole way takes {whole} syncs: fewer than it has states");
    let cuts = (1..=whole).flat_map(|n| {
        [
            (Cut::BeforeSync(n), Unsynced::Lost),
            (Cut::AfterSync(n), Unsynced::Lost),
            (Cut::BeforeSync(n), Unsynced::Torn { seed: n }),
        ]
    });
    let runs = cuts.map(|(cut, lose)| async move {
        println!("{cut:?}, {lose:?}");
        one_cut(fleet(), cut, lose).await
    });
    let went: Vec<bool> = stream::iter(runs).buffer_unordered(3).collect().await;
    // Commits that wait together share a sync, so a way can have fewer of them than the one that was counted.
    let cut = went.iter().filter(|went| **went).count();
    println!("{whole} syncs, {cut} of {} cuts struck", went.len());
    assert!(cut * 10 >= went.len() * 8, "only {cut} of {} cuts struck", went.len());
}

#[test]
fn the_power_may_go_at_any_sync_of_a_checkout_on_ios() {
    story(cut_at_every_sync(|| IOS));
}

#[test]
fn the_power_may_go_at_any_sync_of_a_checkout_on_eos() {
    story(cut_at_every_sync(|| EOS));
}

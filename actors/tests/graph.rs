//! The actor graph on paused time: order, limits, restarts, and how often each port is called.

use actix_rt::System;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use switchyard_actors::domain::config::{PortConfig, VlanId};
use switchyard_actors::domain::failure::FailureClass;
use switchyard_actors::domain::ids::{PartnerId, PlanVersionId, PortName, PortRef, SwitchId, UnitId};
use switchyard_actors::domain::inventory::{Credentials, Location, Partner, PlanVersion, Switch, Unit};
use switchyard_actors::domain::job::JobState;
use switchyard_actors::domain::port::PortState;
use switchyard_actors::domain::record::{JobRecord, Key, PortRecord, Record, SubscriptionRecord};
use switchyard_actors::domain::request::{CheckoutKey, CheckoutRequest, DeliveryMode};
use switchyard_actors::domain::text::{ExternalSubscriptionId, LocationHash, MacAddress, Secret};
use switchyard_actors::graph::Graph;
use switchyard_actors::outside::Outside;
use switchyard_actors::ports::hints::NoHints;
use switchyard_actors::ports::webhook::{SendOutcome, WebhookSender};
use switchyard_actors::provisioning::{CheckoutDenied, InstallDenied, Provisioning, Refused};
use switchyard_actors::settings::GraphSettings;
use switchyard_actors::testing::{
    FullJitter, PausedClock, RecordingStore, ScriptedDriver, ScriptedFault, ScriptedReceiver,
};
use uuid::Uuid;

const PARTNER: PartnerId = PartnerId(Uuid::from_u128(1));
const PLAN: PlanVersionId = PlanVersionId(Uuid::from_u128(2));
const UNIT: UnitId = UnitId(Uuid::from_u128(3));

/// The graph on this thread, with switch `sw` and its ports `p0` to `p9`, known as `0000000000` to `0000000009`.
struct World {
    store: Arc<RecordingStore>,
    driver: ScriptedDriver,
    receiver: ScriptedReceiver,
    handle: Provisioning,
    graph: Graph,
}

fn switch() -> SwitchId {
    SwitchId::parse("sw").expect("valid")
}

fn port(n: u32) -> PortRef {
    PortRef { switch: switch(), port: PortName::parse(&format!("p{n}")).expect("valid") }
}

fn location(n: u32) -> LocationHash {
    LocationHash::parse(&format!("{n:010}")).expect("valid")
}

fn seed(store: &RecordingStore) {
    let partner = Partner {
        id: PARTNER,
        name: "Fiber".into(),
        webhook_secret: Secret::new("s3cret"),
        webhook_url: "http://receiver".into(),
        api_key: None,
    };
    let vlan = VlanId::try_from(142).expect("valid");
    let plan = PlanVersion {
        id: PLAN,
        partner: PARTNER,
        name: "100".into(),
        vlan,
        down_kbps: 100_000,
        up_kbps: 20_000,
        active: true,
    };
    let credentials =
        Credentials { username: "admin".into(), password: None, private_key: None, enable_password: None };
    let entry = Switch {
        id: switch(),
        host: "localhost".into(),
        ssh_port: 22,
        platform: "scripted".into(),
        credentials,
        host_key: None,
        host_name: None,
        captive_portal_vlan: vlan,
    };
    store.seed(Key::Partner(PARTNER), Record::Partner(partner));
    store.seed(Key::Plan(PLAN), Record::Plan(plan));
    store.seed(Key::Unit(UNIT), Record::Unit(Unit { id: UNIT, name: "1A".into() }));
    store.seed(Key::Switch(switch()), Record::Switch(entry));
    for n in 0..10 {
        let at = Location { hash: location(n), port: port(n), expires_at: None };
        store.seed(Key::Location(location(n)), Record::Location(at));
    }
}

impl World {
    fn start(settings: GraphSettings) -> Self {
        let store = Arc::new(RecordingStore::default());
        seed(&store);
        let driver = ScriptedDriver::with_latency(Duration::from_millis(100));
        let receiver = ScriptedReceiver::default();
        let outside = Outside::new(
            Arc::clone(&store) as _,
            Arc::new(NoHints::default()),
            Arc::new(driver.clone()),
            Arc::new(PausedClock::default()),
            Arc::new(FullJitter),
            settings,
        );
        let sender = Rc::new(receiver.clone());
        let sender = std::sync::Mutex::new(Some(SendOnThisThread(sender)));
        let graph = Graph::start_here(Arc::new(outside), move || {
            let taken = sender.lock().expect("no panic").take().expect("made once");
            taken.0 as Rc<dyn WebhookSender>
        });
        Self { store, driver, receiver, handle: graph.provisioning(), graph }
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..200_000 {
            if holds(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never {what}: {:#?} {:?}", self.driver.calls(), self.receiver.events());
    }

    async fn until_events(&self, count: usize) {
        self.until(&format!("{count} events"), |world| world.receiver.events().len() >= count).await;
    }

    fn job(&self, id: switchyard_actors::domain::ids::JobId) -> JobRecord {
        match self.store.record(&Key::Job(switch(), id)) {
            Some(Record::Job(job)) => job,
            other => panic!("no job but {other:?}"),
        }
    }

    fn port_record(&self, n: u32) -> PortRecord {
        match self.store.record(&Key::Port(port(n))) {
            Some(Record::Port(port)) => port,
            other => panic!("no port but {other:?}"),
        }
    }

    fn subscriptions(&self) -> Vec<SubscriptionRecord> {
        let records = self.store.records().into_iter();
        records
            .filter_map(|record| match record {
                Record::Subscription(subscription) => Some(subscription),
                _ => None,
            })
            .collect()
    }
}

/// `Graph::start_here` runs its factory on this very thread.
struct SendOnThisThread(Rc<ScriptedReceiver>);
#[allow(unsafe_code)]
unsafe impl Send for SendOnThisThread {}

fn request(external: &str, n: u32) -> CheckoutRequest {
    CheckoutRequest {
        key: CheckoutKey {
            partner: PARTNER,
            external: ExternalSubscriptionId::parse(external).expect("valid"),
        },
        plan: PLAN,
        mode: DeliveryMode::Direct { location: location(n) },
        mac: None,
    }
}

fn live() -> PortConfig {
    PortConfig {
        enabled: true,
        access_vlan: VlanId::try_from(142).ok(),
        down_kbps: Some(100_000),
        up_kbps: Some(20_000),
        mac: None,
        extra: BTreeMap::new(),
    }
}

/// Runs a story on paused time.
fn paused(story: impl Future<Output = ()> + 'static) {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime")
    };
    System::with_tokio_rt(runtime).block_on(story);
}

#[test]
fn a_checkout_becomes_a_live_port_one_outcome_and_two_events() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        assert!(!accepted.replayed);
        world.until_events(2).await;
        assert_eq!(world.receiver.events(), ["provisioning.completed", "subscription.activated"]);
        assert_eq!(world.driver.running(&port(1)), live());
        let job = world.job(accepted.receipt.job().expect("direct"));
        assert!(matches!(job.state, JobState::Completed { attempts: 1, .. }), "{job:?}");
        world.until("saved", |world| world.driver.startup(&port(1)) == live()).await;
        world.until("clean", |world| world.port_record(1).state == PortState::Clean).await;
        assert_eq!(world.driver.calls(), ["sw open", "sw read", "sw apply", "sw read", "sw save"]);
    });
}

#[test]
fn a_repeat_gets_the_first_ids_and_runs_nothing() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let first = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        let again = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        assert_eq!((again.receipt, again.replayed), (first.receipt, true));
        let other = world.handle.complete_checkout(request("order-1", 2)).await;
        assert_eq!(other, Err(Refused::Denied(CheckoutDenied::KeyReused(first.receipt))));
        world.until_events(2).await;
        assert_eq!(world.subscriptions().len(), 1);
    });
}

#[test]
fn of_many_who_want_one_port_one_gets_it_and_the_refused_leave_nothing() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let asked = (0..20).map(|n| {
            let handle = world.handle.clone();
            async move { handle.complete_checkout(request(&format!("order-{n}"), 3)).await }
        });
        let answers = futures_util::future::join_all(asked).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        let taken = Err(Refused::Denied(CheckoutDenied::LocationTaken));
        assert_eq!(answers.iter().filter(|answer| **answer == taken).count(), 19);
        let keys =
            world.store.records().into_iter().filter(|record| matches!(record, Record::Checkout(_))).count();
        assert_eq!(keys, 1);
    });
}

#[test]
fn an_answer_that_the_store_lost_is_asked_for_again_and_nothing_is_done_twice() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.store.lose_next_answer();
        let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        assert!(!accepted.replayed);
        (0..3).for_each(|_| world.store.lose_next_request());
        let lost = world.handle.complete_checkout(request("order-2", 2)).await;
        // The supervisor may have used up some of the faults; whatever was answered, the repeat settles it.
        let again = world.handle.complete_checkout(request("order-2", 2)).await.expect("accepted by now");
        if let Ok(first) = lost {
            assert_eq!(first.receipt, again.receipt);
        }
        world.until_events(4).await;
        assert_eq!(world.subscriptions().len(), 2);
    });
}

#[test]
fn a_lost_session_is_opened_again_after_a_back_off_and_the_job_goes_on() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::ApplyHalf(FailureClass::SessionLost));
        let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(2).await;
        let job = world.job(accepted.receipt.job().expect("direct"));
        assert!(matches!(job.state, JobState::Completed { attempts: 2, .. }), "{job:?}");
        assert_eq!(world.driver.running(&port(1)), live());
        assert_eq!(world.driver.most_open(), 1);
    });
}

#[test]
fn lines_that_were_all_done_before_the_drop_are_found_and_not_sent_again() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::ApplyAll(FailureClass::SessionLost));
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(2).await;
        let applied = world.driver.calls().iter().filter(|call| *call == "sw apply").count();
        assert_eq!(applied, 1);
    });
}

#[test]
fn a_rejected_line_is_undone_and_fails_the_job_at_once() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let before = world.driver.running(&port(1));
        world.driver.order(&switch(), ScriptedFault::ApplyHalf(FailureClass::CommandRejected));
        let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(1).await;
        assert_eq!(world.receiver.events(), ["provisioning.failed"]);
        let job = world.job(accepted.receipt.job().expect("direct"));
        assert!(matches!(job.state, JobState::Failed { attempts: 1, .. }), "{job:?}");
        assert_eq!(world.driver.running(&port(1)), before);
        assert_eq!(world.port_record(1).holder, None);
        // The port is free again, and the same key still gets the same ids.
        world.handle.complete_checkout(request("order-2", 1)).await.expect("the port is free");
        let again = world.handle.complete_checkout(request("order-1", 1)).await.expect("known");
        assert_eq!(again.receipt, accepted.receipt);
    });
}

#[test]
fn swallowed_lines_are_found_by_the_read_back() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::Swallow);
        let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(2).await;
        let job = world.job(accepted.receipt.job().expect("direct"));
        assert!(matches!(job.state, JobState::Completed { attempts: 2, .. }), "{job:?}");
    });
}

#[test]
fn a_job_out_of_attempts_fails_and_its_port_is_repaired_until_it_is_as_before() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let before = world.driver.running(&port(1));
        world.driver.order(&switch(), ScriptedFault::ApplyHalf(FailureClass::SessionLost));
        (0..4).for_each(|_| world.driver.order(&switch(), ScriptedFault::Open(FailureClass::Unreachable)));
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(1).await;
        assert_eq!(world.receiver.events(), ["provisioning.failed"]);
        world.until("as before", |world| world.driver.running(&port(1)) == before).await;
        world.until("clean", |world| world.port_record(1).state == PortState::Clean).await;
        assert_eq!(world.port_record(1).holder, None);
    });
}

#[test]
fn a_refused_login_quarantines_the_switch_keeps_its_queue_and_a_release_goes_on() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::Open(FailureClass::AuthenticationRefused));
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world
            .until("quarantined", |world| {
                let status = world.store.record(&Key::SwitchStatus(switch()));
                matches!(status, Some(Record::SwitchStatus(status)) if status.quarantined.is_some())
            })
            .await;
        world.handle.complete_checkout(request("order-2", 2)).await.expect("accepted while quarantined");
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!(world.driver.calls(), ["sw open"]);
        world.graph.operator().release(&switch()).await.expect("on record");
        world.until_events(4).await;
    });
}

#[test]
fn a_job_that_waits_too_long_on_a_quarantined_switch_fails_with_its_reason() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::Open(FailureClass::HostKeyChanged));
        let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        tokio::time::sleep(Duration::from_secs(25 * 3_600)).await;
        world.until_events(1).await;
        assert_eq!(world.receiver.events(), ["provisioning.failed"]);
        let job = world.job(accepted.receipt.job().expect("direct"));
        assert!(matches!(job.state, JobState::Failed { .. }), "{job:?}");
    });
}

#[test]
fn a_supervisor_that_panics_is_restarted_and_its_job_goes_on_from_the_store() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::Panic);
        world.driver.order(&switch(), ScriptedFault::Panic);
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(2).await;
        assert_eq!(world.receiver.events(), ["provisioning.completed", "subscription.activated"]);
        assert_eq!(world.driver.most_open(), 1);
    });
}

#[test]
fn a_switch_that_rebooted_before_the_save_gets_exactly_that_port_again() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::Save(FailureClass::SessionLost));
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(2).await;
        world.until("asked to save", |world| world.driver.calls().contains(&"sw save".to_owned())).await;
        world.driver.reboot(&switch());
        assert_ne!(world.driver.running(&port(1)), live());
        world.until("live and saved", |world| world.driver.startup(&port(1)) == live()).await;
        assert_eq!(world.driver.running(&port(1)), live());
        assert_eq!(world.receiver.events().len(), 2);
    });
}

#[test]
fn one_session_serves_the_whole_queue_and_closes_when_idle() {
    paused(async {
        let world = World::start(GraphSettings::default());
        for n in 0..10 {
            world.handle.complete_checkout(request(&format!("order-{n}"), n)).await.expect("accepted");
        }
        world.until_events(20).await;
        world.until("closed", |world| world.driver.calls().contains(&"sw close".to_owned())).await;
        let opened = world.driver.calls().iter().filter(|call| *call == "sw open").count();
        assert_eq!((opened, world.driver.most_open()), (1, 1));
    });
}

#[test]
fn a_receiver_that_fails_gets_three_attempts_two_and_four_seconds_apart_with_the_same_bytes() {
    paused(async {
        let world = World::start(GraphSettings::default());
        // Two events, of which the first fails for ever and the second is acknowledged.
        world.receiver.answer_next(SendOutcome::Answered { status: 500 });
        world.receiver.answer_next(SendOutcome::Answered { status: 200 });
        world.receiver.answer_next(SendOutcome::NoAnswer { error: "timed out".into() });
        world.receiver.answer_next(SendOutcome::Answered { status: 503 });
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(4).await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        let received = world.receiver.received();
        assert_eq!(received.len(), 4);
        let failing: Vec<_> = received.iter().filter(|(_, w)| w.event == received[0].1.event).collect();
        assert_eq!(failing.iter().map(|(_, w)| w.attempt).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(failing.iter().all(|(_, w)| w.body == failing[0].1.body));
        let gaps: Vec<_> =
            failing.windows(2).map(|w| w[1].0.duration_since(w[0].0).as_millis() / 100).collect();
        assert_eq!(gaps, [20, 40]);
    });
}

#[test]
fn a_home_drop_waits_for_its_install_and_the_same_install_twice_is_one_job() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let home_drop =
            CheckoutRequest { mode: DeliveryMode::HomeDrop { unit: UNIT }, ..request("order-1", 0) };
        let accepted = world.handle.complete_checkout(home_drop.clone()).await.expect("accepted");
        assert_eq!(accepted.receipt.job(), None);
        world.until_events(1).await;
        assert_eq!(world.receiver.events(), ["subscription.pending_install"]);
        let subscription = accepted.receipt.subscription();
        let confirm = |n| world.handle.confirm_install(PARTNER, subscription, location(n));
        let started = confirm(4).await.expect("installed");
        assert_eq!(confirm(4).await, Ok(started));
        let elsewhere = confirm(5).await;
        assert!(
            matches!(elsewhere, Err(Refused::Denied(InstallDenied::NotPendingInstall { .. }))),
            "{elsewhere:?}"
        );
        let stranger =
            world.handle.confirm_install(PartnerId(Uuid::from_u128(9)), subscription, location(4)).await;
        assert_eq!(stranger, Err(Refused::Denied(InstallDenied::SubscriptionNotFound)));
        world.until_events(3).await;
        assert_eq!(world.driver.running(&port(4)), live());
        assert_eq!(world.handle.complete_checkout(home_drop).await.expect("known").receipt, accepted.receipt);
    });
}

#[test]
fn a_mac_is_part_of_what_must_be_read_back() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let mac = MacAddress::parse("02:00:00:00:00:01").ok();
        world
            .handle
            .complete_checkout(CheckoutRequest { mac, ..request("order-1", 1) })
            .await
            .expect("accepted");
        world.until_events(2).await;
        assert_eq!(world.driver.running(&port(1)), PortConfig { mac, ..live() });
    });
}

#[test]
fn a_repair_that_fails_waits_before_it_is_tried_again() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::Save(FailureClass::SaveFailed));
        (0..3).for_each(|_| world.driver.order(&switch(), ScriptedFault::Read(FailureClass::PortUnknown)));
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        // The faults are ordered, so the reads of the visit itself go well, and those of the proof after the save fail.
        world.until("saved", |world| world.driver.startup(&port(1)) == live()).await;
        let proofs = world.driver.calls().iter().filter(|call| *call == "sw read").count();
        assert!(proofs <= 2 + 3 + 1, "{:?}", world.driver.calls());
    });
}

//! Graphs on this thread, on a store, a driver, a receiver and hints that the tests play.

use actix_rt::System;
pub use std::collections::BTreeMap;
use std::rc::Rc;
pub use std::sync::Arc;
pub use std::time::Duration;
pub use switchyard_actors::domain::config::{PortConfig, VlanId};
pub use switchyard_actors::domain::failure::FailureClass;
pub use switchyard_actors::domain::ids::{
    InstanceId, JobId, PartnerId, PlanVersionId, PortName, PortRef, SwitchId, UnitId,
};
use switchyard_actors::domain::inventory::{Credentials, Location, Partner, PlanVersion, Switch, Unit};
pub use switchyard_actors::domain::job::JobState;
pub use switchyard_actors::domain::port::PortState;
pub use switchyard_actors::domain::record::{JobRecord, Key, PortRecord, Record, SubscriptionRecord, Tag};
pub use switchyard_actors::domain::request::{CheckoutKey, CheckoutRequest, DeliveryMode};
pub use switchyard_actors::domain::text::{ExternalSubscriptionId, LocationHash, MacAddress, Secret};
use switchyard_actors::graph::Graph;
use switchyard_actors::outside::Outside;
use switchyard_actors::ports::hints::{Hints, NoHints};
use switchyard_actors::ports::store::Store;
pub use switchyard_actors::ports::webhook::SendOutcome;
use switchyard_actors::ports::webhook::WebhookSender;
pub use switchyard_actors::provisioning::{CheckoutDenied, InstallDenied, Provisioning, Refused};
pub use switchyard_actors::settings::GraphSettings;
pub use switchyard_actors::testing::{
    FullJitter, HintHub, PausedClock, RecordingStore, ScriptedDriver, ScriptedFault, ScriptedReceiver,
    StoreLink,
};
pub use uuid::Uuid;

pub const PARTNER: PartnerId = PartnerId(Uuid::from_u128(1));
pub const PLAN: PlanVersionId = PlanVersionId(Uuid::from_u128(2));
pub const UNIT: UnitId = UnitId(Uuid::from_u128(3));

/// One instance alone, with switch `sw` and its ports `p0` to `p29`, known as `0000000000` to `0000000029`.
pub struct World {
    pub store: Arc<RecordingStore>,
    pub driver: ScriptedDriver,
    pub receiver: ScriptedReceiver,
    pub handle: Provisioning,
    pub graph: Graph,
}

pub fn switch() -> SwitchId {
    SwitchId::parse("sw").expect("valid")
}

pub fn port_of(switch: &SwitchId, n: u32) -> PortRef {
    PortRef { switch: switch.clone(), port: PortName::parse(&format!("p{n}")).expect("valid") }
}

pub fn port(n: u32) -> PortRef {
    port_of(&switch(), n)
}

pub fn location(n: u32) -> LocationHash {
    LocationHash::parse(&format!("{n:010}")).expect("valid")
}

/// A partner, and its plan.
pub fn seed_partner(store: &RecordingStore, id: PartnerId, plan: PlanVersionId, url: &str) {
    let partner = Partner {
        id,
        name: "Fiber".into(),
        webhook_secret: Secret::new("s3cret"),
        webhook_url: url.into(),
        api_key: None,
    };
    let version = PlanVersion {
        id: plan,
        partner: id,
        name: "100".into(),
        vlan: VlanId::try_from(142).expect("valid"),
        down_kbps: 100_000,
        up_kbps: 20_000,
        active: true,
    };
    store.seed(Key::Partner(id), Record::Partner(partner));
    store.seed(Key::Plan(plan), Record::Plan(version));
}

fn seed(store: &RecordingStore) {
    seed_partner(store, PARTNER, PLAN, "http://receiver");
    store.seed(Key::Unit(UNIT), Record::Unit(Unit { id: UNIT, name: "1A".into() }));
}

/// A switch with its ports from `p0` on, whose locations count from `first`.
fn seed_switch(store: &RecordingStore, id: &SwitchId, first: u32, ports: u32) {
    let credentials = Credentials { username: "admin".into(), ..Credentials::default() };
    let entry = Switch {
        id: id.clone(),
        host: "localhost".into(),
        ssh_port: 22,
        platform: "scripted".into(),
        credentials,
        host_key: None,
        host_name: None,
        serial: None,
        captive_portal_vlan: VlanId::try_from(142).expect("valid"),
        allow_algorithms: Vec::new(),
        jump_host: None,
    };
    store.seed(Key::Switch(id.clone()), Record::Switch(entry));
    for n in 0..ports {
        let at = Location { hash: location(first + n), port: port_of(id, n), expires_at: None };
        store.seed(Key::Location(location(first + n)), Record::Location(at));
    }
}

/// A store with switch `sw`.
pub fn seeded(store: RecordingStore) -> Arc<RecordingStore> {
    let store = Arc::new(store);
    seed(&store);
    seed_switch(&store, &switch(), 0, 30);
    store
}

/// A store with switches `sw0`, `sw1` and so on, whose ports' locations are ten times their number and the port's.
pub fn seeded_with(store: RecordingStore, switches: u32) -> Arc<RecordingStore> {
    let store = Arc::new(store);
    seed(&store);
    for number in 0..switches {
        seed_switch(&store, &numbered(number), number * 10, 10);
    }
    store
}

pub fn numbered(number: u32) -> SwitchId {
    SwitchId::parse(&format!("sw{number}")).expect("valid")
}

/// The graph of one instance, on this thread.
pub fn start_graph(
    store: Arc<dyn Store>,
    hints: Arc<dyn Hints>,
    driver: &ScriptedDriver,
    receiver: &ScriptedReceiver,
    settings: GraphSettings,
) -> Graph {
    start_graph_at(PausedClock::default(), store, hints, driver, receiver, settings)
}

/// The same, by this clock.
pub fn start_graph_at(
    clock: PausedClock,
    store: Arc<dyn Store>,
    hints: Arc<dyn Hints>,
    driver: &ScriptedDriver,
    receiver: &ScriptedReceiver,
    settings: GraphSettings,
) -> Graph {
    let (clock, entropy) = (Arc::new(clock), Arc::new(FullJitter));
    let outside = Outside::new(store, hints, Arc::new(driver.clone()), clock, entropy, settings);
    let sender = Rc::new(receiver.clone());
    let sender = std::sync::Mutex::new(Some(SendOnThisThread(sender)));
    Graph::start_here(Arc::new(outside), move || {
        let taken = sender.lock().expect("no panic").take().expect("made once");
        taken.0 as Rc<dyn WebhookSender>
    })
}

/// Waits for a state; `seen` says what there was instead.
pub async fn until(what: &str, holds: impl Fn() -> bool, seen: impl Fn() -> String) {
    for _ in 0..200_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never {what}: {}", seen());
}

pub fn job_in(store: &RecordingStore, switch: &SwitchId, id: JobId) -> JobRecord {
    match store.record(&Key::Job(switch.clone(), id)) {
        Some(Record::Job(job)) => job,
        other => panic!("no job but {other:?}"),
    }
}

impl World {
    pub fn start(settings: GraphSettings) -> Self {
        Self::on(seeded(RecordingStore::default()), settings)
    }

    pub fn on(store: Arc<RecordingStore>, settings: GraphSettings) -> Self {
        Self::at(PausedClock::default(), store, settings)
    }

    /// By this clock.
    pub fn at(clock: PausedClock, store: Arc<RecordingStore>, settings: GraphSettings) -> Self {
        let driver = ScriptedDriver::with_latency(Duration::from_millis(100));
        let receiver = ScriptedReceiver::default();
        let hints = Arc::new(NoHints::default());
        let graph = start_graph_at(clock, Arc::clone(&store) as _, hints, &driver, &receiver, settings);
        Self { store, driver, receiver, handle: graph.provisioning(), graph }
    }

    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let seen = || format!("{:#?} {:?}", self.driver.calls(), self.receiver.events());
        until(what, || holds(self), seen).await;
    }

    pub async fn until_events(&self, count: usize) {
        self.until(&format!("{count} events"), |world| world.receiver.events().len() >= count).await;
    }

    pub fn job(&self, id: JobId) -> JobRecord {
        job_in(&self.store, &switch(), id)
    }

    pub fn port_record(&self, n: u32) -> PortRecord {
        match self.store.record(&Key::Port(port(n))) {
            Some(Record::Port(port)) => port,
            other => panic!("no port but {other:?}"),
        }
    }

    pub fn subscriptions(&self) -> Vec<SubscriptionRecord> {
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

pub fn request(external: &str, n: u32) -> CheckoutRequest {
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

pub fn live() -> PortConfig {
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
pub fn paused(story: impl Future<Output = ()> + 'static) {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime")
    };
    System::with_tokio_rt(runtime).block_on(story);
}

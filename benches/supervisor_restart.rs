//! What the restarts of one supervisor cost the others: many switches under a steady load of jobs, beside one whose supervisor
//! panics again and again; against the same load on the same switches, without a panic. Real SSH, the real store, the
//! configuration that ships. The rounds take turns, so that whatever else the machine does falls on both alike.

#![allow(clippy::print_stdout)] // a bench that prints nothing says nothing

use async_trait::async_trait;
use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use switchyard::config::Config;
use switchyard::machine::{SystemClock, SystemEntropy};
use switchyard::operations::apply_inventory;
use switchyard::simulator::{Addressing, Personality, SimulatedFleet, SwitchPlan};
use switchyard::ssh::{Driver, Platforms};
use switchyard::store::embedded::EmbeddedStore;
use switchyard_actors::domain::config::PortConfig;
use switchyard_actors::domain::failure::DriverFailure;
use switchyard_actors::domain::ids::{PartnerId, PlanVersionId, PortName};
use switchyard_actors::domain::inventory::Switch;
use switchyard_actors::domain::request::{CheckoutKey, CheckoutRequest, DeliveryMode};
use switchyard_actors::domain::text::{ExternalSubscriptionId, LocationHash};
use switchyard_actors::graph::Graph;
use switchyard_actors::outside::Outside;
use switchyard_actors::ports::driver::{Intent, PortLines, SwitchDriver, SwitchSession};
use switchyard_actors::ports::guard::SessionGuard;
use switchyard_actors::ports::hints::NoHints;
use switchyard_actors::ports::webhook::{OutgoingWebhook, SendOutcome, WebhookSender};
use switchyard_actors::provisioning::Provisioning;
use uuid::Uuid;

const PARTNER: PartnerId = PartnerId(Uuid::from_u128(0xa1));
const PLAN: PlanVersionId = PlanVersionId(Uuid::from_u128(0xb1));
/// The last of them is the one that breaks.
const SWITCHES: usize = 33;
const JOBS_A_ROUND: usize = 8;
/// Each a calm one and a breaking one; the first pair opens the sessions, and is not counted.
const PAIRS: usize = 7;
const PORTS: u16 = (2 * PAIRS * JOBS_A_ROUND) as u16;
/// Between two orders.
const PACE: Duration = Duration::from_millis(12);
const COMMAND_LATENCY: Duration = Duration::from_millis(5);
const DEADLINE: Duration = Duration::from_secs(60);

fn main() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some(AS_ORDERED) {
            usual(info);
        }
    }));
    actix_rt::System::new().block_on(compare());
}

async fn compare() {
    let world = World::start().await;
    let (mut calm, mut breaking) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let without = world.round(2 * pair, false).await;
        let with = world.round(2 * pair + 1, true).await;
        if pair > 0 {
            calm.push(without);
            breaking.push(with);
        }
    }
    let panics = world.driver.panics.load(Ordering::Relaxed);
    println!(
        "{} switches, {} jobs on the others a round, {} rounds each; {panics} panics of the one supervisor",
        SWITCHES,
        (SWITCHES - 1) * JOBS_A_ROUND,
        PAIRS - 1
    );
    println!("{:<24} {:>10} {:>10} {:>8}", "the others' jobs, ms", "calm", "breaking", "ratio");
    for (name, share) in [("median", 0.5), ("p99", 0.99)] {
        let of = |rounds: &[Vec<f64>]| median(rounds.iter().map(|round| quantile(round, share)).collect());
        let (calm, breaking) = (of(&calm), of(&breaking));
        println!("{name:<24} {calm:>10.1} {breaking:>10.1} {:>8.3}", breaking / calm);
    }
    world.stop().await;
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let place = (sorted.len() as f64 * share) as usize;
    sorted[place.min(sorted.len() - 1)]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

struct World {
    fleet: SimulatedFleet,
    driver: PoisonedDriver,
    stopwatch: Stopwatch,
    graph: Graph,
    handle: Provisioning,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let password = folder.path().join("password");
        std::fs::write(&password, "pw").expect("a file");
        let plans = (0..SWITCHES).map(|n| SwitchPlan {
            password: "pw".into(),
            ports: PORTS,
            command_latency: COMMAND_LATENCY,
            ..SwitchPlan::new(format!("sw-{n:02}"), Personality::Ios)
        });
        let addressing = Addressing::LoopbackAddresses { first: Ipv4Addr::new(127, 4, 0, 1), port: 0 };
        let fleet = SimulatedFleet::start(addressing, plans.collect()).await.expect("the switches");
        let config = Config::load(None).expect("the defaults");
        let (path, settings) = (folder.path().join("s.redb"), config.store.embedded.clone());
        let store = Arc::new(EmbeddedStore::open(path, settings).expect("a store"));
        let platforms = || Platforms::load(None).expect("built in");
        let text = inventory_text(&fleet, &password);
        apply_inventory(&*store, &platforms(), "bench.toml", &text).await.expect("an inventory");
        let driver = PoisonedDriver::around(Driver::new(config.ssh.clone(), platforms()));
        let outside = Outside::new(
            store,
            Arc::new(NoHints::default()),
            Arc::new(driver.clone()),
            Arc::new(SystemClock),
            Arc::new(SystemEntropy),
            config.graph(),
        );
        let stopwatch = Stopwatch::default();
        let receiver = stopwatch.clone();
        let graph =
            Graph::start(Arc::new(outside), move || Rc::new(receiver.clone()) as Rc<dyn WebhookSender>);
        let handle = graph.provisioning();
        Self { fleet, driver, stopwatch, graph, handle, _folder: folder }
    }

    /// How long each of the others' jobs took from its answer to its event, in ascending order.
    async fn round(&self, number: usize, breaking: bool) -> Vec<f64> {
        let mut answered = HashMap::new();
        for job in 0..JOBS_A_ROUND {
            let port = number * JOBS_A_ROUND + job;
            // Every other one: in between it works, so that it is neither quarantined nor backs off for long.
            let poison = breaking && job % 2 == 0;
            for switch in 0..SWITCHES {
                if poison && switch == SWITCHES - 1 {
                    self.driver.poison(port);
                }
                let order = format!("order-{switch}-{port}");
                self.handle.complete_checkout(request(&order, place(switch, port))).await.expect("accepted");
                answered.insert(order, (switch, Instant::now()));
                tokio::time::sleep(PACE).await;
            }
        }
        let settled = self.stopwatch.until_all_settled(answered.keys()).await;
        let others = answered.into_iter().filter(|(_, (switch, _))| *switch < SWITCHES - 1);
        let took = others.map(|(order, (_, at))| settled[&order].saturating_duration_since(at));
        let mut millis: Vec<_> = took.map(|took| took.as_secs_f64() * 1_000.0).collect();
        millis.sort_by(f64::total_cmp);
        millis
    }

    async fn stop(self) {
        self.graph.stop(Duration::from_secs(10)).await;
        self.fleet.stop().await;
    }
}

fn place(switch: usize, port: usize) -> LocationHash {
    LocationHash::parse(&format!("{:010x}", switch * 1_000 + port)).expect("ten hex digits")
}

fn request(external: &str, location: LocationHash) -> CheckoutRequest {
    let external = ExternalSubscriptionId::parse(external).expect("valid");
    CheckoutRequest {
        key: CheckoutKey { partner: PARTNER, external },
        plan: PLAN,
        mode: DeliveryMode::Direct { location },
        mac: None,
    }
}

/// A receiver that notes when the outcome of an order came.
#[derive(Clone, Default)]
struct Stopwatch(Arc<Mutex<HashMap<String, Instant>>>);

impl Stopwatch {
    fn settled(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn until_all_settled(
        &self,
        orders: impl Iterator<Item = &String> + Clone,
    ) -> HashMap<String, Instant> {
        let deadline = Instant::now() + DEADLINE;
        while orders.clone().any(|order| !self.settled().contains_key(order)) {
            assert!(Instant::now() < deadline, "only {} came to an outcome", self.settled().len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.settled().clone()
    }
}

#[async_trait(?Send)]
impl WebhookSender for Stopwatch {
    async fn send(&self, webhook: OutgoingWebhook) -> SendOutcome {
        let body: serde_json::Value = serde_json::from_str(&webhook.body).expect("events are JSON");
        if body["event"].as_str().is_some_and(|event| event.starts_with("provisioning.")) {
            let order = body["external_subscription_id"].as_str().expect("each has it").to_owned();
            self.settled().insert(order, Instant::now());
        }
        SendOutcome::Answered { status: 200 }
    }
}

const AS_ORDERED: &str = "as ordered";

/// The real driver; reading one of the poisoned ports of the last switch panics.
#[derive(Clone)]
struct PoisonedDriver {
    real: Arc<Driver>,
    poisoned: Arc<Mutex<BTreeSet<PortName>>>,
    panics: Arc<AtomicU64>,
}

impl PoisonedDriver {
    fn around(real: Driver) -> Self {
        Self { real: Arc::new(real), poisoned: Arc::default(), panics: Arc::default() }
    }

    fn poison(&self, port: usize) {
        self.poisoned.lock().unwrap_or_else(PoisonError::into_inner).insert(port_name(port));
    }
}

fn port_name(port: usize) -> PortName {
    let number = u16::try_from(port + 1).expect("a port's number");
    PortName::parse(&Personality::Ios.port_name(number)).expect("valid")
}

#[async_trait]
impl SwitchDriver for PoisonedDriver {
    async fn open(
        &self,
        switch: &Switch,
        guard: &SessionGuard,
        said: &mut String,
    ) -> Result<Box<dyn SwitchSession>, DriverFailure> {
        let real = self.real.open(switch, guard, said).await?;
        let breaks = switch.id.as_str() == format!("sw-{:02}", SWITCHES - 1);
        Ok(Box::new(PoisonedSession { real, driver: self.clone(), breaks }))
    }
}

struct PoisonedSession {
    real: Box<dyn SwitchSession>,
    driver: PoisonedDriver,
    breaks: bool,
}

#[async_trait]
impl SwitchSession for PoisonedSession {
    fn first_seen_host_key(&self) -> Option<String> {
        self.real.first_seen_host_key()
    }

    async fn probe(&mut self) -> Result<(), DriverFailure> {
        self.real.probe().await
    }

    async fn read_port(&mut self, port: &PortName) -> Result<PortConfig, DriverFailure> {
        if self.breaks && self.driver.poisoned.lock().unwrap_or_else(PoisonError::into_inner).contains(port) {
            self.driver.panics.fetch_add(1, Ordering::Relaxed);
            panic!("{AS_ORDERED}");
        }
        self.real.read_port(port).await
    }

    fn render(
        &self,
        intent: Intent,
        port: &PortName,
        want: &PortConfig,
        before: &PortConfig,
    ) -> Result<Vec<String>, DriverFailure> {
        self.real.render(intent, port, want, before)
    }

    async fn apply(&mut self, ports: &[PortLines]) -> Vec<Result<(), DriverFailure>> {
        self.real.apply(ports).await
    }

    fn takes_back(&self) -> bool {
        self.real.takes_back()
    }

    async fn confirm(&mut self) -> Result<(), DriverFailure> {
        self.real.confirm().await
    }

    async fn save(&mut self) -> Result<(), DriverFailure> {
        self.real.save().await
    }

    fn take_transcript(&mut self) -> String {
        self.real.take_transcript()
    }

    async fn close(self: Box<Self>) {
        self.real.close().await;
    }
}

fn inventory_text(fleet: &SimulatedFleet, password: &Path) -> String {
    let (partner, plan) = (PARTNER, PLAN);
    let mut text = format!(
        "[[partner]]\nid = \"{partner}\"\nname = \"p\"\nwebhook_url = \"http://127.0.0.1:9\"\nwebhook_secret = \"s3cret\"\n\
         [[plan]]\nid = \"{plan}\"\npartner = \"{partner}\"\nname = \"100\"\nvlan = 142\ndown_kbps = 100000\nup_kbps = 20000\nactive = true\n"
    );
    for (n, switch) in fleet.switches().iter().enumerate() {
        text.push_str(&format!(
            "[[switch]]\nname = \"{}\"\nhost = \"{}\"\nssh_port = {}\nplatform = \"cisco_ios\"\nusername = \"admin\"\n\
             password = \"file:{}\"\nhost_key = \"{}\"\ncaptive_portal_vlan = 999\n[switch.ports]\n",
            switch.name(),
            switch.address().ip(),
            switch.address().port(),
            password.display(),
            switch.host_key(),
        ));
        for port in 0..usize::from(PORTS) {
            text.push_str(&format!("\"{}\" = \"{}\"\n", port_name(port), place(n, port)));
        }
    }
    text
}

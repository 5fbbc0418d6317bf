//! What a test runs in: simulated switches, a receiver, the service (in this process, as `serve` starts it, or as a process
//! of its own that can be killed), and a partner's HTTP client.

use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
#[cfg(feature = "fail-points")]
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use switchyard::config::Config;
#[cfg(feature = "fail-points")]
pub use switchyard::operations::left_to_do;
use switchyard::simulator::receiver::{Delivery, SignatureVerdict, WebhookReceiver};
use switchyard::simulator::{Addressing, Personality, SimulatedFleet, SwitchPlan};
use switchyard::startup::Application;
#[cfg(feature = "fail-points")]
use switchyard_actors::ports::store::Store;
use tempfile::TempDir;
use uuid::Uuid;

pub const PARTNER: Uuid = Uuid::from_u128(0xA1);
pub const OTHER_PARTNER: Uuid = Uuid::from_u128(0xA2);
pub const PLAN: Uuid = Uuid::from_u128(0xB1);
pub const INACTIVE_PLAN: Uuid = Uuid::from_u128(0xB2);
pub const FOREIGN_PLAN: Uuid = Uuid::from_u128(0xB3);
pub const UNIT: Uuid = Uuid::from_u128(0xC1);
pub const SECRET: &str = "whsec-Zk3vq8Xn-partner-one";
pub const OTHER_SECRET: &str = "whsec-Tt5mw2Lr-partner-two";
pub const API_KEY: &str = "sy_live_0123456789abcdef0123456789abcdef";
pub const OTHER_API_KEY: &str = "sy_live_fedcba9876543210fedcba9876543210";
pub const PASSWORD: &str = "pw-9JhQ-switch-login";
pub const VLAN: u16 = 142;

/// Long enough for a loaded machine, short enough to fail a build.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a story in an actix system of its own.
pub fn story(story: impl Future<Output = ()>) {
    actix_rt::System::new().block_on(story);
}

/// How the fleet of a test looks.
pub struct Fleet {
    pub switches: usize,
    pub ports: u16,
    pub personality: fn(usize) -> Personality,
    pub command_latency: Duration,
    pub save_latency: Duration,
}

pub const SMALL: Fleet = Fleet {
    switches: 2,
    ports: 8,
    personality: |n| if n % 2 == 0 { Personality::Ios } else { Personality::Eos },
    command_latency: Duration::ZERO,
    save_latency: Duration::ZERO,
};

/// Everything but the service.
pub struct Outside {
    pub fleet: SimulatedFleet,
    pub receiver: WebhookReceiver,
    pub folder: TempDir,
    plan: Fleet,
    enable_password: Option<&'static str>,
}

/// A loopback range that no other test of this process has.
fn own_range() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(2);
    Ipv4Addr::new(127, NEXT.fetch_add(1, Ordering::Relaxed), 0, 1)
}

pub fn switch_name(n: usize) -> String {
    format!("sw-{n:04}")
}

impl Outside {
    pub async fn start(plan: Fleet) -> Self {
        Self::start_guarded(plan, None).await
    }

    /// With switches that ask for another password before they let themselves be configured.
    pub async fn start_guarded(plan: Fleet, enable_password: Option<&'static str>) -> Self {
        let plans = (0..plan.switches).map(|n| SwitchPlan {
            ports: plan.ports,
            username: "netops".into(),
            password: PASSWORD.into(),
            enable_password: enable_password.map(str::to_owned),
            command_latency: plan.command_latency,
            save_latency: plan.save_latency,
            refuses_comments: false,
            vty_lines: 5,
            ..SwitchPlan::new(switch_name(n), (plan.personality)(n))
        });
        let addressing = Addressing::LoopbackAddresses { first: own_range(), port: 0 };
        let fleet = SimulatedFleet::start(addressing, plans.collect()).await.expect("the fleet");
        let secrets = HashMap::from([
            (PARTNER.to_string(), SECRET.to_owned()),
            (OTHER_PARTNER.to_string(), OTHER_SECRET.to_owned()),
        ]);
        let receiver = WebhookReceiver::start(secrets).expect("the receiver");
        let folder = tempfile::tempdir().expect("a folder");
        let outside = Self { fleet, receiver, folder, plan, enable_password };
        std::fs::write(outside.password_file(), PASSWORD).expect("the password file");
        std::fs::write(outside.enable_file(), enable_password.unwrap_or_default())
            .expect("the password file");
        std::fs::write(outside.inventory(), outside.inventory_text()).expect("the inventory");
        outside
    }

    pub fn password_file(&self) -> PathBuf {
        self.folder.path().join("switch-password")
    }

    pub fn enable_file(&self) -> PathBuf {
        self.folder.path().join("enable-password")
    }

    pub fn inventory(&self) -> PathBuf {
        self.folder.path().join("inventory.toml")
    }

    pub fn store(&self) -> PathBuf {
        self.folder.path().join("switchyard.redb")
    }

    /// The token of a port: every port of every switch has one.
    pub fn location(&self, switch: usize, port: u16) -> String {
        format!("{:010x}", switch * usize::from(self.plan.ports) + usize::from(port))
    }

    /// How many each switch has.
    #[cfg(feature = "fail-points")]
    pub fn ports(&self) -> u16 {
        self.plan.ports
    }

    pub fn port_name(&self, switch: usize, port: u16) -> String {
        (self.plan.personality)(switch).port_name(port + 1)
    }

    pub fn running_vlan(&self, switch: usize, port: u16) -> Option<u16> {
        let config = self.fleet.switch(&switch_name(switch))?.running(&self.port_name(switch, port))?;
        config.enabled.then_some(config.access_vlan)
    }

    pub fn inventory_text(&self) -> String {
        let url = self.receiver.url();
        let mut text = String::new();
        for (id, secret, key) in [(PARTNER, SECRET, API_KEY), (OTHER_PARTNER, OTHER_SECRET, OTHER_API_KEY)] {
            let hash = switchyard_actors::domain::inventory::ApiKeyHash::of(key);
            let _ = write!(
                text,
                "[[partner]]\nid = \"{id}\"\nname = \"p\"\nwebhook_url = \"{url}\"\nwebhook_secret = \"{secret}\"\n\
                 api_key_sha256 = \"{hash}\"\n"
            );
        }
        let _ = write!(text, "[[unit]]\nid = \"{UNIT}\"\nname = \"1A\"\n");
        for (id, partner, active) in
            [(PLAN, PARTNER, true), (INACTIVE_PLAN, PARTNER, false), (FOREIGN_PLAN, OTHER_PARTNER, true)]
        {
            let _ = write!(
                text,
                "[[plan]]\nid = \"{id}\"\npartner = \"{partner}\"\nname = \"100\"\nvlan = {VLAN}\n\
                 down_kbps = 100000\nup_kbps = 20000\nactive = {active}\n"
            );
        }
        for (n, switch) in self.fleet.switches().iter().enumerate() {
            let platform = (self.plan.personality)(n).platform();
            let address = switch.address();
            let _ = write!(
                text,
                "[[switch]]\nname = \"{}\"\nhost = \"{}\"\nssh_port = {}\nplatform = \"{platform}\"\n\
                 username = \"netops\"\npassword = \"file:{}\"\nhost_key = \"{}\"\ncaptive_portal_vlan = 999\n",
                switch_name(n),
                address.ip(),
                address.port(),
                self.password_file().display(),
                switch.host_key(),
            );
            if self.enable_password.is_some() {
                let _ = writeln!(text, "enable_password = \"file:{}\"", self.enable_file().display());
            }
            text.push_str("[switch.ports]\n");
            for port in 0..self.plan.ports {
                let _ = writeln!(text, "\"{}\" = \"{}\"", self.port_name(n, port), self.location(n, port));
            }
        }
        text
    }

    /// The configuration: short waits, so that a failure shows itself soon.
    pub fn config_text(&self, listen: &str, more: &str) -> String {
        let table: toml::Table = toml::from_str(more).expect("TOML");
        let mut whole: toml::Table = toml::from_str(&format!(
            "[http]\nlisten = \"{listen}\"\n[http.rate_limit]\ncheckout_per_minute = 10000000\napi_per_minute = 10000000\n\
             [store]\npath = \"{}\"\n\
             [job]\nfirst_back_off_ms = 50\nlongest_back_off_ms = 400\n\
             [supervision]\nsweep_ms = 500\nfirst_restart_ms = 20\nlongest_restart_ms = 200\nrepair_ms = 200\n\
             [delivery]\nfirst_wait_ms = 50\nlongest_wait_ms = 200\nsweep_ms = 500\n\
             [webhook]\nallow_private_addresses = true\n\
             [logins]\nwindow_ms = 200\nfirst_pause_ms = 200\nlongest_pause_ms = 400\n\
             [stop]\ndrain_ms = 0\n",
            self.store().display()
        ))
        .expect("TOML");
        for (section, keys) in table {
            let keys = keys.as_table().expect("a section").clone();
            whole
                .entry(section)
                .or_insert(toml::Table::new().into())
                .as_table_mut()
                .expect("a section")
                .extend(keys);
        }
        toml::to_string(&whole).expect("TOML")
    }

    /// The port is as the plan wants it, and would be so after a reboot.
    pub fn is_live_and_saved(&self, switch: usize, port: u16) -> bool {
        let device = self.fleet.switch(&switch_name(switch)).expect("there");
        let name = self.port_name(switch, port);
        self.running_vlan(switch, port) == Some(VLAN) && device.running(&name) == device.startup(&name)
    }

    /// How many sessions a switch ever had at once.
    pub fn most_sessions(&self, switch: usize) -> usize {
        self.fleet.switch(&switch_name(switch)).expect("there").counts().most_sessions_open
    }

    /// Whether the sessions of a switch were at work one after another: a busy device may notice the end of one after the
    /// beginning of the next, but the earlier one gets nothing any more.
    pub fn one_session_after_another(&self, switch: usize) -> bool {
        let commands = self.fleet.switch(&switch_name(switch)).expect("there").commands();
        commands.is_sorted_by_key(|command| command.session)
    }

    /// Until every switch has noticed that the sessions of a process which is gone have ended: what it opens next is no second one.
    #[cfg(feature = "fail-points")]
    pub async fn until_no_session_is_open(&self, switches: usize) {
        let is_open =
            |o: &Self, n| o.fleet.switch(&switch_name(n)).expect("there").counts().sessions_open > 0;
        self.until("without a session", |o| !(0..switches).any(|n| is_open(o, n))).await;
    }

    /// The `X-Webhook-Id`s under which this event of this job or subscription came.
    pub fn webhook_ids(&self, name: &str, id: &str) -> HashSet<String> {
        self.events_for(name, id).iter().map(|d| d.webhook_id().expect("an id").to_owned()).collect()
    }

    /// The same of every job at once.
    #[cfg(feature = "fail-points")]
    pub fn webhook_ids_by_job(&self, name: &str) -> HashMap<String, HashSet<String>> {
        let mut ids: HashMap<String, HashSet<String>> = HashMap::new();
        for delivery in self.receiver.deliveries() {
            if let (Some(job), true) = (delivery.field("job_id"), delivery.event() == Some(name)) {
                let id = delivery.webhook_id().expect("an id").to_owned();
                ids.entry(job.to_owned()).or_default().insert(id);
            }
        }
        ids
    }

    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < deadline, "never {what}; the receiver has {:#?}", self.event_counts());
            let mut changed = self.receiver.changed();
            let _ = tokio::time::timeout(Duration::from_millis(20), changed.changed()).await;
        }
    }

    pub fn event_counts(&self) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for delivery in self.receiver.deliveries() {
            *counts.entry(delivery.event().expect("a name").to_owned()).or_default() += 1;
        }
        counts
    }

    /// Deliveries of this event for this job's or subscription's id.
    pub fn events_for(&self, name: &str, id: &str) -> Vec<Delivery> {
        let is_it = |d: &Delivery| {
            d.event() == Some(name)
                && (d.field("job_id") == Some(id) || d.field("subscription_id") == Some(id))
        };
        self.receiver.deliveries().into_iter().filter(is_it).collect()
    }
}

pub fn is_verified(delivery: &Delivery) -> bool {
    delivery.signature == SignatureVerdict::Valid
}

/// The service in this process.
pub async fn serve(outside: &Outside, more: &str) -> Application {
    let text = outside.config_text("127.0.0.1:0", more);
    let config = Config::parse(&text, Path::new("test.toml")).expect("a configuration");
    Application::build(config, Some(&outside.inventory())).await.expect("the service")
}

/// Asks the command line, until it says what is waited for.
pub async fn until_said(process: &Process, arguments: &[&str], holds: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let said = said(process, arguments);
        if holds(&said) {
            return said;
        }
        assert!(Instant::now() < deadline, "never: {said}\n{}", process.log_text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the command line answers, which has no complaint.
pub fn said(process: &Process, arguments: &[&str]) -> String {
    let config = process.config.display().to_string();
    let (code, said) = run(&[arguments, &["--config", &config]].concat());
    assert_eq!(code, Some(0), "{arguments:?}: {said}\n{}", process.log_text());
    said
}

/// Waits until there is no work for any switch, and no event that is due.
#[cfg(feature = "fail-points")]
pub async fn until_at_rest(store: &dyn Store) {
    let deadline = Instant::now() + PATIENCE;
    while let Some(left) = left_to_do(store).await.expect("an open store") {
        assert!(Instant::now() < deadline, "never at rest: {left}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The service as a process.
pub struct Process {
    pub child: Child,
    pub address: SocketAddr,
    pub config: PathBuf,
    pub log: PathBuf,
}

/// With this in its environment a process takes orders.
const FAULT_ORDERS: (&str, &str) = ("SWITCHYARD_FAULT_ORDERS", "stdin");

/// A port that was free a moment ago.
pub fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address")
}

impl Process {
    /// Starts it, and waits until it answers, or has ended.
    pub async fn start(outside: &Outside, address: SocketAddr, environment: &[(&str, &str)]) -> Self {
        Self::start_with(outside, address, environment, "[log]\nfilter = \"debug\"").await
    }

    /// Starts it with more in its configuration.
    pub async fn start_with(
        outside: &Outside,
        address: SocketAddr,
        environment: &[(&str, &str)],
        more: &str,
    ) -> Self {
        let mut process = Self::spawn(outside, address, environment, more);
        process.wait_until_ready().await;
        process
    }

    /// Starts it, and waits for nothing.
    pub fn spawn(outside: &Outside, address: SocketAddr, environment: &[(&str, &str)], more: &str) -> Self {
        let file = |kind: &str| outside.folder.path().join(format!("service-{}.{kind}", address.port()));
        let (config, log) = (file("toml"), file("log"));
        std::fs::write(&config, outside.config_text(&address.to_string(), more)).expect("a file");
        let output = std::fs::OpenOptions::new().create(true).append(true).open(&log).expect("the log");
        let orders = environment.iter().any(|(name, _)| *name == FAULT_ORDERS.0);
        let child = Command::new(env!("CARGO_BIN_EXE_switchyard"))
            .args(["serve", "--config"])
            .arg(&config)
            .arg("--inventory")
            .arg(outside.inventory())
            .envs(environment.iter().copied())
            .stdin(if orders { Stdio::piped() } else { Stdio::null() })
            .stdout(output.try_clone().expect("the log"))
            .stderr(output)
            .spawn()
            .expect("the service");
        Self { child, address, config, log }
    }

    /// Starts one that takes orders.
    #[cfg(feature = "fail-points")]
    pub async fn under_orders(outside: &Outside, address: SocketAddr, more: &str) -> Self {
        Self::start_with(outside, address, &[FAULT_ORDERS], more).await
    }

    /// Gives it an order.
    #[cfg(feature = "fail-points")]
    pub fn order(&self, line: &str) {
        let mut orders = self.child.stdin.as_ref().expect("started under orders");
        writeln!(orders, "{line}").expect("it reads");
    }

    /// Gives it an order, and waits until it stands: a line after it that is none was answered.
    #[cfg(feature = "fail-points")]
    pub async fn order_and_hear(&mut self, line: &str) {
        const ANSWER: &str = "no order: \"?\"";
        let answers = self.log_text().matches(ANSWER).count();
        self.order(line);
        self.order("?");
        self.until_logged(answers + 1, ANSWER).await;
    }

    /// Waits until it has written this so many times.
    #[cfg(feature = "fail-points")]
    pub async fn until_logged(&mut self, times: usize, what: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.log_text().matches(what).count() < times {
            assert!(Instant::now() < deadline, "never wrote {what:?}: {}", self.log_text());
            assert!(!self.has_ended(), "ended before it wrote {what:?}: {}", self.log_text());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let http = awc::Client::new();
        loop {
            let answer = http.get(format!("http://{}/readyz", self.address)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) || self.has_ended() {
                return;
            }
            assert!(Instant::now() < deadline, "never ready: {}", self.log_text());
            tokio::task::yield_now().await;
        }
    }

    /// Whether it has ended, by itself or by a kill.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    pub async fn wait_until_ended(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.has_ended() {
            assert!(Instant::now() < deadline, "never ended: {}", self.log_text());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[cfg(feature = "fail-points")]
    pub fn kill(&mut self) {
        self.child.kill().expect("a child of ours");
        self.child.wait().expect("a child of ours");
    }

    /// Asks it to end, as a service manager does.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(status.expect("kill").success());
    }

    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub text: String,
    pub headers: awc::http::header::HeaderMap,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn detail(&self) -> Value {
        self.json()["detail"].clone()
    }

    pub fn id(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.text)).to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }
}

/// A partner's client.
#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    http: awc::Client,
}

pub const CHECKOUT: &str = "/api/v1/partner/external-checkout/anonymous-complete";

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        let connector = awc::Connector::new().limit(512);
        let http = awc::Client::builder().connector(connector).timeout(PATIENCE).disable_redirects().finish();
        Self { address, http }
    }

    /// Sends a checkout as it is; `None` when no answer came.
    pub async fn try_checkout(&self, body: String) -> Option<Answer> {
        self.post(CHECKOUT, &[("X-Webhook-Secret", SECRET)], body).await
    }

    pub async fn checkout(&self, body: &Value) -> Answer {
        self.try_checkout(body.to_string()).await.expect("an answer")
    }

    pub async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Option<Answer> {
        let mut request = self.http.post(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.insert_header((*name, *value));
        }
        read(request.content_type("application/json").send_body(body.into()).await.ok()?).await
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Option<Answer> {
        let mut request = self.http.get(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.insert_header((*name, *value));
        }
        read(request.send().await.ok()?).await
    }
}

async fn read(
    mut answer: awc::ClientResponse<
        impl futures_util::Stream<Item = Result<actix_web::web::Bytes, awc::error::PayloadError>> + Unpin,
    >,
) -> Option<Answer> {
    let body = answer.body().limit(1 << 20).await.ok()?;
    Some(Answer {
        status: answer.status().as_u16(),
        text: String::from_utf8_lossy(&body).into_owned(),
        headers: answer.headers().clone(),
    })
}

/// A direct checkout.
pub fn direct(external: &str, location: &str) -> Value {
    serde_json::json!({
        "service_provider_document_id": PARTNER,
        "plan_version_id": PLAN,
        "location_hash": location,
        "external_subscription_id": external,
    })
}

/// A `switchyard` of this build, run to its end: its exit code, and all that it printed.
pub fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_switchyard")).args(arguments).output().expect("the binary");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

//! What the demo runs in: simulated switches, a receiver that checks signatures, and the service as `serve` starts it.

use super::client::Checkout;
use super::{Options, is_event_of};
use crate::config::Config;
use crate::simulator::receiver::{Delivery, WebhookReceiver};
use crate::simulator::{Addressing, Personality, SimulatedFleet, SwitchPlan};
use crate::startup::Application;
use anyhow::{Context as _, bail};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use uuid::Uuid;

/// The demo's one partner.
const PARTNER: Uuid = Uuid::from_u128(0x0f1b_e700_0000_4000_8000_0000_0000_0001);
const PLANS: [(Uuid, u16, u64, u64); 2] = [
    (Uuid::from_u128(0x0f1b_e700_0000_4000_8000_0000_0000_0064), 142, 100_000, 20_000),
    (Uuid::from_u128(0x0f1b_e700_0000_4000_8000_0000_0000_03e8), 143, 1_000_000, 200_000),
];
const COMMAND_LATENCY: Duration = Duration::from_millis(5);
const SAVE_LATENCY: Duration = Duration::from_millis(100);
const CAPTIVE_PORTAL_VLAN: u16 = 999;

/// All of it.
pub struct World {
    /// The switches.
    pub fleet: SimulatedFleet,
    /// The receiver.
    pub receiver: WebhookReceiver,
    /// The service.
    pub application: Application,
    secret: String,
    ports_a_switch: usize,
    unplugged: usize,
    // Dropped last: the store's file and the passwords are in it.
    folder: TempDir,
}

fn switch_name(n: usize) -> String {
    format!("sw-{:02}", n + 1)
}

fn personality(n: usize) -> Personality {
    if n.is_multiple_of(2) { Personality::Ios } else { Personality::Eos }
}

impl World {
    /// Starts everything.
    ///
    /// # Errors
    /// When a part can't be started.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("switchyard-demo-").tempdir().context("a folder for the demo")?;
        let ports_a_switch = options.checkouts.div_ceil(options.switches);
        let secret = random_text();
        let password = random_text();
        let fleet = start_fleet(options, ports_a_switch, &password).await?;
        let secrets = HashMap::from([(PARTNER.to_string(), secret.clone())]);
        let receiver = WebhookReceiver::start(secrets).context("the webhook receiver")?;

        let write = |name: &str, text: &str| -> anyhow::Result<std::path::PathBuf> {
            let path = folder.path().join(name);
            std::fs::write(&path, text).with_context(|| path.display().to_string())?;
            Ok(path)
        };
        let password_file = write("switch-password", &password)?;
        let secret_file = write("webhook-secret", &secret)?;
        let text = inventory(&fleet, options, ports_a_switch, &receiver.url(), &secret_file, &password_file);
        let inventory = write("inventory.toml", &text)?;
        let config = configuration(&folder.path().join("switchyard.redb"))?;
        let application = Application::build(config, Some(&inventory)).await?;
        let unplugged = (options.switches / 2).min(options.switches - 1);
        Ok(Self { fleet, receiver, application, secret, ports_a_switch, unplugged, folder })
    }

    /// Where the service listens.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.application.address())
    }

    /// The partner's webhook secret.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The folder that everything is in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The switch and the port of checkout number `n`: neighbours go to different switches.
    #[must_use]
    pub fn place(&self, n: usize) -> (String, String) {
        let switches = self.fleet.switches().len();
        let (switch, port) = (n % switches, n / switches);
        (switch_name(switch), personality(switch).port_name(u16::try_from(port + 1).unwrap_or(1)))
    }

    /// The body of checkout number `n`.
    #[must_use]
    pub fn checkout_body(&self, n: usize, with_mac: bool) -> String {
        let (plan, ..) = PLANS[n % PLANS.len()];
        let mut body = serde_json::json!({
            "service_provider_document_id": PARTNER,
            "plan_version_id": plan,
            "location_hash": format!("{n:010x}"),
            "external_subscription_id": format!("order-{:04}", n + 1),
        });
        if with_mac {
            body["mac_address"] = format!("02:00:00:00:{:02X}:{:02X}", n / 256, n % 256).into();
        }
        body.to_string()
    }

    /// The VLAN that checkout number `n` bought.
    #[must_use]
    pub fn vlan(&self, n: usize) -> u16 {
        PLANS[n % PLANS.len()].1
    }

    /// One switch loses its power, and what it had not saved, and comes back.
    pub fn pull_the_plug(&self) {
        if let Some(switch) = self.fleet.switch(&self.unplugged_switch()) {
            switch.reboot();
        }
    }

    /// Which one it is.
    #[must_use]
    pub fn unplugged_switch(&self) -> String {
        switch_name(self.unplugged)
    }

    /// How many lines the receiver was told are live.
    #[must_use]
    pub fn live(&self) -> usize {
        self.told("provisioning.completed")
    }

    /// How many events of this name have arrived.
    #[must_use]
    pub fn told(&self, name: &str) -> usize {
        self.receiver.deliveries().iter().filter(|delivery| delivery.event() == Some(name)).count()
    }

    /// Waits until the receiver has got something, or for so long.
    pub async fn changed(&self, at_most: Duration) {
        let mut changed = self.receiver.changed();
        let _ = tokio::time::timeout(at_most, changed.changed()).await;
    }

    /// Waits for an event of this checkout.
    ///
    /// # Errors
    /// When it doesn't come in time.
    pub async fn wait_for_event(
        &self,
        checkout: &Checkout,
        name: &str,
        at_most: Duration,
    ) -> anyhow::Result<(usize, Delivery)> {
        let deadline = Instant::now() + at_most;
        loop {
            let deliveries = self.receiver.deliveries();
            if let Some(found) = deliveries.iter().enumerate().find(|(_, d)| is_event_of(d, checkout, name)) {
                return Ok((found.0, found.1.clone()));
            }
            if Instant::now() > deadline {
                bail!("no {name} for subscription {} within {at_most:?}", checkout.subscription_id);
            }
            self.changed(Duration::from_millis(100)).await;
        }
    }

    /// Ends everything, the service first.
    pub async fn stop(self) {
        self.application.stop().await;
        self.fleet.stop().await;
    }

    /// How many ports each switch has.
    #[must_use]
    pub fn ports_a_switch(&self) -> usize {
        self.ports_a_switch
    }
}

/// Good for a secret that lives as long as the demo.
fn random_text() -> String {
    Uuid::new_v4().simple().to_string()
}

async fn start_fleet(options: &Options, ports: usize, password: &str) -> anyhow::Result<SimulatedFleet> {
    let plans = (0..options.switches).map(|n| SwitchPlan {
        ports: u16::try_from(ports).unwrap_or(u16::MAX),
        username: "switchyard".into(),
        password: password.into(),
        command_latency: COMMAND_LATENCY,
        save_latency: SAVE_LATENCY,
        refuses_comments: false,
        vty_lines: 5,
        ..SwitchPlan::new(switch_name(n), personality(n))
    });
    let addressing = Addressing::LoopbackAddresses { first: Ipv4Addr::new(127, 1, 0, 1), port: 0 };
    SimulatedFleet::start(addressing, plans.collect()).await.context("the simulated switches")
}

fn configuration(store: &Path) -> anyhow::Result<Config> {
    let store = toml::Value::String(store.display().to_string());
    let text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n\n[http.rate_limit]\ncheckout_per_minute = 1000000\n\
         [store]\npath = {store}\n[webhook]\nallow_private_addresses = true\n[log]\nfilter = \"off\"\n[stop]\ndrain_ms = 0\n"
    );
    Ok(Config::parse(&text, Path::new("the demo's configuration"))?)
}

fn inventory(
    fleet: &SimulatedFleet,
    options: &Options,
    ports: usize,
    receiver: &str,
    secret_file: &Path,
    password_file: &Path,
) -> String {
    let mut text = format!(
        "[[partner]]\nid = \"{PARTNER}\"\nname = \"Fiber Example\"\nwebhook_url = \"{receiver}\"\n\
         webhook_secret = \"file:{}\"\n",
        secret_file.display()
    );
    for (id, vlan, down, up) in PLANS {
        let _ = write!(
            text,
            "\n[[plan]]\nid = \"{id}\"\npartner = \"{PARTNER}\"\nname = \"{} Mbit/s\"\nvlan = {vlan}\n\
             down_kbps = {down}\nup_kbps = {up}\nactive = true\n",
            down / 1_000
        );
    }
    for (n, switch) in fleet.switches().iter().enumerate() {
        let platform = personality(n).platform();
        let address = switch.address();
        let _ = write!(
            text,
            "\n[[switch]]\nname = \"{name}\"\nhost = \"{}\"\nssh_port = {}\nplatform = \"{platform}\"\n\
             username = \"switchyard\"\npassword = \"file:{}\"\nhost_key = \"{}\"\nhost_name = \"{name}\"\n\
             captive_portal_vlan = {CAPTIVE_PORTAL_VLAN}\n",
            address.ip(),
            address.port(),
            password_file.display(),
            switch.host_key(),
            name = switch_name(n),
        );
        text.push_str("[switch.ports]\n");
        for port in 0..ports {
            let number = port * options.switches + n;
            let name = personality(n).port_name(u16::try_from(port + 1).unwrap_or(1));
            let _ = writeln!(text, "\"{name}\" = \"{number:010x}\"");
        }
    }
    text
}

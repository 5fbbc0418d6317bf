//! The service, whole, as `serve` starts it, on a store in which nobody ever gets a switch's lease.

use super::no_leases::NoLeases;
use super::order::{self, PARTNER, PLAN, SECRET, SWITCHES};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use switchyard::config::Config;
use switchyard::startup::{Application, open_store};
use tempfile::TempDir;

/// No limit that a bench could reach, and no wait for supervisors that will never be done.
const COMMON: &str = "[http]\nlisten = \"127.0.0.1:0\"\n[http.rate_limit]\ncheckout_per_minute = 1000000000\n\
                      [stop]\ndrain_ms = 0\npatience_ms = 1\n";

/// The configuration of a service on Redis.
pub fn redis(urls: &[String], cluster: bool) -> String {
    format!("{COMMON}[store]\nengine = \"redis\"\n[store.redis]\nurls = {urls:?}\ncluster = {cluster}\n")
}

/// The configuration of a service on a file of its own.
pub fn embedded(folder: &Path) -> String {
    format!("{COMMON}[store]\npath = \"{}\"\n", folder.join("bench.redb").display())
}

pub struct Service {
    application: Application,
    _folder: TempDir,
}

impl Service {
    /// With an inventory of so many ports.
    pub async fn start(config: &str, ports: usize) -> Self {
        let config = Config::parse(config, Path::new("bench.toml")).expect("a configuration");
        let folder = tempfile::tempdir().expect("a folder");
        let inventory = folder.path().join("inventory.toml");
        std::fs::write(&inventory, inventory_text(ports)).expect("a file");
        let mut open = open_store(&config).await.expect("a store");
        open.store = Arc::new(NoLeases(open.store));
        let application = Application::build_on(config, Some(&inventory), open).await.expect("the service");
        Self { application, _folder: folder }
    }

    pub fn address(&self) -> SocketAddr {
        self.application.address()
    }

    pub async fn stop(self) {
        self.application.stop().await;
    }
}

fn inventory_text(ports: usize) -> String {
    let mut text = format!(
        "[[partner]]\nid = \"{PARTNER}\"\nname = \"p\"\nwebhook_url = \"https://partner.example/hook\"\n\
         webhook_secret = \"{SECRET}\"\n[[plan]]\nid = \"{PLAN}\"\npartner = \"{PARTNER}\"\nname = \"100\"\n\
         vlan = 142\ndown_kbps = 100000\nup_kbps = 20000\nactive = true\n"
    );
    for first in 0..SWITCHES {
        let name = order::switch(first);
        let _ = write!(
            text,
            "[[switch]]\nname = \"{name}\"\nhost = \"192.0.2.1\"\nplatform = \"cisco_ios\"\nusername = \"u\"\n\
             password = \"env:NOBODY_ASKS\"\ncaptive_portal_vlan = 999\n[switch.ports]\n"
        );
        for number in (first..ports).step_by(SWITCHES) {
            let _ = writeln!(text, "\"{}\" = \"{}\"", order::port(number), order::location(number));
        }
    }
    text
}

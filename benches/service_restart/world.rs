//! Switches and a receiver that stand still while the service comes and goes, and the inventory that names them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Instant;
use switchyard::simulator::receiver::WebhookReceiver;
use switchyard::simulator::{Addressing, Personality, SimulatedFleet, SwitchPlan};
use tempfile::TempDir;

pub const PARTNER: &str = "00000000-0000-0000-0000-0000000000a1";
pub const PLAN: &str = "00000000-0000-0000-0000-0000000000b1";
const SECRET: &str = "whsec-of-the-bench";
/// Far from what demo and tests use.
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 200, 0, 1);

pub struct World {
    pub fleet: SimulatedFleet,
    pub receiver: WebhookReceiver,
    pub folder: TempDir,
    ports: usize,
}

impl World {
    pub async fn start(switches: usize, ports: usize) -> Self {
        let plans = (0..switches).map(|n| SwitchPlan {
            ports: u16::try_from(ports).expect("few"),
            ..SwitchPlan::new(format!("sw-{n:04}"), Personality::Ios)
        });
        let addressing = Addressing::LoopbackAddresses { first: FIRST_ADDRESS, port: 0 };
        let fleet = SimulatedFleet::start(addressing, plans.collect()).await.expect("the switches");
        let secrets = HashMap::from([(PARTNER.to_owned(), SECRET.to_owned())]);
        let receiver = WebhookReceiver::start(secrets).expect("the receiver");
        let folder = tempfile::tempdir().expect("a folder");
        let world = Self { fleet, receiver, folder, ports };
        std::fs::write(world.password(), "admin").expect("a file");
        std::fs::write(world.inventory(), world.inventory_text()).expect("a file");
        world
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn password(&self) -> PathBuf {
        self.path().join("password")
    }

    pub fn inventory(&self) -> PathBuf {
        self.path().join("inventory.toml")
    }

    pub fn places(&self) -> usize {
        self.fleet.switches().len() * self.ports
    }

    pub fn location(number: usize) -> String {
        format!("{number:010x}")
    }

    pub fn inventory_text(&self) -> String {
        let mut text = format!(
            "[[partner]]\nid = \"{PARTNER}\"\nname = \"p\"\nwebhook_url = \"{}\"\nwebhook_secret = \"{SECRET}\"\n\
             [[plan]]\nid = \"{PLAN}\"\npartner = \"{PARTNER}\"\nname = \"100\"\nvlan = 142\n\
             down_kbps = 100000\nup_kbps = 20000\nactive = true\n",
            self.receiver.url()
        );
        for (n, switch) in self.fleet.switches().iter().enumerate() {
            let _ = write!(
                text,
                "[[switch]]\nname = \"{}\"\nhost = \"{}\"\nssh_port = {}\nplatform = \"cisco_ios\"\n\
                 username = \"admin\"\npassword = \"file:{}\"\nhost_key = \"{}\"\ncaptive_portal_vlan = 999\n\
                 [switch.ports]\n",
                switch.name(),
                switch.address().ip(),
                switch.address().port(),
                self.password().display(),
                switch.host_key(),
            );
            for port in 0..self.ports {
                let name = Personality::Ios.port_name(u16::try_from(port + 1).expect("few"));
                let _ = writeln!(text, "\"{name}\" = \"{}\"", Self::location(n * self.ports + port));
            }
        }
        text
    }

    /// When the first session after this moment was opened.
    pub fn first_session_after(&self, moment: Instant) -> Option<Instant> {
        let sessions = self.fleet.switches().iter().flat_map(|switch| switch.sessions());
        sessions.map(|session| session.opened).filter(|opened| *opened > moment).min()
    }

    /// How many `provisioning.completed` came after this moment, and when the first.
    pub fn completed_after(&self, moment: Instant) -> (usize, Option<Instant>) {
        let deliveries = self.receiver.deliveries();
        let completed = deliveries.iter().filter(|delivery| {
            delivery.arrived > moment && delivery.event() == Some("provisioning.completed")
        });
        let arrived: Vec<_> = completed.map(|delivery| delivery.arrived).collect();
        (arrived.len(), arrived.into_iter().min())
    }
}

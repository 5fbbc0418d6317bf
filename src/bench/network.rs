//! What is sold on the fleet: one partner, one plan, and a checkout for each port, neighbours on different switches.

use super::options::Options;
use std::path::{Path, PathBuf};
use uuid::Uuid;

const PARTNER: Uuid = Uuid::from_u128(0xbe0c_0000_0000_4000_8000_0000_0000_00a1);
const PLAN: Uuid = Uuid::from_u128(0xbe0c_0000_0000_4000_8000_0000_0000_00b1);
/// What the checkouts buy.
pub const VLAN: u16 = 142;
const ORDER: &str = "order-";

/// One partner's business.
#[derive(Debug, Clone)]
pub struct Network {
    /// The webhook secret.
    pub secret: String,
    switches: usize,
    jobs: usize,
}

impl Network {
    /// On the fleet of this run.
    pub fn of(options: &Options) -> Self {
        Self {
            secret: format!("whsec-{}", Uuid::new_v4().simple()),
            switches: options.switches,
            jobs: usize::from(options.jobs),
        }
    }

    /// By the id that webhooks carry.
    pub fn secrets(&self) -> std::collections::HashMap<String, String> {
        [(PARTNER.to_string(), self.secret.clone())].into()
    }

    /// Writes two inventories: of the first switch alone, and of all.
    ///
    /// # Errors
    /// When a file can't be read or written.
    pub fn write_inventories(
        &self,
        switches: &Path,
        webhook_url: &str,
        folder: &Path,
    ) -> std::io::Result<Inventories> {
        let switches = std::fs::read_to_string(switches)?;
        let first_end = switches.match_indices("[[switch]]").nth(1).map_or(switches.len(), |(at, _)| at);
        let inventories = Inventories { one: folder.join("one.toml"), all: folder.join("all.toml") };
        std::fs::write(&inventories.one, self.sold(webhook_url) + &switches[..first_end])?;
        std::fs::write(&inventories.all, self.sold(webhook_url) + &switches)?;
        Ok(inventories)
    }

    fn sold(&self, webhook_url: &str) -> String {
        format!(
            "[[partner]]\nid = \"{PARTNER}\"\nname = \"bench\"\nwebhook_url = \"{webhook_url}\"\n\
             webhook_secret = \"{}\"\n\n[[plan]]\nid = \"{PLAN}\"\npartner = \"{PARTNER}\"\nname = \"100 Mbit/s\"\n\
             vlan = {VLAN}\ndown_kbps = 100000\nup_kbps = 20000\nactive = true\n\n",
            self.secret
        )
    }

    /// The body of a checkout.
    pub fn body(&self, order: usize) -> String {
        let (switch, port) = (order % self.switches, order / self.switches);
        let location = switch * self.jobs + port;
        format!(
            "{{\"service_provider_document_id\":\"{PARTNER}\",\"plan_version_id\":\"{PLAN}\",\
             \"location_hash\":\"{location:010x}\",\"external_subscription_id\":\"{ORDER}{order}\"}}"
        )
    }

    /// Where a checkout's line is: the number of the switch, and of the port on it, from 0.
    pub fn place(&self, order: usize) -> (usize, usize) {
        (order % self.switches, order / self.switches)
    }
}

/// The files.
#[derive(Debug, Clone)]
pub struct Inventories {
    /// Of one switch.
    pub one: PathBuf,
    /// Of all.
    pub all: PathBuf,
}

/// Which checkout an event is about, by its `external_subscription_id`.
pub fn order_of(external_subscription_id: &str) -> Option<usize> {
    external_subscription_id.strip_prefix(ORDER)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::options::tests::asked;
    use super::*;
    use std::collections::BTreeSet;

    fn network() -> Network {
        let runs = asked(&["--switches", "3", "--jobs", "4"]).expect("it makes sense");
        Network::of(&runs[0])
    }

    #[test]
    fn each_checkout_has_a_port_of_its_own_and_neighbours_have_different_switches() {
        let network = network();
        let field = |order, name: &str| {
            let body: serde_json::Value = serde_json::from_str(&network.body(order)).expect("JSON");
            body[name].as_str().expect("text").to_owned()
        };
        let locations: BTreeSet<_> = (0..12).map(|order| field(order, "location_hash")).collect();
        assert_eq!(locations.len(), 12);
        assert_eq!(locations.last().map(String::as_str), Some("000000000b"));
        assert!((0..11).all(|order| network.place(order).0 != network.place(order + 1).0));
        assert_eq!(order_of(&field(7, "external_subscription_id")), Some(7));
    }

    #[test]
    fn what_was_written_is_an_inventory_of_one_switch_and_one_of_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let switches = folder.path().join("switches.toml");
        let switch = |name| {
            format!("[[switch]]\nname = \"{name}\"\n[switch.ports]\n\"Ethernet1\" = \"0000000001\"\n\n")
        };
        std::fs::write(&switches, switch("a") + &switch("b")).expect("a file");
        let written = network().write_inventories(&switches, "http://127.0.0.1:1/", folder.path());
        let written = written.expect("written");
        let names = |path: &Path| -> Vec<String> {
            let text = std::fs::read_to_string(path).expect("a file");
            let table: toml::Table = toml::from_str(&text).expect("TOML");
            let switches = table["switch"].as_array().expect("switches").iter();
            switches.map(|switch| switch["name"].as_str().expect("a name").to_owned()).collect()
        };
        assert_eq!(
            (names(&written.one), names(&written.all)),
            (vec!["a".into()], vec!["a".into(), "b".into()])
        );
    }
}

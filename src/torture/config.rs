//! What the instances read: a configuration whose waits are short against the run, as long against each other as the defaults
//! are, and the inventory of the simulated network.

use super::options::Engine;
use super::partners::Partner;
use super::switches::{CAPTIVE_PORTAL_VLAN, PASSWORD_FILE, Switches, USERNAME};
use crate::simulator::{Personality, SimulatedSwitch};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// How long an instance that gives no sign of life keeps its switches.
pub const LEASE: Duration = Duration::from_millis(2_000);

const WAITS: &str = "
[http.rate_limit]
checkout_per_minute = 10000000
api_per_minute = 10000000
[checkout]
claim_ms = 3000
[job]
first_back_off_ms = 200
longest_back_off_ms = 3000
[supervision]
sweep_ms = 1000
first_restart_ms = 50
longest_restart_ms = 1000
repair_ms = 1000
[cluster]
lease_ms = 2000
beat_ms = 200
margin_ms = 200
[delivery]
attempts = 5
first_wait_ms = 200
longest_wait_ms = 2000
sweep_ms = 1000
[webhook]
deadline_ms = 3000
connect_ms = 1000
allow_private_addresses = true
[retention]
sweep_ms = 5000
[drift]
sweep_ms = 5000
[logins]
window_ms = 500
first_pause_ms = 500
longest_pause_ms = 2000
[stop]
drain_ms = 200
patience_ms = 10000
[log]
filter = \"info\"
";

const SSH_WAITS: &str = "\
connect_ms = 2000
key_exchange_ms = 5000
authentication_ms = 5000
command_ms = 3000
save_ms = 5000
probe_ms = 1000
close_ms = 1000
";

/// Where the instances find their store.
#[derive(Debug, Clone)]
pub enum StoreAt {
    /// This file.
    File(std::path::PathBuf),
    /// These servers.
    Redis { urls: Vec<String>, engine: Engine },
}

/// The configuration of an instance that listens there, and dials switches from this address.
pub fn configuration(listen: SocketAddr, source: Ipv4Addr, store: &StoreAt) -> String {
    format!(
        "[http]\nlisten = \"{listen}\"\n{}{WAITS}[ssh]\nsource_address = \"{source}\"\n{SSH_WAITS}",
        store_section(store)
    )
}

fn store_section(store: &StoreAt) -> String {
    match store {
        StoreAt::File(path) => format!("[store]\nengine = \"embedded\"\npath = {path:?}\n"),
        StoreAt::Redis { urls, engine } => format!(
            "[store]\nengine = \"redis\"\n[store.redis]\nurls = {urls:?}\ncluster = {}\ncommand_ms = 1000\n\
             longest_reconnect_ms = 200\noutbox_sweep_ms = 200\n",
            *engine == Engine::Cluster
        ),
    }
}

/// The whole inventory.
pub fn inventory(partners: &[Partner], switches: &Switches, folder: &Path) -> String {
    let mut text = String::new();
    partners.iter().for_each(|partner| sell(&mut text, partner));
    for (number, switch) in switches.all().iter().enumerate() {
        text.push_str(&switch_section(switch, switches.personality(number), folder));
        text.push_str("[switch.ports]\n");
        for port in 0..switches.ports() {
            let _ = writeln!(
                text,
                "\"{}\" = \"{}\"",
                switches.port_name(number, port),
                switches.location(number, port)
            );
        }
    }
    text
}

fn sell(text: &mut String, partner: &Partner) {
    let (id, secret, url) = (partner.id, &partner.secret, partner.receiver.url());
    let _ = write!(
        text,
        "[[partner]]\nid = \"{id}\"\nname = \"partner\"\nwebhook_url = \"{url}\"\nwebhook_secret = \"{secret}\"\n"
    );
    for plan in &partner.plans {
        let _ = write!(
            text,
            "[[plan]]\nid = \"{}\"\npartner = \"{id}\"\nname = \"plan\"\nvlan = {}\ndown_kbps = {}\nup_kbps = {}\n\
             active = true\n",
            plan.id, plan.vlan, plan.down_kbps, plan.up_kbps
        );
    }
}

/// A switch without its ports, with the host key that it shows now.
pub fn switch_section(switch: &SimulatedSwitch, personality: Personality, folder: &Path) -> String {
    let platform = personality.platform();
    format!(
        "[[switch]]\nname = \"{name}\"\nhost = \"{}\"\nssh_port = {}\nplatform = \"{platform}\"\n\
         username = \"{USERNAME}\"\npassword = \"file:{}\"\nhost_key = \"{}\"\nhost_name = \"{name}\"\n\
         captive_portal_vlan = {CAPTIVE_PORTAL_VLAN}\n",
        switch.address().ip(),
        switch.address().port(),
        folder.join(PASSWORD_FILE).display(),
        switch.host_key(),
        name = switch.name(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn what_the_instances_read_is_a_configuration() {
        let listen = "127.0.0.1:1".parse().expect("an address");
        let urls = vec!["redis://127.0.0.1:2".to_owned()];
        for store in [StoreAt::File("/s.redb".into()), StoreAt::Redis { urls, engine: Engine::Cluster }] {
            let text = configuration(listen, Ipv4Addr::LOCALHOST, &store);
            let config = Config::parse(&text, Path::new("c.toml")).expect("a configuration");
            assert_eq!(config.cluster.lease_ms, LEASE.as_millis() as u64);
        }
    }
}

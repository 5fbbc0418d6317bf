//! What a switch has been told: running and start-up configuration are two values of one type.
//!
//! Only what differs from the factory state is kept, so that a fleet of thousands costs little. Nothing here
//! knows how a configuration is typed or printed: that is each personality's own.

use std::collections::{BTreeMap, BTreeSet};

use super::Personality;
use super::junos::{self, Statements};

/// One access port, as configured. A field at its factory value is not printed by the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortConfig {
    pub enabled: bool,
    pub description: Option<String>,
    /// The port is a static access port. IOS ships with dynamic ports, EOS and AOS-CX with access ports.
    pub mode_access: bool,
    pub access_vlan: u16,
    pub service_policy_in: Option<String>,
    pub service_policy_out: Option<String>,
    /// Egress limit, kilobits a second (EOS, AOS-S).
    pub shape_kbps: Option<u64>,
    /// Ingress limit, kilobits a second (AOS-S).
    pub limit_kbps: Option<u64>,
    pub port_security: bool,
    /// How many MAC addresses port security lets in.
    pub max_mac: u16,
    /// `0011.2233.4455`, in the order in which they were typed.
    pub static_macs: Vec<String>,
    /// `protect`, `restrict` or `shutdown`, or what else the vendor calls it; `None` is the factory's.
    pub violation: Option<String>,
    /// How many addresses port security learns by itself (EdgeSwitch).
    pub max_dynamic: u16,
    /// `continuous`, `static` or `configured` (AOS-S).
    pub learn_mode: String,
    /// VLANs that the port was told to be in or to keep out of (EdgeSwitch).
    pub participation: BTreeMap<u16, bool>,
}

impl PortConfig {
    /// A port nobody has touched.
    pub fn factory(personality: Personality) -> Self {
        Self {
            enabled: true,
            description: None,
            mode_access: !matches!(
                personality,
                Personality::Ios | Personality::Junos | Personality::RouterOs
            ),
            access_vlan: 1,
            service_policy_in: None,
            service_policy_out: None,
            shape_kbps: None,
            limit_kbps: None,
            port_security: false,
            max_mac: if personality == Personality::EdgeSwitch { 20 } else { 1 },
            static_macs: Vec::new(),
            violation: None,
            max_dynamic: 600,
            learn_mode: "continuous".to_owned(),
            participation: BTreeMap::new(),
        }
    }
}

/// A policy map's classes, each with its policer as the device prints it (without the word `police`).
pub(super) type PolicyMap = BTreeMap<String, Option<String>>;

/// A rule of the switch chip (RouterOS): what comes in at the port, from this address or from any, is let in or dropped. The
/// first that fits decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SwitchRule {
    pub port: u16,
    pub mac: Option<String>,
    pub drops: bool,
    pub comment: String,
}

/// An entry of the static MAC table (EOS and EdgeSwitch keep a VLAN with it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StaticMac {
    pub mac: String,
    pub vlan: u16,
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Configuration {
    personality: Personality,
    ports: BTreeMap<u16, PortConfig>,
    /// VLANs beside the built-in 1, with their names where one was given.
    pub vlans: BTreeMap<u16, Option<String>>,
    pub policies: BTreeMap<String, PolicyMap>,
    pub mac_table: Vec<StaticMac>,
    /// All that Junos is told; there the fields above stay empty.
    pub statements: Statements,
    /// RouterOS, in their order.
    pub rules: Vec<SwitchRule>,
    /// EdgeSwitch: classes of traffic, and what they match.
    pub classes: BTreeMap<String, BTreeSet<String>>,
    /// EdgeSwitch: the direction that a policy map is for.
    pub directions: BTreeMap<String, String>,
    /// EdgeSwitch: port security does nothing on any port while this is off.
    pub port_security: bool,
}

impl Configuration {
    pub fn factory(personality: Personality) -> Self {
        Self {
            personality,
            ports: BTreeMap::new(),
            vlans: BTreeMap::new(),
            policies: BTreeMap::new(),
            mac_table: Vec::new(),
            statements: Statements::default(),
            rules: Vec::new(),
            classes: BTreeMap::new(),
            directions: BTreeMap::new(),
            port_security: false,
        }
    }

    pub fn port(&self, port: u16) -> PortConfig {
        if self.personality == Personality::Junos {
            return junos::view(&self.statements, port);
        }
        self.ports.get(&port).cloned().unwrap_or_else(|| PortConfig::factory(self.personality))
    }

    pub fn port_mut(&mut self, port: u16) -> &mut PortConfig {
        let personality = self.personality;
        self.ports.entry(port).or_insert_with(|| PortConfig::factory(personality))
    }

    pub fn reset_port(&mut self, port: u16) {
        self.ports.remove(&port);
    }

    /// The port as a test reads it: with the addresses that the global table pins to it.
    pub fn port_with_table(&self, port: u16) -> PortConfig {
        let mut config = self.port(port);
        let pinned = self.mac_table.iter().filter(|entry| entry.port == port);
        config.static_macs.extend(pinned.map(|entry| entry.mac.clone()));
        let rules = || self.rules.iter().filter(|rule| rule.port == port);
        if rules().any(|rule| rule.drops) {
            config.static_macs.extend(rules().filter_map(|rule| rule.mac.clone()));
        }
        config
    }

    /// The reverse of `port_with_table`.
    pub fn put_port(&mut self, port: u16, mut config: PortConfig) {
        if self.personality == Personality::Junos {
            return junos::put_port(&mut self.statements, port, &config);
        }
        if config.access_vlan != 1 {
            self.vlans.entry(config.access_vlan).or_default();
        }
        if matches!(self.personality, Personality::Eos | Personality::EdgeSwitch) {
            self.mac_table.retain(|entry| entry.port != port);
            let vlan = config.access_vlan;
            let pinned = std::mem::take(&mut config.static_macs);
            self.mac_table.extend(pinned.into_iter().map(|mac| StaticMac { mac, vlan, port }));
        }
        if self.personality == Personality::RouterOs {
            self.rules.retain(|rule| rule.port != port);
            let pinned = std::mem::take(&mut config.static_macs);
            let rule =
                |mac: Option<String>| SwitchRule { port, drops: mac.is_none(), mac, comment: String::new() };
            if !pinned.is_empty() {
                self.rules.extend(pinned.into_iter().map(Some).chain([None]).map(rule));
            }
        }
        self.ports.insert(port, config);
    }

    pub fn has_vlan(&self, vlan: u16) -> bool {
        vlan == 1 || self.vlans.contains_key(&vlan) || self.statements.has_vlan(vlan)
    }

    /// What a policy map's first class polices, as the device prints it.
    pub fn policer(&self, policy: &str) -> Option<String> {
        self.policies.get(policy)?.values().find_map(Clone::clone)
    }

    pub fn vlan_name(&self, vlan: u16) -> String {
        match self.vlans.get(&vlan) {
            _ if vlan == 1 => "default".to_owned(),
            Some(Some(name)) => name.clone(),
            _ => format!("VLAN{vlan:04}"),
        }
    }

    /// The other port that holds this secure address, if there is one.
    pub fn holder_of(&self, mac: &str) -> Option<u16> {
        let holds = |config: &PortConfig| config.static_macs.iter().any(|held| held == mac);
        self.ports.iter().find(|(_, config)| holds(config)).map(|(port, _)| *port)
    }

    pub fn ports_in_vlan(&self, vlan: u16, count: u16) -> Vec<u16> {
        (1..=count).filter(|port| self.ports.get(port).map_or(1, |c| c.access_vlan) == vlan).collect()
    }
}

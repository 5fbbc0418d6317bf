//! One switch, as it is by itself: ports that are what the lines made of them, sessions, and a memory of both. It knows nothing of
//! the service; a fault that is ordered strikes at the next call that it fits.

use std::collections::{BTreeMap, VecDeque};

use switchyard_actors::domain::config::{PortConfig, VlanId};
use switchyard_actors::domain::text::MacAddress;
use tokio::time::Instant;

use super::chance::Chance;
use super::plan::SwitchFault;
use crate::checker::moment::{Moment, Span};

/// What a port is before anybody asked for it.
pub fn factory() -> PortConfig {
    PortConfig {
        enabled: true,
        access_vlan: VlanId::try_from(1).ok(),
        down_kbps: None,
        up_kbps: None,
        mac: None,
        extra: BTreeMap::new(),
    }
}

/// A line that came.
pub struct Heard {
    pub session: u64,
    pub at: Moment,
    pub line: String,
}

pub struct Device {
    pub chance: Chance,
    running: BTreeMap<String, PortConfig>,
    startup: BTreeMap<String, PortConfig>,
    pub sessions: Vec<Span>,
    pub heard: Vec<Heard>,
    faults: VecDeque<SwitchFault>,
    pub down_until: Option<Instant>,
}

impl Device {
    pub fn new(chance: Chance, ports: impl Iterator<Item = String>) -> Self {
        let running: BTreeMap<_, _> = ports.map(|port| (port, factory())).collect();
        let startup = running.clone();
        Self {
            chance,
            running,
            startup,
            sessions: Vec::new(),
            heard: Vec::new(),
            faults: VecDeque::new(),
            down_until: None,
        }
    }

    pub fn order(&mut self, fault: SwitchFault, times: usize) {
        self.faults.extend(std::iter::repeat_n(fault, times));
    }

    /// The oldest fault that fits this call: others wait for theirs.
    pub fn strike(&mut self, fits: impl Fn(&SwitchFault) -> bool) -> Option<SwitchFault> {
        let place = self.faults.iter().position(fits)?;
        self.faults.remove(place)
    }

    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    pub fn is_down(&self) -> bool {
        self.down_until.is_some_and(|until| Instant::now() < until)
    }

    /// Its number, from 0.
    pub fn connected(&mut self, at: Moment) -> u64 {
        self.sessions.push(Span::since(at));
        self.sessions.len() as u64 - 1
    }

    pub fn disconnected(&mut self, session: u64, at: Moment) {
        let span = &mut self.sessions[usize::try_from(session).expect("one of ours")];
        span.until.get_or_insert(at);
    }

    /// Says whether an earlier session was still there, whose other side may not know that it was replaced.
    pub fn hear(&mut self, session: u64, at: Moment, line: &str) -> bool {
        self.heard.push(Heard { session, at, line: line.to_owned() });
        let number = usize::try_from(session).expect("one of ours");
        self.sessions[..number].iter().any(|earlier| earlier.until.is_none())
    }

    pub fn running(&self, port: &str) -> Option<PortConfig> {
        self.running.get(port).cloned()
    }

    pub fn startup(&self, port: &str) -> Option<PortConfig> {
        self.startup.get(port).cloned()
    }

    pub fn save(&mut self) {
        self.startup = self.running.clone();
    }

    /// It loses what was not saved, and every session, whether the other side notices or not.
    pub fn reboot(&mut self, at: Moment) {
        self.running = self.startup.clone();
        for span in &mut self.sessions {
            span.until.get_or_insert(at);
        }
    }

    /// Does a line within a port's context.
    pub fn configure(&mut self, port: &str, line: &str) {
        let config = self.running.get_mut(port).expect("the session names a port that there is");
        let (word, value) = line.split_once(' ').expect("a word and a value");
        match word {
            "enabled" => config.enabled = value == "yes",
            "vlan" => config.access_vlan = value.parse().ok().and_then(|id: u16| id.try_into().ok()),
            "down" => config.down_kbps = value.parse().ok(),
            "up" => config.up_kbps = value.parse().ok(),
            "mac" => config.mac = MacAddress::parse(value).ok(),
            other => unreachable!("{other} is no line of ours"),
        }
    }
}

/// The lines that make a port what is wanted, whatever it is: what isn't said stays as it is, so all is said.
pub fn lines(want: &PortConfig) -> Vec<String> {
    let none = || "none".to_owned();
    vec![
        format!("vlan {}", want.access_vlan.map_or_else(none, |vlan| vlan.get().to_string())),
        format!("down {}", want.down_kbps.map_or_else(none, |kbps| kbps.to_string())),
        format!("up {}", want.up_kbps.map_or_else(none, |kbps| kbps.to_string())),
        format!("mac {}", want.mac.map_or_else(none, |mac| mac.to_string())),
        format!("enabled {}", if want.enabled { "yes" } else { "no" }),
    ]
}

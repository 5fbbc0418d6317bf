//! One switch's insides: what it is, what it runs, what it has saved, and since when it is up.
//!
//! Pure state; it must never know how it is reached.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use super::Personality;
use super::configuration::Configuration;
use super::dead_man::{DeadMan, MINUTE};
use super::junos::{self, Commit};
use super::plan::PortReading;

/// A switch in a rack has been up for weeks when the service first meets it, so that a reboot shows: its uptime
/// goes backwards.
const UPTIME_AT_START: Duration = Duration::from_secs(40 * 24 * 3600);

pub(super) struct Device {
    pub personality: Personality,
    pub name: String,
    pub ports: u16,
    pub username: String,
    pub enable_password: Option<String>,
    pub running: Configuration,
    pub startup: Configuration,
    /// What is being edited apart: EOS configuration sessions that are neither committed nor aborted, and the one candidate of Junos.
    pub candidates: BTreeMap<String, Configuration>,
    /// Who typed `configure terminal lock` or `configure exclusive`, by session.
    pub lock_holder: Option<u64>,
    /// What is taken back by itself unless it is confirmed.
    pub dead_man: Option<DeadMan>,
    /// How often something was.
    pub taken_back: u64,
    /// How long a minute of its timers takes.
    pub minute: Duration,
    /// Junos: its commits, the newest first.
    pub commits: VecDeque<Commit>,
    /// One save at a time; the number changes with each reboot, which kills a save under way.
    pub saving: bool,
    pub boots: u64,
    /// Open sessions, as `show users` lists them.
    pub users: Vec<u64>,
    /// Terminal lines that it has.
    pub vty_lines: usize,
    /// What it showed of single ports; the oldest go first.
    pub readings: VecDeque<PortReading>,
    /// So many.
    pub remembered: usize,
    up_since: Instant,
    up_before: Duration,
}

impl Device {
    pub fn new(
        personality: Personality,
        name: &str,
        ports: u16,
        username: &str,
        enable: Option<String>,
    ) -> Self {
        let factory = Configuration::factory(personality);
        let commits = match personality {
            Personality::Junos => VecDeque::from([junos::first_commit(factory.clone())]),
            Personality::Ios
            | Personality::Eos
            | Personality::Aoscx
            | Personality::EdgeSwitch
            | Personality::AosS
            | Personality::RouterOs => VecDeque::new(),
        };
        Self {
            personality,
            name: name.to_owned(),
            ports,
            username: username.to_owned(),
            enable_password: enable,
            running: factory.clone(),
            startup: factory,
            candidates: BTreeMap::new(),
            lock_holder: None,
            dead_man: None,
            taken_back: 0,
            minute: MINUTE,
            commits,
            saving: false,
            boots: 0,
            users: Vec::new(),
            vty_lines: 16,
            readings: VecDeque::new(),
            remembered: 0,
            up_since: Instant::now(),
            up_before: UPTIME_AT_START,
        }
    }

    pub fn uptime(&self, now: Instant) -> Duration {
        self.up_before + now.saturating_duration_since(self.up_since)
    }

    /// Whatever was not saved is gone, and what waited to be confirmed. Uptime counts from when the switch is back.
    pub fn reboot(&mut self, back_at: Instant) {
        self.take_back();
        self.running = self.startup.clone();
        self.candidates.clear();
        self.lock_holder = None;
        self.saving = false;
        self.users.clear();
        self.boots += 1;
        self.up_since = back_at;
        self.up_before = Duration::ZERO;
    }

    pub fn save(&mut self) {
        self.startup = self.running.clone();
    }

    pub fn session_ended(&mut self, session: u64) {
        self.users.retain(|user| *user != session);
        self.unlock(session);
    }

    /// What was locked by a session that is no more; on Junos its candidate goes with it.
    pub fn unlock(&mut self, session: u64) {
        if self.lock_holder == Some(session) {
            self.lock_holder = None;
            if self.personality == Personality::Junos {
                self.candidates.clear();
            }
        }
    }

    /// Remembers what it shows of a port.
    pub fn show_port(&mut self, port: u16, at: Instant) {
        if self.remembered == 0 {
            return;
        }
        let config = self.running.port_with_table(port);
        let policies = [&config.service_policy_in, &config.service_policy_out];
        let policers = policies.into_iter().flatten().map(|name| (name.clone(), self.running.policer(name)));
        let (port, policers) = (self.personality.port_name(port), policers.collect());
        if self.readings.len() == self.remembered {
            self.readings.pop_front();
        }
        self.readings.push_back(PortReading { port, at, config, policers });
    }

    /// Looks like a vendor's serial number, and is always the same for a name.
    pub fn serial(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.name.hash(&mut hasher);
        let number = hasher.finish();
        match self.personality {
            Personality::Ios => format!("FCW{:04}L{:03X}", number % 10_000, (number >> 32) % 0x1000),
            Personality::Eos => format!("JPE{:08}", number % 100_000_000),
            Personality::Aoscx => format!("SG{:02}KN{:04X}", number % 100, (number >> 32) % 0x1_0000),
            Personality::Junos => format!("NW{:010}", number % 10_000_000_000),
            Personality::RouterOs => format!("HEX{:08X}", number % 0x1_0000_0000),
            Personality::AosS => format!("SG{:02}FLX{:03X}", number % 100, (number >> 32) % 0x1000),
            Personality::EdgeSwitch => format!("F09FC2{:06X}", number % 0x100_0000),
        }
    }
}

/// `5 weeks, 5 days, 2 minutes`, as both vendors write it; minutes are the finest unit.
pub(super) fn spell_uptime(uptime: Duration, last_join: &str) -> String {
    let minutes = uptime.as_secs() / 60;
    let units = [("week", minutes / 10_080), ("day", minutes / 1_440 % 7), ("hour", minutes / 60 % 24)];
    let plural = |(unit, count): (&str, u64)| format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
    let spelled: Vec<_> = units.into_iter().filter(|(_, count)| *count > 0).map(plural).collect();
    let tail = plural(("minute", minutes % 60));
    if spelled.is_empty() { tail } else { format!("{}{last_join}{tail}", spelled.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reboot_brings_the_start_up_configuration_back_and_turns_uptime_backwards() {
        let now = Instant::now();
        let mut device = Device::new(Personality::Ios, "sw1", 48, "admin", None);
        device.running.port_mut(1).access_vlan = 10;
        device.save();
        device.running.port_mut(1).access_vlan = 20;
        let before = device.uptime(now);
        device.reboot(now);
        assert_eq!(device.running.port(1).access_vlan, 10);
        assert!(device.uptime(now) < before);
    }

    #[test]
    fn uptime_is_spelled_in_units() {
        let spelled = |seconds| spell_uptime(Duration::from_secs(seconds), ", ");
        assert_eq!(spelled(59), "0 minutes");
        assert_eq!(spelled(3_660), "1 hour, 1 minute");
        assert_eq!(spelled(40 * 86_400), "5 weeks, 5 days, 0 minutes");
    }
}

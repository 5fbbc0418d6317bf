//! A change that the device takes back by itself: what was there before, and until when somebody may say that it stays.
//!
//! Time is a value here: whoever looks at the device first has what ran out taken back.

use std::time::{Duration, Instant};

use super::configuration::Configuration;
use super::device::Device;
use super::junos;
use super::personality::Personality;

#[derive(Debug)]
pub(super) struct DeadMan {
    /// The configuration session's name on EOS; nothing elsewhere.
    pub name: String,
    pub before: Configuration,
    pub until: Instant,
    pub minutes: u64,
}

impl Device {
    /// What runs now is taken back after so many of this device's minutes. Where one waits already, the new one takes its place.
    pub fn arm(&mut self, name: &str, before: Configuration, minutes: u64, now: Instant) {
        let wait = self.minute.saturating_mul(u32::try_from(minutes).unwrap_or(u32::MAX));
        self.dead_man = Some(DeadMan { name: name.to_owned(), before, until: now + wait, minutes });
    }

    /// Somebody has changed what runs, and has to confirm it.
    pub fn changed_by_somebody(&mut self, before: Configuration, now: Instant) {
        const MINUTES: u64 = 5;
        match self.personality {
            Personality::Junos => junos::committed_by_somebody(self, MINUTES),
            Personality::Ios
            | Personality::Eos
            | Personality::Aoscx
            | Personality::EdgeSwitch
            | Personality::AosS
            | Personality::RouterOs => {}
        }
        self.arm("maintenance", before, MINUTES, now);
    }

    pub fn expire(&mut self, now: Instant) {
        if self.dead_man.as_ref().is_some_and(|dead_man| now >= dead_man.until) {
            self.take_back();
        }
    }

    /// Back to what was there before; nothing where nothing waits.
    pub fn take_back(&mut self) {
        if !self.restore() {
            return;
        }
        self.taken_back += 1;
        match self.personality {
            Personality::Junos => junos::taken_back(self),
            Personality::Ios
            | Personality::Eos
            | Personality::Aoscx
            | Personality::EdgeSwitch
            | Personality::AosS
            | Personality::RouterOs => {}
        }
    }

    /// The same because somebody says so; whether something waited.
    pub fn restore(&mut self) -> bool {
        let waiting = self.dead_man.take();
        waiting.map(|dead_man| self.running = dead_man.before).is_some()
    }
}

/// A minute that is one.
pub(super) const MINUTE: Duration = Duration::from_secs(60);

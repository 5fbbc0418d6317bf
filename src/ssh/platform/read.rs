//! The part of a platform file that says how a port is read: which commands are sent, what their answers must have to be
//! whole, and what they say of the port. What isn't found isn't set; nothing is guessed.

use super::captured::{Captured, Conditions, PatternsFile};
use super::speed::{Speed, Units};
use super::{Compiler, PlatformError};
use regex::Regex;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use switchyard_actors::domain::config::{PortConfig, VlanId};
use switchyard_actors::domain::text::MacAddress;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadFile {
    pub(super) commands: Vec<String>,
    #[serde(default)]
    must_match: Vec<String>,
    enabled_if: Option<String>,
    disabled_if: Option<String>,
    access_vlan: PatternsFile,
    down_kbps: PatternsFile,
    up_kbps: PatternsFile,
    #[serde(default = "one")]
    down_divisor: NonZeroU64,
    #[serde(default = "one")]
    up_divisor: NonZeroU64,
    #[serde(default)]
    units: Units,
    mac: PatternsFile,
    #[serde(default)]
    mac_enforced_if: Option<PatternsFile>,
    #[serde(default)]
    extra: BTreeMap<String, String>,
}

fn one() -> NonZeroU64 {
    NonZeroU64::MIN
}

/// How one of two words tells whether a port is up.
#[derive(Debug)]
enum State {
    EnabledIf(Regex),
    DisabledIf(Regex),
}

impl State {
    fn is_enabled(&self, output: &str) -> bool {
        match self {
            Self::EnabledIf(pattern) => pattern.is_match(output),
            Self::DisabledIf(pattern) => !pattern.is_match(output),
        }
    }
}

/// How a port is read.
#[derive(Debug)]
pub(super) struct Read {
    /// How many commands there are.
    pub commands: usize,
    must_match: Vec<Regex>,
    state: State,
    access_vlan: Captured,
    down: Speed,
    up: Speed,
    mac: Captured,
    mac_enforced_if: Option<Conditions>,
    extra: BTreeMap<String, Regex>,
}

impl Read {
    /// Whether the answer to a command has what it must have.
    pub fn is_whole(&self, command: usize, text: &str) -> bool {
        self.must_match.get(command).is_none_or(|pattern| pattern.is_match(text))
    }

    /// The names under which a template finds what is read beside the port's own.
    pub fn extra_names(&self) -> impl Iterator<Item = &String> {
        self.extra.keys()
    }

    /// What the answers to all commands say of the port.
    pub fn port_config(&self, output: &str) -> PortConfig {
        let vlan = |text: &str| VlanId::try_from(text.parse::<u16>().ok()?).ok();
        // An address that is listed and not enforced keeps nobody out.
        let bound = self.mac_enforced_if.as_ref().is_none_or(|conditions| conditions.hold(output));
        let extra = self.extra.iter().filter_map(|(name, pattern)| {
            let value = pattern.captures(output)?.get(1)?.as_str();
            Some((name.clone(), value.to_owned()))
        });
        PortConfig {
            enabled: self.state.is_enabled(output),
            access_vlan: self.access_vlan.value(output, vlan),
            down_kbps: self.down.kbps(output),
            up_kbps: self.up.kbps(output),
            mac: self.mac.value(output, mac_of).filter(|_| bound),
            extra: extra.collect(),
        }
    }
}

/// However the device groups its digits.
fn mac_of(text: &str) -> Option<MacAddress> {
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    MacAddress::parse(&digits).ok()
}

impl Compiler<'_> {
    pub(super) fn read(&self, file: &ReadFile) -> Result<Read, PlatformError> {
        let enforced = file.mac_enforced_if.as_ref();
        let enforced = enforced.map(|patterns| self.conditions("read.mac_enforced_if", patterns));
        let extra = file
            .extra
            .iter()
            .map(|(name, pattern)| Ok((name.clone(), self.capture(&format!("read.extra.{name}"), pattern)?)));
        let speed = |key: &str, patterns: &PatternsFile, divisor: NonZeroU64| {
            let places = self.captured(key, patterns)?;
            Ok(Speed { places, divisor, units: file.units.clone() })
        };
        Ok(Read {
            commands: file.commands.len(),
            must_match: self.must_match(file)?,
            state: self.state(file)?,
            access_vlan: self.captured("read.access_vlan", &file.access_vlan)?,
            down: speed("read.down_kbps", &file.down_kbps, file.down_divisor)?,
            up: speed("read.up_kbps", &file.up_kbps, file.up_divisor)?,
            mac: self.captured("read.mac", &file.mac)?,
            mac_enforced_if: enforced.transpose()?,
            extra: extra.collect::<Result<_, PlatformError>>()?,
        })
    }

    fn state(&self, file: &ReadFile) -> Result<State, PlatformError> {
        match (&file.enabled_if, &file.disabled_if) {
            (Some(pattern), None) => self.regex("read.enabled_if", pattern).map(State::EnabledIf),
            (None, Some(pattern)) => self.regex("read.disabled_if", pattern).map(State::DisabledIf),
            _ => Err(self.faulty("read", "exactly one of enabled_if and disabled_if is accepted")),
        }
    }

    fn must_match(&self, file: &ReadFile) -> Result<Vec<Regex>, PlatformError> {
        let (patterns, commands) = (file.must_match.len(), file.commands.len());
        if patterns != 0 && patterns != commands {
            let why =
                format!("{patterns} patterns for {commands} commands: one for each, or none, is accepted");
            return Err(self.faulty("read.must_match", why));
        }
        file.must_match.iter().map(|pattern| self.regex("read.must_match", pattern)).collect()
    }
}

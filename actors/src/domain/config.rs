//! What a port is configured to, as read from a switch or wanted on it.

use super::text::MacAddress;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// An 802.1Q VLAN number that can carry a subscriber, 1 to 4094.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct VlanId(u16);

/// Not 1 to 4094.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a VLAN is 1 to 4094, not {0}")]
pub struct VlanRefused(pub u16);

impl VlanId {
    /// The number.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for VlanId {
    type Error = VlanRefused;
    fn try_from(number: u16) -> Result<Self, VlanRefused> {
        if (1..=4094).contains(&number) { Ok(Self(number)) } else { Err(VlanRefused(number)) }
    }
}

impl From<VlanId> for u16 {
    fn from(vlan: VlanId) -> u16 {
        vlan.0
    }
}

/// The configuration of one access port, in the terms that every platform shares. By default a port that is down, on which nothing
/// is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortConfig {
    /// Administratively up.
    pub enabled: bool,
    /// The access VLAN; `None` when the port has none of its own.
    pub access_vlan: Option<VlanId>,
    /// Towards the subscriber, in kbit/s; `None` is unshaped.
    pub down_kbps: Option<u64>,
    /// From the subscriber, in kbit/s; `None` is unshaped.
    pub up_kbps: Option<u64>,
    /// The static MAC binding (port security); `None` is off.
    pub mac: Option<MacAddress>,
    /// What else the platform reads, by names of its own, so that an undo can restore it. Not part of what a plan asks.
    #[serde(default)]
    pub extra: BTreeMap<String, String>,
}

/// One thing that was read back and is not what was wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Which part of [`PortConfig`].
    pub field: String,
    /// What it should be.
    pub wanted: String,
    /// What the switch says.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, wanted {}", self.field, self.found, self.wanted)
    }
}

impl PortConfig {
    /// What differs between this, as wanted, and `found`, as read back. Empty is verified. `extra` isn't compared: what
    /// a platform needs beyond the shared terms is its own affair.
    #[must_use]
    pub fn differences(&self, found: &Self) -> Vec<Difference> {
        let shown = |config: &Self| {
            [
                ("enabled", config.enabled.to_string()),
                ("access VLAN", config.access_vlan.map_or("none".into(), |v| v.get().to_string())),
                ("down speed", speed(config.down_kbps)),
                ("up speed", speed(config.up_kbps)),
                ("static MAC", config.mac.map_or("off".into(), |m| m.to_string())),
            ]
        };
        let pairs = shown(self).into_iter().zip(shown(found));
        pairs
            .filter(|((_, wanted), (_, found))| wanted != found)
            .map(|((field, wanted), (_, found))| Difference { field: field.into(), wanted, found })
            .collect()
    }
}

fn speed(kbps: Option<u64>) -> String {
    kbps.map_or("unshaped".into(), |k| format!("{k} kbit/s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_that_differs_is_named_with_both_values() {
        let wanted = PortConfig {
            enabled: true,
            access_vlan: VlanId::try_from(142).ok(),
            down_kbps: Some(100_000),
            up_kbps: Some(20_000),
            mac: MacAddress::parse("02:00:00:00:00:01").ok(),
            extra: BTreeMap::new(),
        };
        let found =
            PortConfig { enabled: false, access_vlan: None, down_kbps: None, mac: None, ..wanted.clone() };
        let said: Vec<_> = wanted.differences(&found).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "enabled is false, wanted true",
                "access VLAN is none, wanted 142",
                "down speed is unshaped, wanted 100000 kbit/s",
                "static MAC is off, wanted 02:00:00:00:00:01"
            ]
        );
        assert!(wanted.differences(&wanted).is_empty());
    }
}

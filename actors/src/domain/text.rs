//! Small texts with rules: parsed once at the edge, trusted from there on.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The partner's own id of a subscription: the idempotency key. 1 to 255 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExternalSubscriptionId(Arc<str>);

/// Longest [`ExternalSubscriptionId`], in characters.
pub const EXTERNAL_ID_MAX_CHARS: usize = 255;

/// Why a text was not accepted as what it should be. `Display` is the sentence for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextRefused {
    /// Nothing there.
    #[error("must have at least 1 character")]
    Empty,
    /// More than [`EXTERNAL_ID_MAX_CHARS`].
    #[error("must have at most 255 characters")]
    TooLong,
    /// Holds a control character.
    #[error("must not contain control characters")]
    ControlCharacter,
    /// Not ten hexadecimal characters.
    #[error("must be 10 hex characters")]
    NotALocationHash,
    /// Not one of the four ways to write a MAC address.
    #[error(
        "must be a MAC address: AA:BB:CC:DD:EE:FF, AA-BB-CC-DD-EE-FF, AABB.CCDD.EEFF or twelve hex digits"
    )]
    NotAMac,
    /// A group address, which no single device has.
    #[error("must be a unicast MAC address, not a multicast or broadcast one")]
    GroupMac,
    /// 00:00:00:00:00:00.
    #[error("must not be the all-zero MAC address")]
    ZeroMac,
}

impl ExternalSubscriptionId {
    /// Reads the partner's id; no trimming, no case folding: it is the partner's.
    ///
    /// # Errors
    /// [`TextRefused`] when it is empty, too long or holds a control character.
    pub fn parse(text: &str) -> Result<Self, TextRefused> {
        if text.is_empty() {
            Err(TextRefused::Empty)
        } else if text.chars().nth(EXTERNAL_ID_MAX_CHARS).is_some() {
            Err(TextRefused::TooLong)
        } else if text.chars().any(char::is_control) {
            Err(TextRefused::ControlCharacter)
        } else {
            Ok(Self(Arc::from(text)))
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An opaque token of a switch port: ten hexadecimal characters, kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LocationHash([u8; 5]);

impl LocationHash {
    /// Reads a token, in either case.
    ///
    /// # Errors
    /// [`TextRefused::NotALocationHash`].
    pub fn parse(text: &str) -> Result<Self, TextRefused> {
        let mut bytes = [0; 5];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| TextRefused::NotALocationHash)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for LocationHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl TryFrom<String> for LocationHash {
    type Error = TextRefused;
    fn try_from(text: String) -> Result<Self, TextRefused> {
        Self::parse(&text)
    }
}

impl From<LocationHash> for String {
    fn from(hash: LocationHash) -> String {
        hash.to_string()
    }
}

/// A device's own address. Shown as `aa:bb:cc:dd:ee:ff`; platform templates have the other spellings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress([u8; 6]);

impl MacAddress {
    /// Reads any of the four spellings, in either case.
    ///
    /// # Errors
    /// [`TextRefused`] when it is none of them, or a multicast, broadcast or all-zero address.
    pub fn parse(text: &str) -> Result<Self, TextRefused> {
        let digits = strip_separators(text).ok_or(TextRefused::NotAMac)?;
        let mut bytes = [0; 6];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| TextRefused::NotAMac)?;
        match bytes {
            [0, 0, 0, 0, 0, 0] => Err(TextRefused::ZeroMac),
            // The lowest bit of the first byte marks a group address; broadcast is one of them.
            [first, ..] if first & 1 == 1 => Err(TextRefused::GroupMac),
            _ => Ok(Self(bytes)),
        }
    }

    /// The six bytes.
    #[must_use]
    pub fn bytes(self) -> [u8; 6] {
        self.0
    }
}

/// The twelve digits, when the separators stand exactly where one of the spellings has them.
fn strip_separators(text: &str) -> Option<String> {
    let (separator, group) = match text.len() {
        12 => return Some(text.to_owned()),
        14 => (b'.', 4),
        17 if text.as_bytes()[2] == b'-' => (b'-', 2),
        17 => (b':', 2),
        _ => return None,
    };
    let bytes = text.as_bytes();
    let well_placed = bytes.iter().enumerate().all(|(i, b)| (i % (group + 1) == group) == (*b == separator));
    well_placed.then(|| text.chars().filter(|c| *c != separator as char).collect())
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl TryFrom<String> for MacAddress {
    type Error = TextRefused;
    fn try_from(text: String) -> Result<Self, TextRefused> {
        Self::parse(&text)
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> String {
        mac.to_string()
    }
}

/// A secret that the store keeps: a partner's webhook secret. Never shown; `Debug` prints its length only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes a text out of sight.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The text, for the one place that signs or compares with it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_read_in_its_four_spellings_and_either_case() {
        for text in ["02:1a:2B:3c:4d:5E", "02-1A-2B-3C-4D-5E", "021a.2b3c.4d5e", "021A2B3C4D5E"] {
            assert_eq!(MacAddress::parse(text).expect(text).to_string(), "02:1a:2b:3c:4d:5e");
        }
    }

    #[test]
    fn a_mac_that_no_single_device_has_is_refused() {
        assert_eq!(MacAddress::parse("ff:ff:ff:ff:ff:ff"), Err(TextRefused::GroupMac));
        assert_eq!(MacAddress::parse("01:00:5e:00:00:01"), Err(TextRefused::GroupMac));
        assert_eq!(MacAddress::parse("000000000000"), Err(TextRefused::ZeroMac));
    }

    #[test]
    fn separators_out_of_place_are_not_a_mac() {
        for bad in [
            "",
            "02:1a:2b:3c:4d",
            "02:1a-2b:3c:4d:5e",
            "021a:2b3c.4d5e",
            "02:1a:2b:3c:4d:5g",
            "é21a2b3c4d5",
            "::::::::::::",
            "02.1a.2b.3c.4d.5e",
        ] {
            assert_eq!(MacAddress::parse(bad), Err(TextRefused::NotAMac), "{bad:?}");
        }
    }

    #[test]
    fn an_external_id_is_counted_in_characters() {
        assert!(ExternalSubscriptionId::parse(&"é".repeat(255)).is_ok());
        assert_eq!(ExternalSubscriptionId::parse(&"é".repeat(256)), Err(TextRefused::TooLong));
        assert_eq!(ExternalSubscriptionId::parse("a\u{85}"), Err(TextRefused::ControlCharacter));
        assert_eq!(ExternalSubscriptionId::parse(""), Err(TextRefused::Empty));
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(7 bytes)");
    }
}

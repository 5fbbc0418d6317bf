//! A checkout, already valid: every field parsed, every default filled in.

use super::ids::{PartnerId, PlanVersionId, UnitId};
use super::text::{ExternalSubscriptionId, LocationHash, MacAddress};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// (partner, the partner's own id): the idempotency key. Partners never collide with each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CheckoutKey {
    /// The partner.
    pub partner: PartnerId,
    /// Its own id of the subscription.
    pub external: ExternalSubscriptionId,
}

/// Where the line ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum DeliveryMode {
    /// At a port that is there: provisioning starts at once.
    Direct {
        /// The port's token.
        location: LocationHash,
    },
    /// At a unit that has no port yet: a technician comes first.
    HomeDrop {
        /// The unit.
        unit: UnitId,
    },
}

/// What a partner asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutRequest {
    /// The idempotency key.
    pub key: CheckoutKey,
    /// The plan.
    pub plan: PlanVersionId,
    /// Where.
    pub mode: DeliveryMode,
    /// A device to bind the port to.
    pub mac: Option<MacAddress>,
}

/// Tells two requests under one key apart: SHA-256 over the normalised fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; 32]);

impl TryFrom<String> for Fingerprint {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, hex::FromHexError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        hex::encode(fingerprint.0)
    }
}

impl CheckoutRequest {
    /// The fingerprint. Case and spelling of ids and MACs are gone by now, so the same wish has the same one.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let place = match &self.mode {
            DeliveryMode::Direct { location } => format!("direct {location}"),
            DeliveryMode::HomeDrop { unit } => format!("home_drop {unit}"),
        };
        let mac = self.mac.map_or("any".into(), |m| m.to_string());
        Fingerprint(Sha256::digest(format!("1 {} {place} {mac}", self.plan)).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn request(location: &str, mac: Option<&str>) -> CheckoutRequest {
        CheckoutRequest {
            key: CheckoutKey {
                partner: PartnerId(Uuid::nil()),
                external: ExternalSubscriptionId::parse("order-1").expect("valid"),
            },
            plan: PlanVersionId(Uuid::nil()),
            mode: DeliveryMode::Direct { location: LocationHash::parse(location).expect("valid") },
            mac: mac.map(|m| MacAddress::parse(m).expect("valid")),
        }
    }

    #[test]
    fn spelling_does_not_change_the_fingerprint_and_meaning_does() {
        let first = request("ab12cd34ef", Some("02-1A-2B-3C-4D-5E")).fingerprint();
        assert_eq!(first, request("AB12CD34EF", Some("021a.2b3c.4d5e")).fingerprint());
        assert_ne!(first, request("ab12cd34ef", None).fingerprint());
        assert_ne!(first, request("ab12cd34ee", Some("021a.2b3c.4d5e")).fingerprint());
    }
}

//! A checkout as its partner meant it: two requests are the same when their wishes are equal, however they were spelled.
//!
//! Written from the contract's words on normalising. It must never refuse what a service might accept: what it can't read it
//! gives back, and the harness decides what to do with it.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// A MAC address, as twelve hexadecimal digits in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Mac(String);

impl Mac {
    /// Of any usual spelling; `None` when there aren't twelve digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
        let is_mac = digits.len() == 12 && digits.chars().all(|c| c.is_ascii_hexdigit());
        is_mac.then(|| Self(digits.to_ascii_lowercase()))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The idempotency key: a partner, and that partner's own id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Key {
    /// `service_provider_document_id`.
    pub partner: Uuid,
    /// `external_subscription_id`.
    pub external: String,
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} of partner {}", self.external, self.partner)
    }
}

/// What is wanted under a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Wish {
    /// A port that is there.
    Direct {
        /// The plan.
        plan: Uuid,
        /// The port's token, in lower case.
        location: String,
        /// For port security.
        mac: Option<Mac>,
    },
    /// A unit that has no port yet.
    HomeDrop {
        /// The plan.
        plan: Uuid,
        /// The unit.
        unit: Uuid,
        /// For port security.
        mac: Option<Mac>,
    },
}

impl Wish {
    /// The plan that is bought.
    #[must_use]
    pub fn plan(&self) -> Uuid {
        let (Self::Direct { plan, .. } | Self::HomeDrop { plan, .. }) = self;
        *plan
    }

    /// The only address that may use the port.
    #[must_use]
    pub fn mac(&self) -> Option<&Mac> {
        let (Self::Direct { mac, .. } | Self::HomeDrop { mac, .. }) = self;
        mac.as_ref()
    }
}

/// The canonical text.
impl fmt::Display for Wish {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct { plan, location, .. } => {
                write!(formatter, "direct, location {location}, plan {plan}")?
            }
            Self::HomeDrop { plan, unit, .. } => write!(formatter, "home_drop, unit {unit}, plan {plan}")?,
        }
        self.mac().map_or(Ok(()), |mac| write!(formatter, ", MAC {mac}"))
    }
}

/// A checkout.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// Under which it is kept.
    pub key: Key,
    /// What it is for.
    pub wish: Wish,
}

/// Why a body is no request: the field that is missing, or isn't what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotARequest(pub &'static str);

impl Request {
    /// Reads a request's body.
    ///
    /// # Errors
    /// The first field that can't be read.
    pub fn parse(body: &[u8]) -> Result<Self, NotARequest> {
        let body: Value = serde_json::from_slice(body).map_err(|_| NotARequest("body"))?;
        let text = |field| body.get(field).and_then(Value::as_str);
        let uuid = |field| text(field).and_then(|id| id.parse::<Uuid>().ok()).ok_or(NotARequest(field));
        let mac = match body.get("mac_address") {
            None | Some(Value::Null) => None,
            Some(mac) => Some(mac.as_str().and_then(Mac::parse).ok_or(NotARequest("mac_address"))?),
        };
        let plan = uuid("plan_version_id")?;
        let wish = match text("delivery_mode") {
            None | Some("direct") => {
                let location = text("location_hash").ok_or(NotARequest("location_hash"))?;
                Wish::Direct { plan, location: location.to_ascii_lowercase(), mac }
            }
            Some("home_drop") => Wish::HomeDrop { plan, unit: uuid("unit_id")?, mac },
            Some(_) => return Err(NotARequest("delivery_mode")),
        };
        let external = text("external_subscription_id").ok_or(NotARequest("external_subscription_id"))?;
        let key = Key { partner: uuid("service_provider_document_id")?, external: external.to_owned() };
        Ok(Self { key, wish })
    }
}

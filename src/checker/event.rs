//! A webhook's body, read as the contract's flat object. It judges nothing but whether the body is one.

use serde_json::Value;
use uuid::Uuid;

use super::history::{Answered, Delivery, EventName};
use super::request::Key;

/// A delivery that could be read.
#[derive(Debug)]
pub(super) struct Event<'h> {
    pub delivery: &'h Delivery,
    pub id: &'h str,
    pub name: EventName,
    pub key: Key,
    pub subscription: Uuid,
    pub job: Option<Uuid>,
}

/// What is missing in a delivery that is no event of the contract.
#[derive(Debug)]
pub(super) struct Unreadable<'h> {
    pub delivery: &'h Delivery,
    pub missing: &'static str,
}

impl<'h> Event<'h> {
    pub fn read(delivery: &'h Delivery) -> Result<Self, Unreadable<'h>> {
        let missing = |missing| Unreadable { delivery, missing };
        let body: Value = serde_json::from_slice(&delivery.body).map_err(|_| missing("JSON"))?;
        let text = |field| body.get(field).and_then(Value::as_str).ok_or_else(|| missing(field));
        let uuid = |field| text(field).and_then(|id| id.parse::<Uuid>().map_err(|_| missing(field)));
        let name = EventName::parse(text("event")?);
        let job = match name {
            EventName::Completed | EventName::Failed => Some(uuid("job_id")?),
            _ => uuid("job_id").ok(),
        };
        Ok(Self {
            id: delivery.id.as_deref().ok_or_else(|| missing("X-Webhook-Id"))?,
            key: Key {
                partner: uuid("provider_document_id")?,
                external: text("external_subscription_id")?.to_owned(),
            },
            subscription: uuid("subscription_id")?,
            delivery,
            name,
            job,
        })
    }

    /// Whether the receiver took it.
    pub fn is_acknowledged(&self) -> bool {
        matches!(self.delivery.answered, Answered::Status(200..=299))
    }
}

/// The ids that an answer's body shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ids {
    pub subscription: Option<Uuid>,
    pub job: Option<Uuid>,
}

impl Ids {
    pub fn of(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let id = |field| body.get(field)?.as_str()?.parse().ok();
        Self { subscription: id("subscription_id"), job: id("job_id") }
    }
}

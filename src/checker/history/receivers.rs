//! What receivers saw: each webhook as it arrived, and what the service says it has given up.

use std::fmt;

use uuid::Uuid;

use super::super::moment::Moment;

/// Who a receiver belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// One partner's own address.
    Partner(Uuid),
    /// Several partners' address: whom it is for, only the body says.
    Shared,
}

/// A webhook that arrived.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// When.
    pub at: Moment,
    /// Where.
    pub to: Recipient,
    /// `X-Webhook-Id`.
    pub id: Option<String>,
    /// `X-Webhook-Attempt`.
    pub attempt: Option<u32>,
    /// `X-Webhook-Signature`.
    pub signature: Option<String>,
    /// `X-Webhook-Signature-Previous`.
    pub previous_signature: Option<String>,
    /// The bytes.
    pub body: Vec<u8>,
    /// What the receiver said.
    pub answered: Answered,
}

/// What a receiver said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// A status.
    Status(u16),
    /// Nothing that counts as an answer.
    Nothing,
}

/// What happened, as a webhook calls it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventName {
    /// `provisioning.completed`
    Completed,
    /// `provisioning.failed`
    Failed,
    /// `subscription.activated`
    Activated,
    /// `subscription.pending_install`
    PendingInstall,
    /// `subscription.cancelled`
    Cancelled,
    /// Any other.
    Other(String),
}

impl EventName {
    /// Of the name on the wire.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            "provisioning.completed" => Self::Completed,
            "provisioning.failed" => Self::Failed,
            "subscription.activated" => Self::Activated,
            "subscription.pending_install" => Self::PendingInstall,
            "subscription.cancelled" => Self::Cancelled,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Completed => "provisioning.completed",
            Self::Failed => "provisioning.failed",
            Self::Activated => "subscription.activated",
            Self::PendingInstall => "subscription.pending_install",
            Self::Cancelled => "subscription.cancelled",
            Self::Other(name) => name,
        })
    }
}

/// An event that the service gave up and lists. A list that names neither subscription nor job will do where the event arrived
/// at least once.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Its `X-Webhook-Id`.
    pub id: String,
    /// What happened.
    pub event: EventName,
    /// To what, where the list says.
    pub subscription: Option<Uuid>,
    /// In which job, where the list says.
    pub job: Option<Uuid>,
}

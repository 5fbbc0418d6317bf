//! What a partner is told: flat JSON objects, made once. The bytes of a retry are the bytes of the first attempt.

use super::ids::{EventId, JobId, PartnerId, PlanVersionId, SubscriptionId, UnitId};
use super::request::CheckoutKey;
use super::text::LocationHash;
use super::time::UnixMillis;
use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event")]
pub enum News {
    /// The port is live: read back and verified on the switch.
    #[serde(rename = "provisioning.completed")]
    ProvisioningCompleted {
        /// The job.
        job_id: JobId,
        /// Its subscription.
        subscription_id: SubscriptionId,
    },
    /// Provisioning failed after all retries.
    #[serde(rename = "provisioning.failed")]
    ProvisioningFailed {
        /// The job.
        job_id: JobId,
        /// Its subscription.
        subscription_id: SubscriptionId,
        /// A text that a partner can act on.
        error: &'static str,
    },
    /// The subscription became ACTIVE.
    #[serde(rename = "subscription.activated")]
    SubscriptionActivated {
        /// The subscription.
        subscription_id: SubscriptionId,
        /// Its plan.
        plan_version_id: PlanVersionId,
        /// Its port's token.
        location_hash: LocationHash,
    },
    /// A home-drop was taken and is not installed yet.
    #[serde(rename = "subscription.pending_install")]
    SubscriptionPendingInstall {
        /// The subscription.
        subscription_id: SubscriptionId,
        /// Where the technician goes.
        unit_id: UnitId,
    },
    /// The subscription is over.
    #[serde(rename = "subscription.cancelled")]
    SubscriptionCancelled {
        /// The subscription.
        subscription_id: SubscriptionId,
    },
}

/// One event for one partner, with the bytes that are signed and sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// One id, whatever the number of attempts.
    pub id: EventId,
    /// Whose.
    pub partner: PartnerId,
    /// When it happened.
    pub at: UnixMillis,
    /// The body.
    pub body: String,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(flatten)]
    news: &'a News,
    external_subscription_id: &'a str,
    provider_document_id: PartnerId,
    timestamp: f64,
}

impl Event {
    /// Makes the event and its bytes.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // milliseconds of this era fit a double exactly
    pub fn new(id: EventId, news: &News, key: &CheckoutKey, at: UnixMillis) -> Self {
        let body = Body {
            news,
            external_subscription_id: key.external.as_str(),
            provider_document_id: key.partner,
            timestamp: at.0 as f64 / 1000.0,
        };
        let body = serde_json::to_string(&body)
            .expect("a flat object of texts and one finite number is always JSON");
        Self { id, partner: key.partner, at, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::ExternalSubscriptionId;
    use uuid::Uuid;

    #[test]
    fn a_body_is_one_flat_object() {
        let nil = Uuid::nil();
        let key = CheckoutKey {
            partner: PartnerId(nil),
            external: ExternalSubscriptionId::parse("order \"7\"").expect("valid"),
        };
        let news = News::ProvisioningCompleted { job_id: JobId(nil), subscription_id: SubscriptionId(nil) };
        let event = Event::new(EventId(nil), &news, &key, UnixMillis(1_500));
        assert_eq!(
            event.body,
            format!(
                r#"{{"event":"provisioning.completed","job_id":"{nil}","subscription_id":"{nil}","external_subscription_id":"order \"7\"","provider_document_id":"{nil}","timestamp":1.5}}"#
            )
        );
    }
}

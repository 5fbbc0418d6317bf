//! The webhook sender, as the webhook actor sees it: one attempt.

use crate::domain::ids::EventId;
use crate::domain::text::Secret;
use async_trait::async_trait;

/// One attempt to be made.
#[derive(Debug, Clone)]
pub struct OutgoingWebhook {
    /// Where to.
    pub url: String,
    /// What it is signed with.
    pub secret: Secret,
    /// `X-Webhook-Id`.
    pub event: EventId,
    /// `X-Webhook-Attempt`, from 1.
    pub attempt: u32,
    /// The body, signed as it is.
    pub body: String,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// An answer came; 2xx acknowledges, 3xx and 4xx refuse, 5xx is tried again.
    Answered {
        /// Its status.
        status: u16,
    },
    /// No whole answer within the time limit.
    NoAnswer {
        /// Why, without a secret.
        error: String,
    },
}

/// Sends. Lives on one thread: the client's connections do.
#[async_trait(?Send)]
pub trait WebhookSender: 'static {
    /// Signs and sends once, within the time limit for an attempt from name resolution to the last byte. Never follows
    /// a redirect, never inspects the body of the answer.
    async fn send(&self, webhook: OutgoingWebhook) -> SendOutcome;
}

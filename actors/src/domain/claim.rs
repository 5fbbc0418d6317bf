//! The record of one idempotency key: the one place where it is decided that a checkout is accepted.
//!
//! ```text
//!   (nothing) ──claim──▶ Pending ──confirm (the claim id is still ours)──▶ Accepted
//!                           └──release (compare and delete)──▶ (nothing)
//! ```
//!
//! Once accepted it is never taken back: a repeat finds it and gets the same ids.

use super::ids::{ClaimId, JobId, PlanVersionId, SubscriptionId};
use super::request::{CheckoutKey, CheckoutRequest, DeliveryMode, Fingerprint};
use super::text::MacAddress;
use super::time::UnixMillis;
use serde::{Deserialize, Serialize};

/// Whether the checkout under this key is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ClaimState {
    /// Being accepted.
    Pending {
        /// Since.
        since: UnixMillis,
    },
    /// Decided, for good.
    Accepted {
        /// When.
        at: UnixMillis,
    },
}

/// The ids that an accepted checkout has, and gives to each repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Receipt {
    /// Provisioning was started.
    Direct {
        /// The first job.
        job: JobId,
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// A technician comes first.
    HomeDrop {
        /// The subscription.
        subscription: SubscriptionId,
    },
}

impl Receipt {
    /// The subscription.
    #[must_use]
    pub fn subscription(self) -> SubscriptionId {
        match self {
            Self::Direct { subscription, .. } | Self::HomeDrop { subscription } => subscription,
        }
    }

    /// The first job, where there is one.
    #[must_use]
    pub fn job(self) -> Option<JobId> {
        match self {
            Self::Direct { job, .. } => Some(job),
            Self::HomeDrop { .. } => None,
        }
    }
}

/// What is stored under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutRecord {
    /// The key.
    pub key: CheckoutKey,
    /// Of the request that came first.
    pub fingerprint: Fingerprint,
    /// Which try at accepting it this is.
    pub claim: ClaimId,
    /// Decided or not.
    pub state: ClaimState,
    /// The ids.
    pub receipt: Receipt,
    /// What was asked: enough for anyone who finds the claim pending to finish it.
    pub plan: PlanVersionId,
    /// Where.
    pub mode: DeliveryMode,
    /// Bound to.
    pub mac: Option<MacAddress>,
}

impl CheckoutRecord {
    /// A claim that was just made.
    #[must_use]
    pub fn pending(request: &CheckoutRequest, claim: ClaimId, receipt: Receipt, now: UnixMillis) -> Self {
        Self {
            key: request.key.clone(),
            fingerprint: request.fingerprint(),
            claim,
            state: ClaimState::Pending { since: now },
            receipt,
            plan: request.plan,
            mode: request.mode.clone(),
            mac: request.mac,
        }
    }

    /// The same, decided.
    #[must_use]
    pub fn accepted(self, now: UnixMillis) -> Self {
        Self { state: ClaimState::Accepted { at: now }, ..self }
    }

    /// Whether it is decided.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(self.state, ClaimState::Accepted { .. })
    }
}

//! The edge's only door to the graph: a handle that hides every address.
//!
//! Whoever holds it can ask, and gets a typed answer; nothing in it says which actor answers. It is cheap to clone.

use crate::checkout::{CheckoutActor, CompleteCheckout, ConfirmInstall};
use crate::domain::claim::Receipt;
use crate::domain::ids::{JobId, PartnerId, SubscriptionId};
use crate::domain::inventory::{ApiKeyHash, Partner};
use crate::domain::record::{JobRecord, Key, Record, Tag};
use crate::domain::request::CheckoutRequest;
use crate::domain::text::LocationHash;
use crate::ports::store::Store;
use crate::supervision::Door;
use actix::{Handler, Message};
use std::sync::Arc;
use std::time::Duration;

/// The store can't be reached, or there is more under way than the configuration allows: try again, nothing is lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("temporarily unavailable: {0}")]
pub struct Unavailable(pub String);

/// A rule said no to a checkout. `Display` is the `detail` of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckoutDenied {
    /// 404.
    #[error("Location not found for location_hash")]
    LocationNotFound,
    /// 404.
    #[error("Unit not found for unit_id")]
    UnitNotFound,
    /// 404.
    #[error("Plan version not found")]
    PlanNotFound,
    /// 403.
    #[error("Plan version belongs to a different provider")]
    ForeignPlan,
    /// 400.
    #[error("Plan version not active")]
    InactivePlan,
    /// 409.
    #[error("Location already has an active subscription")]
    LocationTaken,
    /// 409, with the ids that are there.
    #[error("external_subscription_id was already used with a different request")]
    KeyReused(Receipt),
}

/// A rule said no to a confirmed install. `Display` is the `detail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InstallDenied {
    /// 404: unknown, or another partner's.
    #[error("Subscription not found")]
    SubscriptionNotFound,
    /// 404.
    #[error("Location not found for location_hash")]
    LocationNotFound,
    /// 409.
    #[error("Location already has an active subscription")]
    LocationTaken,
    /// 409, with the current status.
    #[error("Subscription is {status}: an install can be confirmed only while it is PENDING_INSTALL")]
    NotPendingInstall {
        /// PENDING, ACTIVE, SUSPENDED or CANCELLED.
        status: &'static str,
    },
}

/// What came of a question: a rule's no, or no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused<D: std::error::Error> {
    /// A rule says no.
    #[error(transparent)]
    Denied(D),
    /// Nobody could say.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// An accepted checkout: in the store, before this was returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Its ids; the same for every repeat.
    pub receipt: Receipt,
    /// Whether the key was already known: `Idempotency-Replayed: true`.
    pub replayed: bool,
}

/// A confirmed install.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstallStarted {
    /// The provisioning job; the same for a repeat.
    pub job: JobId,
    /// The subscription.
    pub subscription: SubscriptionId,
}

/// How long a question waits for an actor that is being started or replaced.
const REPLACEMENT_WAIT: Duration = Duration::from_secs(1);

/// The handle.
#[derive(Clone)]
pub struct Provisioning {
    store: Arc<dyn Store>,
    checkout: Door<CheckoutActor>,
}

impl Provisioning {
    /// A handle that asks whoever is behind the door.
    pub(crate) fn new(store: Arc<dyn Store>, checkout: Door<CheckoutActor>) -> Self {
        Self { store, checkout }
    }

    /// A handle behind which nobody answers.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn unanswered() -> Self {
        Self::new(Arc::new(crate::testing::AbsentStore), Door::default())
    }

    async fn read(&self, key: Key) -> Result<Option<Record>, Unavailable> {
        let read = self.store.read(&[key]).await.map_err(|error| Unavailable(error.to_string()))?;
        Ok(read.into_iter().next().flatten().map(|stored| stored.record))
    }

    /// Asks the checkout actor. One that panics over the question, or is being restarted, is no answer.
    async fn ask<M, T, D>(&self, question: M) -> Result<T, Refused<D>>
    where
        M: Message<Result = Result<T, Refused<D>>> + Send + 'static,
        CheckoutActor: Handler<M>,
        <CheckoutActor as actix::Actor>::Context: actix::dev::ToEnvelope<CheckoutActor, M>,
        T: Send + 'static,
        D: std::error::Error + Send + 'static,
    {
        let addr = self.checkout.wait(REPLACEMENT_WAIT).await;
        let addr = addr.ok_or_else(|| Unavailable("checkouts are being restarted".into()))?;
        match addr.send(question).await {
            Ok(answer) => answer,
            Err(error) => Err(Unavailable(format!("no answer to a checkout: {error}")).into()),
        }
    }

    /// The partner, for the edge to compare a secret with; `None` when there is no such partner.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn partner(&self, id: PartnerId) -> Result<Option<Partner>, Unavailable> {
        Ok(self.read(Key::Partner(id)).await?.and_then(|record| match record {
            Record::Partner(partner) => Some(partner),
            _ => None,
        }))
    }

    /// The partner behind an API key; `None` when nobody has it.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn partner_by_api_key(&self, key: ApiKeyHash) -> Result<Option<PartnerId>, Unavailable> {
        Ok(self.read(Key::ApiKey(key)).await?.and_then(|record| match record {
            Record::ApiKey(partner) => Some(partner),
            _ => None,
        }))
    }

    /// Accepts a checkout exactly once.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn complete_checkout(
        &self,
        request: CheckoutRequest,
    ) -> Result<Accepted, Refused<CheckoutDenied>> {
        self.ask(CompleteCheckout(request)).await
    }

    /// Takes the port that a technician has patched for a home-drop, and starts provisioning.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn confirm_install(
        &self,
        partner: PartnerId,
        subscription: SubscriptionId,
        location: LocationHash,
    ) -> Result<InstallStarted, Refused<InstallDenied>> {
        self.ask(ConfirmInstall { partner, subscription, location }).await
    }

    /// A job of this partner; `None` when it has no such job.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn job(&self, partner: PartnerId, job: JobId) -> Result<Option<JobRecord>, Unavailable> {
        let Some(Record::Directory(Tag::Switch(switch))) = self.read(Key::Directory(job.0)).await? else {
            return Ok(None);
        };
        Ok(self.read(Key::Job(switch, job)).await?.and_then(|record| match record {
            // Another partner's job is as good as none: nobody learns of it.
            Record::Job(job) if job.key.partner == partner => Some(job),
            _ => None,
        }))
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn ready(&self) -> Result<(), Unavailable> {
        self.store.ping().await.map_err(|error| Unavailable(error.to_string()))
    }
}

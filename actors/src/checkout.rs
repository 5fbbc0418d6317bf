//! The checkout actor: accepts a checkout exactly once.
//!
//! What it decides is in `accept` and `install`; what it holds is only how many are under way. The idempotency key
//! lives in the store, so an actor that panics, or another instance, finds the same truth. It never answers yes before
//! the store has said so.

mod accept;
mod install;

pub(crate) use accept::finish as finish_claim;
pub(crate) use install::finish as finish_install;

use crate::domain::ids::{PartnerId, SubscriptionId};
use crate::domain::request::CheckoutRequest;
use crate::domain::text::LocationHash;
use crate::outside::{Outside, Wakes};
use crate::provisioning::{Accepted, CheckoutDenied, InstallDenied, InstallStarted, Refused, Unavailable};
use actix::{Actor, Context, Handler, Message, ResponseFuture};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Accept this checkout.
#[derive(Message)]
#[rtype(result = "Result<Accepted, Refused<CheckoutDenied>>")]
pub struct CompleteCheckout(pub CheckoutRequest);

/// Take the port that a technician has patched, and start provisioning.
#[derive(Message)]
#[rtype(result = "Result<InstallStarted, Refused<InstallDenied>>")]
pub struct ConfirmInstall {
    /// Who asks.
    pub partner: PartnerId,
    /// The home-drop subscription.
    pub subscription: SubscriptionId,
    /// The port.
    pub location: LocationHash,
}

/// The actor.
pub struct CheckoutActor {
    outside: Arc<Outside>,
    wakes: Arc<dyn Wakes>,
    places: Arc<Semaphore>,
}

impl CheckoutActor {
    /// A new one, with nothing under way.
    #[must_use]
    pub fn new(outside: Arc<Outside>, wakes: Arc<dyn Wakes>) -> Self {
        let places = Arc::new(Semaphore::new(outside.settings.checkout.max_in_flight));
        Self { outside, wakes, places }
    }

    /// Runs a question if there is a place for one more.
    fn admit<T, D, F>(&self, question: F) -> ResponseFuture<Result<T, Refused<D>>>
    where
        T: 'static,
        D: std::error::Error + 'static,
        F: Future<Output = Result<T, Refused<D>>> + 'static,
    {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Box::pin(async { Err(Unavailable("too many checkouts are under way".into()).into()) });
        };
        Box::pin(async move {
            let answer = question.await;
            drop(place);
            answer
        })
    }
}

impl Actor for CheckoutActor {
    type Context = Context<Self>;
}

impl Handler<CompleteCheckout> for CheckoutActor {
    type Result = ResponseFuture<Result<Accepted, Refused<CheckoutDenied>>>;

    fn handle(&mut self, asked: CompleteCheckout, _: &mut Self::Context) -> Self::Result {
        self.admit(accept::accept(Arc::clone(&self.outside), Arc::clone(&self.wakes), asked.0))
    }
}

impl Handler<ConfirmInstall> for CheckoutActor {
    type Result = ResponseFuture<Result<InstallStarted, Refused<InstallDenied>>>;

    fn handle(&mut self, asked: ConfirmInstall, _: &mut Self::Context) -> Self::Result {
        self.admit(install::confirm(Arc::clone(&self.outside), Arc::clone(&self.wakes), asked))
    }
}

//! The engines behind [`switchyard_actors::ports::store::Store`], and the suite that each of them must pass.
//!
//! An engine keeps what it is told and holds no rule of the service: it must never know what a job is, nor name a
//! module that talks to switches, partners or webhooks.

pub mod backup;
pub mod embedded;
mod envelope;
mod new_file;
pub mod redis;

use backup::WholeState;
use std::sync::Arc;
use switchyard_actors::ports::hints::Hints;
use switchyard_actors::ports::store::Store;

/// An engine that is open, as the service takes it.
pub struct OpenStore {
    /// The engine.
    pub store: Arc<dyn Store>,
    /// The same, as what can be exported.
    pub whole: Arc<dyn WholeState>,
    /// How the instances on it tell each other that there may be something to do.
    pub hints: Arc<dyn Hints>,
    /// Counts that the instances share, where they can.
    pub counts: Option<redis::SharedCounts>,
}

#[cfg(any(test, feature = "fail-points"))]
pub mod contract;
#[cfg(any(test, feature = "fail-points"))]
pub mod power_cut;

//! The engines behind [`switchyard_actors::ports::store::Store`], and the suite that each of them must pass.
//!
//! An engine keeps what it is told and holds no rule of the service: it must never know what a job is, nor name a
//! module that talks to switches, partners or webhooks.

pub mod embedded;
mod envelope;
pub mod redis;

#[cfg(any(test, feature = "fail-points"))]
pub mod contract;
#[cfg(any(test, feature = "fail-points"))]
pub mod power_cut;

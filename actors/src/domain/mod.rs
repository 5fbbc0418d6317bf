//! What the service decides, as values and pure functions: no actor, runtime, clock, randomness or log.
//!
//! Each machine is an enum whose states own their data, with one total function
//! `apply(state, event, ..) -> Result<(state, effects), Denied>`, drawn at the head of its module. Actors run the
//! effects and turn what comes of them into events; they decide nothing.

pub mod claim;
pub mod config;
pub mod contact;
pub mod delivery;
pub mod drift;
pub mod event;
pub mod failure;
pub mod host_key;
pub mod ids;
pub mod inventory;
pub mod job;
pub mod legacy_algorithm;
pub mod liveness;
pub mod logins;
pub mod names;
pub mod port;
pub mod proof;
pub mod record;
pub mod request;
pub mod restart;
pub mod retention;
pub mod save_pace;
pub mod session;
pub mod subscription;
pub mod text;
pub mod time;
pub mod transcript;
pub mod upkeep;
pub mod visit;

/// A rule said no: the event makes no sense in this state. Carries both names, for a log or a conflict answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event} makes no sense for a {machine} that is {state}")]
pub struct Denied {
    /// Which machine said no.
    pub machine: &'static str,
    /// The state it is in.
    pub state: &'static str,
    /// What was asked of it.
    pub event: &'static str,
}

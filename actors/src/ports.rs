//! What the graph needs from outside, as traits. Nothing here says how: engines, SSH and HTTP live in other crates.

pub mod driver;
pub mod guard;
pub mod hints;
pub mod store;
pub mod tenure;
pub mod webhook;

use crate::domain::time::UnixMillis;
use std::time::Duration;
use uuid::Uuid;

/// The clocks. Waiting is tokio's, so that a test can pause it.
pub trait Clock: Send + Sync + 'static {
    /// Now, on the wall clock.
    fn now(&self) -> UnixMillis;
    /// Since some moment of this machine's own: never goes back, and goes on while the process or the machine is suspended.
    fn uptime(&self) -> Duration;
}

/// Chance.
pub trait Entropy: Send + Sync + 'static {
    /// A fresh id.
    fn uuid(&self) -> Uuid;
    /// Between 0 and 1, for back-offs.
    fn jitter(&self) -> f64;
}

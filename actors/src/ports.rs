//! What the graph needs from outside, as traits. Nothing here says how: engines, SSH and HTTP live in other crates.

pub mod driver;
pub mod guard;
pub mod hints;
pub mod store;
pub mod webhook;

use crate::domain::time::UnixMillis;
use uuid::Uuid;

/// The wall clock. Waiting is tokio's, so that a test can pause it.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> UnixMillis;
}

/// Chance.
pub trait Entropy: Send + Sync + 'static {
    /// A fresh id.
    fn uuid(&self) -> Uuid;
    /// Between 0 and 1, for back-offs.
    fn jitter(&self) -> f64;
}

//! Moments, as a value.

use serde::{Deserialize, Serialize};

/// A moment on the wall clock, in milliseconds since 1970-01-01 UTC. Shown to people and partners; never decides who
/// owns a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// This moment and `millis` more.
    #[must_use]
    pub fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// How many milliseconds have gone by since `earlier`; zero when it lies ahead, as after a clock was set back.
    #[must_use]
    pub fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

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

    /// When something is due that was to wait until this moment, where no wait is longer than `longest_millis`: a moment
    /// further ahead was set by a clock that was wrong, and nobody waits for it.
    #[must_use]
    pub fn or_now_if_beyond(self, longest_millis: u64, now: Self) -> Self {
        if self > now.plus_millis(longest_millis) { now } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_further_ahead_than_any_wait_is_not_waited_for() {
        let (now, longest) = (UnixMillis(1_000_000), 30_000);
        for (moment, due) in [
            (900_000, 900_000),
            (1_000_000, 1_000_000),
            (1_030_000, 1_030_000),
            (1_030_001, 1_000_000),
            (u64::MAX, 1_000_000),
        ] {
            assert_eq!(UnixMillis(moment).or_now_if_beyond(longest, now), UnixMillis(due));
        }
    }
}

//! How durations are spread: percentiles of what was measured, none estimated.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// In milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Of how many.
    pub count: usize,
    /// So long or shorter took half of them.
    pub p50_ms: f64,
    /// 95 of 100.
    pub p95_ms: f64,
    /// 99 of 100.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Spread {
    /// Of these; all 0 when there are none.
    pub fn of(durations: impl IntoIterator<Item = Duration>) -> Self {
        let mut sorted: Vec<_> = durations.into_iter().collect();
        sorted.sort_unstable();
        let at = |percent| rank(sorted.len(), percent).map_or(0.0, |rank| millis(sorted[rank]));
        Self { count: sorted.len(), p50_ms: at(50), p95_ms: at(95), p99_ms: at(99), max_ms: at(100) }
    }
}

/// The place of the smallest that at least so many of a hundred don't exceed.
fn rank(count: usize, percent: usize) -> Option<usize> {
    (count * percent).div_ceil(100).checked_sub(1)
}

/// For people and machines.
pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_smallest_that_so_many_do_not_exceed() {
        let spread = Spread::of((1..=200).rev().map(Duration::from_millis));
        let found = (spread.count, spread.p50_ms, spread.p95_ms, spread.p99_ms, spread.max_ms);
        assert_eq!(found, (200, 100.0, 190.0, 198.0, 200.0));
    }

    #[test]
    fn one_duration_is_all_of_its_percentiles_and_none_is_nothing() {
        let spread = Spread::of([Duration::from_millis(7)]);
        assert_eq!((spread.p50_ms, spread.p99_ms, spread.max_ms), (7.0, 7.0, 7.0));
        assert_eq!(Spread::of([]), Spread::default());
    }
}

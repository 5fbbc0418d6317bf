//! How often somebody may ask: fixed windows of a minute, aligned to the clock's minutes.
//!
//! The limiter is a trait because instances will share one; this one counts for its own process. Memory is bounded
//! twice: a window forgets everything when its minute is over, and counts no more than `max_keys` different callers.
//! A caller that comes when the table is full is let in uncounted: refusing would let whoever fills the table shut
//! everyone else out. Each kind of bucket has a table of its own, so that made-up API keys, which cost nothing, can't
//! fill the one of the addresses.

use super::client_address::AddressBlock;
use async_trait::async_trait;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use switchyard_actors::domain::inventory::ApiKeyHash;
use switchyard_actors::domain::time::UnixMillis;
use switchyard_actors::ports::Clock;

pub(super) const WINDOW_MS: u64 = 60_000;

/// Requests a minute.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// For one client address over the external-checkout endpoints.
    pub checkout_per_minute: u32,
    /// For one API key; and for one client address over requests without a key that is known.
    pub api_per_minute: u32,
    /// Different callers counted at once, in each of the three tables. About 100 bytes each.
    pub max_keys: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { checkout_per_minute: 120, api_per_minute: 300, max_keys: 100_000 }
    }
}

/// Who is counted, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// An address, over the external-checkout endpoints.
    Checkout(AddressBlock),
    /// An API key, known or not.
    ApiKey(ApiKeyHash),
    /// An address, over requests that brought no key, or one that nobody has.
    Unauthenticated(AddressBlock),
}

/// What is left of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Requests a minute.
    pub limit: u32,
    /// Left in this minute.
    pub remaining: u32,
    /// When the next minute begins, in seconds since 1970-01-01 UTC.
    pub resets_at_s: u64,
    /// Seconds until then, at least 1.
    pub retry_after_s: u64,
}

/// Whether one more is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is, and has been counted if it was taken.
    Admitted(Allowance),
    /// It isn't.
    Exceeded(Allowance),
}

impl Decision {
    /// What is left, either way.
    #[must_use]
    pub fn allowance(self) -> Allowance {
        match self {
            Self::Admitted(allowance) | Self::Exceeded(allowance) => allowance,
        }
    }
}

/// Counts requests. It always answers: one that shares its counts counts locally while it can't reach the others.
#[async_trait]
pub trait RateLimiter: Send + Sync + 'static {
    /// Counts one request, unless the bucket is used up.
    async fn take(&self, bucket: Bucket) -> Decision;
    /// Looks without counting.
    async fn peek(&self, bucket: Bucket) -> Decision;
}

#[derive(Default)]
struct Window {
    minute: u64,
    taken: HashMap<Bucket, u32>,
}

impl Window {
    /// Whatever the clock says is the current minute, also after it was set back.
    fn turn_to(&mut self, minute: u64) {
        if self.minute != minute {
            self.minute = minute;
            self.taken.clear();
        }
    }

    fn add_one(&mut self, bucket: Bucket, max_keys: usize) {
        let taken = self.taken.get(&bucket).copied().unwrap_or_default();
        self.raise(bucket, taken + 1, max_keys);
    }

    fn raise(&mut self, bucket: Bucket, counted: u32, max_keys: usize) {
        if self.taken.len() < max_keys || self.taken.contains_key(&bucket) {
            let taken = self.taken.entry(bucket).or_default();
            *taken = counted.max(*taken);
        }
    }
}

/// Counts for this process.
pub struct LocalRateLimiter {
    settings: Settings,
    clock: Arc<dyn Clock>,
    checkout: Mutex<Window>,
    api_key: Mutex<Window>,
    unauthenticated: Mutex<Window>,
}

impl LocalRateLimiter {
    /// A limiter that has counted nothing yet.
    #[must_use]
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        Self {
            settings,
            clock,
            checkout: Mutex::default(),
            api_key: Mutex::default(),
            unauthenticated: Mutex::default(),
        }
    }

    /// Takes over a count that includes what others counted, if it is the higher one.
    pub(super) fn learn(&self, bucket: Bucket, counted: u32) -> Decision {
        let now = self.clock.now();
        let (mut window, limit) = self.window(bucket);
        window.turn_to(now.0 / WINDOW_MS);
        window.raise(bucket, counted, self.settings.max_keys);
        if counted > limit {
            return Decision::Exceeded(allowance(limit, 0, now));
        }
        Decision::Admitted(allowance(limit, limit - counted, now))
    }

    /// The number of the current window.
    pub(super) fn minute(&self) -> u64 {
        self.clock.now().0 / WINDOW_MS
    }

    fn judge(&self, bucket: Bucket, cost: u32) -> Decision {
        let now = self.clock.now();
        let (mut window, limit) = self.window(bucket);
        window.turn_to(now.0 / WINDOW_MS);
        let taken = window.taken.get(&bucket).copied().unwrap_or_default();
        if taken >= limit {
            return Decision::Exceeded(allowance(limit, 0, now));
        }
        if cost > 0 {
            window.add_one(bucket, self.settings.max_keys);
        }
        Decision::Admitted(allowance(limit, limit - taken - cost, now))
    }

    fn window(&self, bucket: Bucket) -> (MutexGuard<'_, Window>, u32) {
        let (window, limit) = match bucket {
            Bucket::Checkout(_) => (&self.checkout, self.settings.checkout_per_minute),
            Bucket::ApiKey(_) => (&self.api_key, self.settings.api_per_minute),
            Bucket::Unauthenticated(_) => (&self.unauthenticated, self.settings.api_per_minute),
        };
        (window.lock().unwrap_or_else(PoisonError::into_inner), limit)
    }
}

fn allowance(limit: u32, remaining: u32, now: UnixMillis) -> Allowance {
    let resets_at_ms = (now.0 / WINDOW_MS).saturating_add(1).saturating_mul(WINDOW_MS);
    let retry_after_s = (resets_at_ms - now.0).div_ceil(1_000).max(1);
    Allowance { limit, remaining, resets_at_s: resets_at_ms / 1_000, retry_after_s }
}

#[async_trait]
impl RateLimiter for LocalRateLimiter {
    async fn take(&self, bucket: Bucket) -> Decision {
        self.judge(bucket, 1)
    }

    async fn peek(&self, bucket: Bucket) -> Decision {
        self.judge(bucket, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::HandClock;
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::atomic::{AtomicU64, Ordering};

    fn limiter(checkout_per_minute: u32, max_keys: usize) -> (Arc<HandClock>, LocalRateLimiter) {
        let clock = Arc::new(HandClock::default());
        let settings = Settings { checkout_per_minute, api_per_minute: 2, max_keys };
        (clock.clone(), LocalRateLimiter::new(settings, clock))
    }

    fn caller(last: u8) -> Bucket {
        Bucket::Checkout(AddressBlock::of(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))))
    }

    fn remaining(decision: Decision) -> Option<u32> {
        match decision {
            Decision::Admitted(allowance) => Some(allowance.remaining),
            Decision::Exceeded(_) => None,
        }
    }

    #[test]
    fn a_bucket_counts_down_to_nothing_and_refuses_until_the_next_minute() {
        let (clock, limiter) = limiter(3, 10);
        clock.set(59_999);
        let seen: Vec<_> = (0..5).map(|_| remaining(limiter.judge(caller(1), 1))).collect();
        assert_eq!(seen, [Some(2), Some(1), Some(0), None, None]);
        clock.set(60_000);
        assert_eq!(remaining(limiter.judge(caller(1), 1)), Some(2));
    }

    #[test]
    fn the_last_millisecond_and_the_first_of_a_minute_have_whole_seconds_to_wait() {
        let (clock, limiter) = limiter(0, 10);
        for (now, resets_at_s, retry_after_s) in
            [(0, 60, 60), (1, 60, 60), (59_000, 60, 1), (59_999, 60, 1), (60_000, 120, 60), (61_500, 120, 59)]
        {
            clock.set(now);
            let expected = Allowance { limit: 0, remaining: 0, resets_at_s, retry_after_s };
            assert_eq!(limiter.judge(caller(1), 1), Decision::Exceeded(expected), "at {now}");
        }
    }

    #[test]
    fn callers_and_kinds_of_bucket_are_counted_apart() {
        let (_clock, limiter) = limiter(1, 10);
        let key = |text| Bucket::ApiKey(ApiKeyHash::of(text));
        let Bucket::Checkout(block) = caller(1) else { unreachable!("caller makes checkout buckets") };
        assert_eq!(remaining(limiter.judge(caller(1), 1)), Some(0));
        assert_eq!(remaining(limiter.judge(caller(2), 1)), Some(0));
        assert_eq!(remaining(limiter.judge(Bucket::Unauthenticated(block), 1)), Some(1));
        assert_eq!(remaining(limiter.judge(key("a"), 1)), Some(1));
        assert_eq!(remaining(limiter.judge(key("b"), 1)), Some(1));
        assert_eq!(remaining(limiter.judge(caller(1), 1)), None);
    }

    #[test]
    fn looking_counts_nothing() {
        let (_clock, limiter) = limiter(2, 10);
        for _ in 0..5 {
            assert_eq!(remaining(limiter.judge(caller(1), 0)), Some(2));
        }
        assert!(limiter.checkout.lock().expect("not poisoned").taken.is_empty());
    }

    #[test]
    fn a_full_table_grows_no_further_and_still_counts_whom_it_knows() {
        let (_clock, limiter) = limiter(2, 3);
        for last in 0..=255 {
            limiter.judge(caller(last), 1);
        }
        assert_eq!(limiter.checkout.lock().expect("not poisoned").taken.len(), 3);
        assert_eq!(remaining(limiter.judge(caller(0), 1)), Some(0));
        assert_eq!(remaining(limiter.judge(caller(0), 1)), None);
        assert_eq!(remaining(limiter.judge(caller(200), 1)), Some(1), "a newcomer is let in, uncounted");
    }

    #[test]
    fn a_clock_that_is_set_back_starts_a_window_of_its_own() {
        let (clock, limiter) = limiter(1, 10);
        clock.set(3_600_000);
        assert_eq!(remaining(limiter.judge(caller(1), 1)), Some(0));
        clock.set(0);
        assert_eq!(remaining(limiter.judge(caller(1), 1)), Some(0));
        assert_eq!(limiter.judge(caller(1), 1).allowance().resets_at_s, 60);
    }

    #[test]
    fn the_last_moment_that_a_clock_can_show_does_not_overflow() {
        let (clock, limiter) = limiter(1, 10);
        clock.set(u64::MAX);
        assert_eq!(remaining(limiter.judge(caller(1), 1)), Some(0));
    }

    #[test]
    fn threads_together_take_no_more_than_the_limit() {
        let (_clock, limiter) = limiter(100, 10);
        let admitted = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let one = u64::from(remaining(limiter.judge(caller(1), 1)).is_some());
                        admitted.fetch_add(one, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(admitted.load(Ordering::SeqCst), 100);
    }
}

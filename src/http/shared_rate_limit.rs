//! The rate limit over all instances: each request is counted where all of them count, and locally while that is away.
//!
//! A bucket that is known to be used up is refused without asking, so whoever asks too often costs the others nothing.
//! What others counted is taken over locally, so that an outage in the middle of a minute gives nobody a second one.

use super::rate_limit::{Bucket, Decision, LocalRateLimiter, RateLimiter, WINDOW_MS};
use async_trait::async_trait;
use sha2::{Digest, Sha256};

/// Where instances count together.
#[async_trait]
pub trait SharedCount: Send + Sync + 'static {
    /// Adds one to the count of this name, which is forgotten `keep_ms` after its first; answers what it is now, or
    /// `None` when the others can't be reached.
    async fn add_one(&self, name: &str, keep_ms: u64) -> Option<u32>;
}

/// The limiter.
pub struct SharedRateLimiter<C> {
    local: LocalRateLimiter,
    counts: C,
}

impl<C: SharedCount> SharedRateLimiter<C> {
    /// A limiter that shares its counts, and falls back on the local one.
    #[must_use]
    pub fn new(local: LocalRateLimiter, counts: C) -> Self {
        Self { local, counts }
    }
}

/// One name a bucket and window. Addresses and keys stay here: what leaves is a digest.
fn name_of(bucket: Bucket, minute: u64) -> String {
    let digest = Sha256::digest(format!("{bucket:?}"));
    format!("{minute}:{}", hex::encode(&digest[..16]))
}

#[async_trait]
impl<C: SharedCount> RateLimiter for SharedRateLimiter<C> {
    async fn take(&self, bucket: Bucket) -> Decision {
        let known = self.local.peek(bucket).await;
        if matches!(known, Decision::Exceeded(_)) {
            return known;
        }
        let name = name_of(bucket, self.local.minute());
        match self.counts.add_one(&name, 2 * WINDOW_MS).await {
            Some(counted) => self.local.learn(bucket, counted),
            None => self.local.take(bucket).await,
        }
    }

    async fn peek(&self, bucket: Bucket) -> Decision {
        self.local.peek(bucket).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::client_address::AddressBlock;
    use super::super::rate_limit::Settings;
    use super::super::tests::HandClock;
    use super::*;
    use std::collections::HashMap;
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::{Arc, Mutex};

    /// Counts in memory, and can be away.
    #[derive(Clone, Default)]
    struct Counts(Arc<Mutex<(bool, HashMap<String, u32>)>>);

    impl Counts {
        fn set_away(&self, away: bool) {
            self.0.lock().expect("no panic under the lock").0 = away;
        }

        fn asked(&self) -> u32 {
            self.0.lock().expect("no panic under the lock").1.values().sum()
        }
    }

    #[async_trait]
    impl SharedCount for Counts {
        async fn add_one(&self, name: &str, _: u64) -> Option<u32> {
            let mut state = self.0.lock().expect("no panic under the lock");
            if state.0 {
                return None;
            }
            let count = state.1.entry(name.to_owned()).or_default();
            *count += 1;
            Some(*count)
        }
    }

    fn instances(counts: &Counts) -> [SharedRateLimiter<Counts>; 2] {
        let settings = Settings { checkout_per_minute: 4, api_per_minute: 2, max_keys: 10 };
        let clock = Arc::new(HandClock::default());
        [0, 1].map(|_| {
            let local = LocalRateLimiter::new(settings.clone(), clock.clone());
            SharedRateLimiter::new(local, counts.clone())
        })
    }

    fn caller() -> Bucket {
        Bucket::Checkout(AddressBlock::of(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))))
    }

    async fn admitted(limiter: &impl RateLimiter) -> Option<u32> {
        match limiter.take(caller()).await {
            Decision::Admitted(allowance) => Some(allowance.remaining),
            Decision::Exceeded(_) => None,
        }
    }

    #[tokio::test]
    async fn instances_share_one_limit() {
        let counts = Counts::default();
        let [one, other] = instances(&counts);
        let taken = [
            admitted(&one).await,
            admitted(&other).await,
            admitted(&one).await,
            admitted(&other).await,
            admitted(&one).await,
            admitted(&other).await,
        ];
        assert_eq!(taken, [Some(3), Some(2), Some(1), Some(0), None, None]);
    }

    #[tokio::test]
    async fn a_bucket_that_is_used_up_is_refused_without_asking() {
        let counts = Counts::default();
        let [one, _] = instances(&counts);
        for _ in 0..20 {
            admitted(&one).await;
        }
        assert_eq!(counts.asked(), 4, "the fifth is known to be too many");
    }

    #[tokio::test]
    async fn while_the_others_are_away_it_counts_on_from_what_it_knows() {
        let counts = Counts::default();
        let [one, other] = instances(&counts);
        admitted(&other).await;
        admitted(&one).await;
        counts.set_away(true);
        assert_eq!([admitted(&one).await, admitted(&one).await], [Some(1), Some(0)]);
        assert_eq!(admitted(&one).await, None);
    }
}

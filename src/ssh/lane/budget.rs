//! How many handshakes are let in: an account that is paid in CPU time at a fixed rate, and debited what each handshake is
//! expected to cost when it is let in, and what it really did when it is done. Pure; the times come from outside.
//!
//! The account is never above its burst, so that a quiet hour doesn't pay for a storm; and it may be overdrawn, so that what a
//! handshake cost more than was expected keeps the next one waiting.

use std::time::Duration;

/// Before anything was measured: group 14, on a core of today.
const FIRST_GUESS: f64 = 0.020;

/// The weight of the newest measurement.
const NEWEST: f64 = 0.125;

/// Sums of seconds are not exact to the nanosecond.
const ROUNDING: f64 = 1e-9;

/// The account, in seconds.
#[derive(Debug, Clone)]
pub struct Budget {
    cores: f64,
    burst: f64,
    balance: f64,
    paid_until: f64,
    cost: f64,
}

impl Budget {
    /// So many percent of all cores, and what may be used at once.
    pub fn new(percent: u32, cores: usize, burst_ms: u64) -> Self {
        let cores = f64::from(percent) / 100.0 * f64::from(u32::try_from(cores).unwrap_or(u32::MAX));
        let burst = Duration::from_millis(burst_ms).as_secs_f64();
        Self { cores, burst, balance: burst, paid_until: 0.0, cost: FIRST_GUESS }
    }

    /// Lets one in at this moment, if the account pays for it.
    ///
    /// # Errors
    /// How long it takes until it does.
    pub fn admit(&mut self, now: Duration) -> Result<(), Duration> {
        let now = now.as_secs_f64();
        let paid = (now - self.paid_until).max(0.0) * self.cores;
        (self.balance, self.paid_until) = ((self.balance + paid).min(self.burst), now);
        // One that costs more than the burst is let in by a full account.
        let lacks = self.cost.min(self.burst) - self.balance;
        if lacks > ROUNDING {
            return Err(Duration::from_secs_f64(lacks / self.cores).max(Duration::from_millis(1)));
        }
        self.balance -= self.cost;
        Ok(())
    }

    /// One that was let in is done, and cost this much.
    pub fn charge(&mut self, cost: Duration) {
        let cost = cost.as_secs_f64();
        self.balance += self.cost - cost;
        self.cost += NEWEST * (cost - self.cost);
    }

    /// What the next one is expected to cost.
    #[cfg(test)]
    pub fn expected_cost(&self) -> Duration {
        Duration::from_secs_f64(self.cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_burst_is_let_in_at_once_and_then_one_for_each_that_is_paid() {
        // Half a core, and 100 ms at once: five of 20 ms, then one each 40 ms.
        let mut budget = Budget::new(25, 2, 100);
        assert_eq!((0..9).filter(|_| budget.admit(ms(0)).is_ok()).count(), 5);
        let wait = budget.admit(ms(0)).expect_err("it is spent");
        assert!((ms(39)..=ms(41)).contains(&wait), "{wait:?}");
        let admitted = (0..=4_000).filter(|now| budget.admit(ms(*now)).is_ok()).count();
        assert!((99..=100).contains(&admitted), "{admitted}");
    }

    #[test]
    fn what_costs_more_than_was_expected_keeps_the_next_waiting() {
        let mut budget = Budget::new(50, 2, 20);
        budget.admit(ms(0)).expect("the burst");
        budget.charge(ms(180));
        let wait = budget.admit(ms(0)).expect_err("overdrawn");
        assert!((ms(179)..=ms(201)).contains(&wait), "{wait:?}");
        assert_eq!(budget.expected_cost(), ms(40));
    }

    #[test]
    fn one_that_costs_more_than_the_burst_is_let_in_by_a_full_account() {
        let mut budget = Budget::new(25, 2, 10);
        assert!(budget.admit(ms(0)).is_ok());
        assert!(budget.admit(ms(20)).is_err());
        assert!(budget.admit(ms(41)).is_ok());
    }

    proptest! {
        /// Whatever each costs, and however wrong the guess: the account pays for all but the burst and what is under way.
        #[test]
        fn over_time_no_more_is_used_than_is_paid(costs in proptest::collection::vec(1..60u64, 50..200)) {
            let mut budget = Budget::new(25, 2, 100);
            let (mut now, mut used) = (Duration::ZERO, Duration::ZERO);
            for cost in costs {
                while let Err(wait) = budget.admit(now) {
                    now += wait;
                }
                budget.charge(ms(cost));
                used += ms(cost);
            }
            let paid = now.as_secs_f64() * 0.5;
            prop_assert!(used.as_secs_f64() <= paid + 0.100 + 0.060 + 0.001, "{used:?} of {paid} s");
        }
    }
}

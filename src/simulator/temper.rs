//! How one switch varies by chance: how long a line takes it, and which of its sessions it cuts in the middle.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::chance::Chance;
use super::plan::SwitchPlan;

/// A session that is to be cut is cut at one of its lines from here on,
const FIRST_LINE: u64 = 2;
/// and within so many: behind the greetings, and before the end of the shortest job's dialog.
const LINES: u64 = 20;

pub(super) struct Temper {
    chance: Chance,
    spread: Duration,
    dropped_sessions: f64,
    /// How many more lines each of these sessions may say.
    doomed: HashMap<u64, u64>,
}

impl Temper {
    /// Every switch has its own, and the same in every run.
    pub fn of(plan: &SwitchPlan) -> Self {
        let mut hasher = DefaultHasher::new();
        plan.name.hash(&mut hasher);
        Self {
            chance: Chance::new(hasher.finish()),
            spread: plan.latency_spread,
            dropped_sessions: plan.dropped_sessions,
            doomed: HashMap::new(),
        }
    }

    /// How long the next line takes.
    pub fn latency(&mut self, around: Duration) -> Duration {
        if self.spread.is_zero() {
            return around;
        }
        let least = around.saturating_sub(self.spread);
        least + (around + self.spread - least).mul_f64(self.chance.share())
    }

    pub fn session_opened(&mut self, session: u64) {
        if self.dropped_sessions > 0.0 && self.chance.share() < self.dropped_sessions {
            self.doomed.insert(session, FIRST_LINE + self.chance.number() % LINES);
        }
    }

    pub fn session_ended(&mut self, session: u64) {
        self.doomed.remove(&session);
    }

    /// Whether the session is cut at this line.
    pub fn drops(&mut self, session: u64) -> bool {
        let Some(left) = self.doomed.get_mut(&session) else { return false };
        *left -= 1;
        let is_last = *left == 0;
        if is_last {
            self.doomed.remove(&session);
        }
        is_last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::Personality;

    fn temper(spread: u64, dropped_sessions: f64) -> Temper {
        let latency_spread = Duration::from_millis(spread);
        let plan = SwitchPlan::new("sw1", Personality::Ios);
        Temper::of(&SwitchPlan { latency_spread, dropped_sessions, ..plan })
    }

    #[test]
    fn a_line_takes_as_long_as_is_said_and_so_much_more_or_less() {
        let (mut temper, around) = (temper(5, 0.0), Duration::from_millis(20));
        let taken: Vec<_> = (0..1_000).map(|_| temper.latency(around)).collect();
        let (least, most) = (taken.iter().min().expect("some"), taken.iter().max().expect("some"));
        let within = Duration::from_millis(15)..=Duration::from_millis(25);
        assert!(within.contains(least) && within.contains(most), "{least:?} to {most:?}");
        assert!(*most - *least > Duration::from_millis(9), "{least:?} to {most:?}");
    }

    #[test]
    fn a_spread_larger_than_the_latency_never_goes_below_nothing() {
        let mut temper = temper(50, 0.0);
        assert!((0..1_000).all(|_| temper.latency(Duration::from_millis(10)) <= Duration::from_millis(60)));
    }

    #[test]
    fn so_large_a_share_of_the_sessions_is_cut_and_each_at_one_line() {
        let mut temper = temper(0, 0.25);
        let mut cuts = |session| {
            temper.session_opened(session);
            let cuts = (0..100).filter(|_| temper.drops(session)).count();
            temper.session_ended(session);
            cuts
        };
        let cuts: Vec<_> = (0..4_000).map(&mut cuts).collect();
        let cut = cuts.iter().filter(|cuts| **cuts == 1).count();
        assert!(cuts.iter().all(|cuts| *cuts <= 1) && (900..1_100).contains(&cut), "{cut} of 4000");
    }
}

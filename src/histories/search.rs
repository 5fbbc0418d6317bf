//! Many histories on every core, until one is violated; and that one in its smallest form.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use switchyard_actors::safeguards::{Safeguard, without};

use super::plan::Plan;
use super::strategy::{plan_of, shrink};
use super::{Verdict, play};
use crate::checker::Invariant;

/// Which histories are played.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    pub first_seed: u64,
    pub histories: u64,
    pub threads: usize,
    /// Played without this one.
    pub missing: Option<Safeguard>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    pub played: u64,
    pub took: Duration,
    /// Time that went by in all of them, on their own clocks.
    pub lasted: Duration,
    pub checkouts: u64,
    pub strikes: BTreeMap<&'static str, u64>,
    /// Fewest faults that took effect in one history.
    pub fewest_strikes: u64,
    pub failure: Option<Failure>,
}

/// A history that failed.
#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    pub violated: Vec<Invariant>,
}

impl Search {
    pub fn run(self) -> Found {
        let began = Instant::now();
        let (next, over) = (AtomicU64::new(0), AtomicBool::new(false));
        let found = Mutex::new(Found { fewest_strikes: u64::MAX, ..Found::default() });
        std::thread::scope(|scope| {
            for _ in 0..self.threads {
                scope.spawn(|| without(self.missing, || self.work(&next, &over, &found)));
            }
        });
        let mut found = found.into_inner().expect("no thread panicked");
        found.took = began.elapsed();
        found
    }

    fn work(&self, next: &AtomicU64, over: &AtomicBool, found: &Mutex<Found>) {
        while !over.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= self.histories {
                return;
            }
            let seed = self.first_seed.wrapping_add(number);
            let verdict = play(&plan_of(seed));
            let fails = match self.missing {
                None => verdict.fails(),
                Some(_) => !verdict.violated().is_empty(),
            };
            let mut found = found.lock().expect("no thread panicked");
            found.count(&verdict);
            if fails && !over.swap(true, Ordering::Relaxed) {
                found.failure = Some(Failure { seed, violated: verdict.violated() });
            }
        }
    }
}

impl Found {
    fn count(&mut self, verdict: &Verdict) {
        self.played += 1;
        self.lasted += verdict.lasted;
        self.checkouts += verdict.checkouts as u64;
        let strikes = verdict.strikes.counts();
        self.fewest_strikes = self.fewest_strikes.min(strikes.values().sum());
        for (kind, count) in strikes {
            *self.strikes.entry(kind).or_default() += count;
        }
    }

    pub fn mean_strikes(&self) -> u64 {
        self.strikes.values().sum::<u64>() / self.played.max(1)
    }

    pub fn a_second(&self) -> f64 {
        self.played as f64 / self.took.as_secs_f64()
    }
}

impl Failure {
    /// Seed, smallest plan, and how it came to that.
    pub fn tell(&self, missing: Option<Safeguard>) -> String {
        without(missing, || {
            let smallest = shrink(self.seed, |plan| self.is_like(plan));
            let verdict = play(&smallest);
            format!("seed {} fails; the smallest plan that does:\n{smallest}\n{verdict}", self.seed)
        })
    }

    /// Nothing may be smaller because it fails in another way.
    fn is_like(&self, plan: &Plan) -> bool {
        let verdict = play(plan);
        match self.violated.is_empty() {
            true => verdict.fails() && verdict.violated().is_empty(),
            false => verdict.violated().iter().any(|one| self.violated.contains(one)),
        }
    }
}

/// A line for each kind of fault.
impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (played, took, rate) = (self.played, self.took.as_secs_f64(), self.a_second());
        writeln!(f, "{played} histories in {took:.1} s, {rate:.0} a second, {} checkouts", self.checkouts)?;
        let (lasted, mean) = (self.lasted.as_secs() / played.max(1), self.mean_strikes());
        writeln!(f, "each lasted {lasted} s on its own clock, on average, and {mean} faults took effect")?;
        writeln!(f, "at least {} in each; by kind:", self.fewest_strikes)?;
        self.strikes.iter().try_for_each(|(kind, count)| writeln!(f, "{count:>9}  {kind}"))
    }
}

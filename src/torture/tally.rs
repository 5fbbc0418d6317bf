//! What struck, by kind. It counts effects, not orders: whoever calls it has seen the effect.

use super::blow::Victim;
use serde::Serialize;
use std::collections::BTreeMap;

/// The counts.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<(Victim, &'static str), u64>);

/// A kind that struck.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Who was struck.
    pub victim: String,
    /// How.
    pub what: &'static str,
    /// How often.
    pub times: u64,
}

impl Tally {
    /// Once more.
    pub fn count(&mut self, victim: Victim, what: &'static str) {
        self.add(victim, what, 1);
    }

    /// So often more.
    pub fn add(&mut self, victim: Victim, what: &'static str, times: u64) {
        if times > 0 {
            *self.0.entry((victim, what)).or_default() += times;
        }
    }

    /// How often this struck.
    pub fn times(&self, victim: Victim, what: &'static str) -> u64 {
        self.0.get(&(victim, what)).copied().unwrap_or(0)
    }

    /// How often anything of this victim's did.
    pub fn of(&self, victim: Victim) -> u64 {
        self.0.iter().filter(|((of, _), _)| *of == victim).map(|(_, times)| times).sum()
    }

    /// Each kind, in order.
    pub fn kinds(&self) -> Vec<Counted> {
        let counted = |((victim, what), times): (&(Victim, &'static str), &u64)| Counted {
            victim: victim.to_string(),
            what,
            times: *times,
        };
        self.0.iter().map(counted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_are_counted_by_kind_and_what_never_struck_is_no_kind() {
        let mut tally = Tally::default();
        tally.count(Victim::Process, "killed");
        tally.count(Victim::Process, "killed");
        tally.count(Victim::Process, "frozen");
        tally.add(Victim::Redis, "slow", 0);
        assert_eq!((tally.times(Victim::Process, "killed"), tally.of(Victim::Process)), (2, 3));
        let kinds: Vec<_> = tally.kinds().into_iter().map(|kind| (kind.what, kind.times)).collect();
        assert_eq!(kinds, [("frozen", 1), ("killed", 2)]);
    }
}

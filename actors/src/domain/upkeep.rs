//! The upkeep machine: whether a managed port that was found other than it should be is repaired, and how often.
//!
//! ```text
//!            Differs               Repaired               Differs, once the wait is over
//!   Steady ───────────▶ Repairing ──────────▶ Repaired ───────────────────▶ Repairing, once more
//!     ▲                                        │    │
//!     │                                        │    │ Differs, repaired as often as it may be
//!     │ AsWanted, when `forget` is over        │    ▼
//!     └────────────────────────────────────────┴─ GivenUp
//!
//!   Ordered, from any state: Repairing, as if for the first time.
//! ```
//!
//! Somebody who changes a port back again and again has a reason: each repair waits twice as long as the one before, and
//! after the last one the port is left alone until an operator says otherwise. It never decides about a port that no
//! subscription manages: such a port has no upkeep.

use super::time::UnixMillis;
use serde::{Deserialize, Serialize};

/// How often, and how soon again, one port is repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpkeepPolicy {
    /// Repairs before it is given up.
    pub most_repairs: u32,
    /// Between the first repair and the second; it doubles.
    pub first_wait_millis: u64,
    /// After so long without a repair, the earlier ones no longer count.
    pub forget_millis: u64,
}

/// What a port has been through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Upkeep {
    /// As it should be, for all that is known.
    #[default]
    Steady,
    /// Found otherwise; it is being repaired.
    Repairing {
        /// Repairs with this one.
        times: u32,
    },
    /// Repaired, and read back.
    Repaired {
        /// Repairs so far.
        times: u32,
        /// The last of them.
        at: UnixMillis,
    },
    /// Left alone until an operator says otherwise.
    GivenUp {
        /// Since when.
        at: UnixMillis,
    },
}

/// What can happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpkeepEvent {
    /// A check found it as it should be.
    AsWanted,
    /// A check found it otherwise.
    Differs,
    /// A check found it otherwise, and an operator wants it repaired all the same.
    Ordered,
    /// The repair is read back.
    Repaired,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// Nothing.
    None,
    /// Repair it.
    Repair,
    /// Look again then: it was repaired only just now.
    WaitUntil(UnixMillis),
    /// Leave it, and tell the operator.
    LeaveAlone,
}

impl UpkeepPolicy {
    /// How long after the `times`th repair the next one may begin.
    #[must_use]
    pub fn wait_millis(&self, times: u32) -> u64 {
        self.first_wait_millis.saturating_mul(1 << times.saturating_sub(1).min(20))
    }
}

impl Upkeep {
    /// The rule. Every event makes sense in every state: a check comes when it comes.
    #[must_use]
    pub fn apply(self, event: UpkeepEvent, now: UnixMillis, policy: &UpkeepPolicy) -> (Self, Care) {
        use UpkeepEvent as E;
        let first = (Self::Repairing { times: 1 }, Care::Repair);
        match (self, event) {
            (
                Self::Steady | Self::Repairing { .. } | Self::Repaired { .. } | Self::GivenUp { .. },
                E::Ordered,
            )
            | (Self::Steady, E::Differs) => first,
            (Self::Repairing { .. }, E::Differs) => (self, Care::Repair),
            (Self::Repaired { at, .. }, E::Differs) if now.millis_since(at) >= policy.forget_millis => first,
            (Self::Repaired { times, at }, E::Differs) => again(times, at, now, policy),
            (Self::GivenUp { .. }, E::Differs) => (self, Care::LeaveAlone),
            (Self::Repairing { times }, E::AsWanted | E::Repaired) => {
                (Self::Repaired { times, at: now }, Care::None)
            }
            (Self::Repaired { at, .. } | Self::GivenUp { at }, E::AsWanted) => {
                let is_over = now.millis_since(at) >= policy.forget_millis;
                (if is_over { Self::Steady } else { self }, Care::None)
            }
            (Self::Steady, E::AsWanted | E::Repaired)
            | (Self::Repaired { .. } | Self::GivenUp { .. }, E::Repaired) => (self, Care::None),
        }
    }
}

/// It was repaired lately, and is otherwise again.
fn again(times: u32, at: UnixMillis, now: UnixMillis, policy: &UpkeepPolicy) -> (Upkeep, Care) {
    let not_before = at.plus_millis(policy.wait_millis(times));
    if times >= policy.most_repairs {
        (Upkeep::GivenUp { at: now }, Care::LeaveAlone)
    } else if now < not_before {
        (Upkeep::Repaired { times, at }, Care::WaitUntil(not_before))
    } else {
        (Upkeep::Repairing { times: times + 1 }, Care::Repair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: UnixMillis = UnixMillis(1_000_000);
    const POLICY: UpkeepPolicy =
        UpkeepPolicy { most_repairs: 3, first_wait_millis: 100, forget_millis: 10_000 };

    fn ago(millis: u64) -> UnixMillis {
        UnixMillis(NOW.0 - millis)
    }

    #[test]
    fn every_state_meets_every_event_as_drawn() {
        use Upkeep as U;
        let (first, none) = ((U::Repairing { times: 1 }, Care::Repair), |state| (state, Care::None));
        let repaired = |times, millis| U::Repaired { times, at: ago(millis) };
        let given_up = |millis| U::GivenUp { at: ago(millis) };
        // A state, and what as wanted, differs, ordered and repaired make of it.
        let drawn = [
            (U::Steady, [none(U::Steady), first, first, none(U::Steady)]),
            (
                U::Repairing { times: 2 },
                [
                    none(repaired(2, 0)),
                    (U::Repairing { times: 2 }, Care::Repair),
                    first,
                    none(repaired(2, 0)),
                ],
            ),
            (
                repaired(1, 99),
                [
                    none(repaired(1, 99)),
                    (repaired(1, 99), Care::WaitUntil(NOW.plus_millis(1))),
                    first,
                    none(repaired(1, 99)),
                ],
            ),
            (
                repaired(2, 200),
                [
                    none(repaired(2, 200)),
                    (U::Repairing { times: 3 }, Care::Repair),
                    first,
                    none(repaired(2, 200)),
                ],
            ),
            (
                repaired(3, 9_999),
                [none(repaired(3, 9_999)), (given_up(0), Care::LeaveAlone), first, none(repaired(3, 9_999))],
            ),
            (repaired(3, 10_000), [none(U::Steady), first, first, none(repaired(3, 10_000))]),
            (
                given_up(9_999),
                [none(given_up(9_999)), (given_up(9_999), Care::LeaveAlone), first, none(given_up(9_999))],
            ),
            (
                given_up(10_000),
                [none(U::Steady), (given_up(10_000), Care::LeaveAlone), first, none(given_up(10_000))],
            ),
        ];
        let events =
            [UpkeepEvent::AsWanted, UpkeepEvent::Differs, UpkeepEvent::Ordered, UpkeepEvent::Repaired];
        for (state, row) in drawn {
            for (event, expected) in events.into_iter().zip(row) {
                assert_eq!(state.apply(event, NOW, &POLICY), expected, "{state:?} + {event:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn without_an_order_a_port_is_repaired_so_often_at_most_within_the_time_that_is_remembered(
            steps in proptest::collection::vec((0..3usize, 0..150u64), 0..200)
        ) {
            let events = [UpkeepEvent::AsWanted, UpkeepEvent::Differs, UpkeepEvent::Repaired];
            let (mut state, mut now, mut begun) = (Upkeep::Steady, NOW, Vec::new());
            for (pick, wait) in steps {
                now = now.plus_millis(wait);
                let before = state;
                let (next, care) = state.apply(events[pick], now, &POLICY);
                if care == Care::Repair && !matches!(before, Upkeep::Repairing { .. }) {
                    begun.push(now);
                }
                state = next;
            }
            let many = POLICY.most_repairs as usize + 1;
            prop_assert!(begun.windows(many).all(|w| w[many - 1].millis_since(w[0]) >= POLICY.forget_millis));
        }
    }
}

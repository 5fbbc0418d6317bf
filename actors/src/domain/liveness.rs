//! Who lives, as one instance can tell from counters alone, and who of those who live is preferred for a thing.
//!
//! ```text
//!                 another count                 the same count, for a whole lease
//!   (unknown) ──▶ Beating ◀──────┐  Beating ─────────────────────────────────────▶ dead
//!       │            │  └────────┘
//!       │ holds      │ not in the census
//!       ▼ a lease    ▼
//!     Sought ─────▶ Gone ──▶ forgotten after many leases
//!       │  not in the census
//!       └─▶ Beating, when it is there
//! ```
//!
//! All times are the observer's own, on a clock that goes on while it sleeps; no two clocks are ever compared. A count is
//! *first* seen when its answer came, and *still* seen when the question left: so an instance that is found dead here
//! had its last successful beat more than a lease ago, whatever the network did to question and answer.
//!
//! To be dead is final: an instance whose own time ran out never beats under its old id again.

use super::ids::InstanceId;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// After so many leases a dead instance is taken out of the census, and one that is gone is forgotten.
const BURIED_AFTER_LEASES: u32 = 10;

/// How often an instance has said that it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// Which.
    pub instance: InstanceId,
    /// So often. It says nothing of when: whoever watches has a clock of its own.
    pub count: u64,
}

/// What is known of one other instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    /// In the census.
    Beating {
        /// Its counter.
        count: u64,
        /// When it was first seen at that count.
        first: Duration,
        /// When it was last asked for and still at that count.
        still: Duration,
    },
    /// It holds a lease, and was in no census that was asked for since.
    Sought {
        /// When it was found holding.
        since: Duration,
    },
    /// It was there once, and isn't any more: it left, or was buried.
    Gone {
        /// Since when.
        since: Duration,
    },
}

/// What one instance knows of the others.
#[derive(Debug, Clone, Default)]
pub struct Census {
    seen: BTreeMap<InstanceId, Sight>,
}

/// When the census was asked for, and when the answer came.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// The question left.
    pub at: Duration,
    /// The answer came.
    pub answered: Duration,
}

impl Census {
    /// Takes in an answer of [`crate::ports::store::Store::beat`].
    pub fn observe(&mut self, asked: Asked, heartbeats: &[Heartbeat]) {
        for (id, sight) in &mut self.seen {
            let there = heartbeats.iter().any(|beat| beat.instance == *id);
            match *sight {
                Sight::Beating { .. } if !there => *sight = Sight::Gone { since: asked.answered },
                Sight::Sought { since } if !there && asked.at >= since => {
                    *sight = Sight::Gone { since: asked.answered };
                }
                Sight::Beating { .. } | Sight::Sought { .. } | Sight::Gone { .. } => {}
            }
        }
        for beat in heartbeats {
            let fresh = Sight::Beating { count: beat.count, first: asked.answered, still: asked.answered };
            let sight = self.seen.entry(beat.instance).or_insert(fresh);
            *sight = match *sight {
                Sight::Beating { count, first, .. } if count == beat.count => {
                    Sight::Beating { count, first, still: asked.at.max(first) }
                }
                Sight::Beating { .. } | Sight::Sought { .. } | Sight::Gone { .. } => fresh,
            };
        }
    }

    /// Notes that this instance was found holding a lease. If it is in no census that is asked for from now on, it is
    /// gone: nobody holds a lease who has not been in the census before.
    pub fn seek(&mut self, id: InstanceId, now: Duration) {
        self.seen.entry(id).or_insert(Sight::Sought { since: now });
    }

    /// Those in the census whose counter moved within the last lease, in order.
    #[must_use]
    pub fn living(&self, lease: Duration) -> Vec<InstanceId> {
        let living = self.seen.iter().filter(|(_, sight)| match sight {
            Sight::Beating { first, still, .. } => *still - *first < lease,
            Sight::Sought { .. } | Sight::Gone { .. } => false,
        });
        living.map(|(id, _)| *id).collect()
    }

    /// Those whose leases may be taken from them: their counter stood still for a whole lease, or they are gone.
    #[must_use]
    pub fn dead(&self, lease: Duration) -> BTreeSet<InstanceId> {
        let dead = self.seen.iter().filter(|(_, sight)| match sight {
            Sight::Beating { first, still, .. } => *still - *first >= lease,
            Sight::Sought { .. } => false,
            Sight::Gone { .. } => true,
        });
        dead.map(|(id, _)| *id).collect()
    }

    /// Those that have been dead for so long that the census need not name them any more.
    #[must_use]
    pub fn to_bury(&self, lease: Duration) -> Vec<InstanceId> {
        let long = lease * BURIED_AFTER_LEASES;
        let dead = self.seen.iter().filter(|(_, sight)| match sight {
            Sight::Beating { first, still, .. } => *still - *first >= long,
            Sight::Sought { .. } | Sight::Gone { .. } => false,
        });
        dead.map(|(id, _)| *id).collect()
    }

    /// Forgets those that have been gone for long. One that still holds a lease is sought, and found gone, again.
    pub fn forget(&mut self, now: Duration, lease: Duration) {
        let long = lease * BURIED_AFTER_LEASES;
        self.seen.retain(|_, sight| match sight {
            Sight::Gone { since } | Sight::Sought { since } => now.saturating_sub(*since) < long,
            Sight::Beating { .. } => true,
        });
    }
}

/// Which of the members is preferred for a key: the one with the highest hash of both (rendezvous hashing), so that all
/// who know the same members agree, and a member that joins or leaves moves only what it gets or had.
#[must_use]
pub fn preferred(key: &[u8], members: &[InstanceId]) -> Option<InstanceId> {
    members.iter().copied().max_by_key(|member| (weight(key, *member), *member))
}

fn weight(key: &[u8], member: InstanceId) -> [u8; 32] {
    // The id has a fixed length and comes first, so no two pairs are the same bytes.
    Sha256::new().chain_update(member.0.as_bytes()).chain_update(key).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    const LEASE: Duration = Duration::from_secs(10);

    fn id(number: u128) -> InstanceId {
        InstanceId(Uuid::from_u128(number))
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn beats(counts: &[(u128, u64)]) -> Vec<Heartbeat> {
        counts.iter().map(|&(number, count)| Heartbeat { instance: id(number), count }).collect()
    }

    /// Asks at `at`, with an answer 100 ms later.
    fn look(census: &mut Census, at: u64, counts: &[(u128, u64)]) {
        census.observe(Asked { at: ms(at), answered: ms(at + 100) }, &beats(counts));
    }

    #[test]
    fn one_that_beats_lives_and_one_that_stood_still_for_a_lease_is_dead() {
        let mut census = Census::default();
        for second in 0..=10 {
            look(&mut census, second * 1_000, &[(1, second), (2, 7)]);
            assert_eq!(census.living(LEASE), [id(1), id(2)], "second {second}");
        }
        // First seen when the answer came, at 0.1 s; still seen when the question left.
        look(&mut census, 10_099, &[(1, 11), (2, 7)]);
        assert_eq!(census.living(LEASE), [id(1), id(2)]);
        look(&mut census, 10_100, &[(1, 12), (2, 7)]);
        assert_eq!((census.living(LEASE), census.dead(LEASE)), (vec![id(1)], BTreeSet::from([id(2)])));
        look(&mut census, 11_000, &[(1, 13), (2, 8)]);
        assert_eq!(census.living(LEASE), [id(1), id(2)]);
    }

    #[test]
    fn an_observer_that_could_not_look_finds_nobody_dead_for_it() {
        let mut census = Census::default();
        look(&mut census, 0, &[(1, 1), (2, 1)]);
        assert_eq!(census.living(LEASE), [id(1), id(2)]);
        // An answer that took an hour says what was so when the question left, at the earliest.
        census.observe(Asked { at: ms(1_000), answered: ms(3_600_000) }, &beats(&[(1, 1), (2, 1)]));
        assert_eq!(census.living(LEASE), [id(1), id(2)]);
    }

    #[test]
    fn who_left_is_gone_at_once_and_who_is_found_holding_when_the_census_lacks_it() {
        let mut census = Census::default();
        look(&mut census, 0, &[(1, 1), (2, 1)]);
        look(&mut census, 1_000, &[(1, 2)]);
        assert_eq!((census.living(LEASE), census.dead(LEASE)), (vec![id(1)], BTreeSet::from([id(2)])));
        census.seek(id(3), ms(1_500));
        // This answer may be older than the claim that found it.
        look(&mut census, 1_499, &[(1, 3)]);
        assert_eq!(census.dead(LEASE), BTreeSet::from([id(2)]));
        look(&mut census, 1_500, &[(1, 4)]);
        assert_eq!(census.dead(LEASE), BTreeSet::from([id(2), id(3)]));
        census.seek(id(4), ms(1_600));
        look(&mut census, 1_700, &[(1, 5), (4, 1)]);
        assert_eq!(census.living(LEASE), [id(1), id(4)]);
    }

    #[test]
    fn the_long_dead_are_buried_and_the_long_gone_forgotten() {
        let mut census = Census::default();
        look(&mut census, 0, &[(1, 1), (2, 1)]);
        look(&mut census, 100_000, &[(1, 2), (2, 1)]);
        assert_eq!(census.to_bury(LEASE), []);
        look(&mut census, 100_100, &[(1, 3), (2, 1)]);
        assert_eq!(census.to_bury(LEASE), [id(2)]);
        look(&mut census, 101_000, &[(1, 4)]);
        census.forget(ms(150_000), LEASE);
        assert_eq!(census.dead(LEASE), BTreeSet::from([id(2)]));
        census.forget(ms(201_100), LEASE);
        assert_eq!(census.dead(LEASE), BTreeSet::new());
    }

    fn keys() -> impl Iterator<Item = String> {
        (0..10_000).map(|n| format!("switch/sw-{n}"))
    }

    #[test]
    fn keys_spread_evenly_and_few_move_when_one_joins_or_leaves() {
        let members: Vec<_> = (1..=5).map(|n| id(n * 0x1234_5678_9abc)).collect();
        let owner = |key: &str, members: &[InstanceId]| preferred(key.as_bytes(), members).expect("some");
        for member in &members {
            let share = keys().filter(|key| owner(key, &members) == *member).count();
            assert!((1_800..2_200).contains(&share), "{member} has {share}");
        }
        let fewer = &members[..4];
        let moved: Vec<_> = keys().filter(|key| owner(key, fewer) != owner(key, &members)).collect();
        assert!((1_800..2_200).contains(&moved.len()), "{} moved", moved.len());
        assert!(moved.iter().all(|key| owner(key, &members) == members[4]));
    }

    #[test]
    fn all_agree_whatever_the_order_and_for_good() {
        let (one, two, three) = (id(1), id(2), id(3));
        for key in keys().take(100) {
            let orders = [[one, two, three], [three, two, one], [two, one, three]];
            let owners = orders.map(|members| preferred(key.as_bytes(), &members));
            assert!(owners.iter().all(|owner| *owner == owners[0]));
        }
        assert_eq!(preferred(b"switch/sw-1", &[]), None);
        // Fixed: instances of different releases must agree too.
        assert_eq!(preferred(b"switch/sw-1", &[one, two, three]), Some(FIXED));
    }

    const FIXED: InstanceId = InstanceId(Uuid::from_u128(1));

    proptest! {
        /// One instance beats as long as its own time runs, and stops for good when that is over; the other watches, with
        /// any delays. Found dead, the first one's time is over.
        #[test]
        fn nobody_is_found_dead_whose_time_is_not_over(
            steps in proptest::collection::vec((0..4_000u64, 0..4_000u64, 0..4_000u64, any::<bool>()), 1..60)
        ) {
            let (mut census, mut count, mut now, mut over_at) = (Census::default(), 0, 0, None::<u64>);
            for (before, to_store, back, beats_now) in steps {
                now += before;
                if beats_now && over_at.is_none_or(|at| now < at) {
                    // Its beat takes no longer to the store than its time runs: a later answer extends nothing.
                    let (began, arrives) = (now, now + to_store);
                    if over_at.is_none_or(|at| arrives < at) {
                        now = arrives;
                        count += 1;
                        over_at = Some(began + 10_000);
                    }
                } else {
                    let asked = now;
                    let read = if count > 0 { vec![(1, count)] } else { Vec::new() };
                    now += back;
                    let when = Asked { at: ms(asked), answered: ms(now) };
                    census.observe(when, &beats(&read));
                    if census.dead(LEASE).contains(&id(1)) {
                        prop_assert!(over_at.is_some_and(|at| asked >= at), "{over_at:?} {asked}");
                    }
                }
            }
        }
    }
}

//! The restart machine: what becomes of an actor after a panic. It decides for every actor alike; who keeps the actor acts.
//!
//! ```text
//!             Panicked                      Panicked, for the `escalate_after`-th time in a row
//!   Steady ───────────────▶ Shaken{panics} ────────────────────────────────────▶ Failing
//!                            ▲   │ ▲                                              │  │ ▲
//!                            │   └─┘ Panicked, below that                         │  └─┘ Panicked
//!                            └────────────────────────────────────────────────────┘
//!                              Panicked, after a run that forgives: it is the first again
//! ```
//!
//! A panic is *in a row* with the one before it unless the run in between forgives: it lasted long enough, or it made
//! progress. So what breaks now and then is restarted for ever, and what never gets anywhere is found, however
//! long each try takes; a count within a fixed time would miss whoever panics slowly.
//!
//! An escalation is a switch's quarantine, and for an actor that must always be there an alarm in the log: it is never
//! given up. Which work was at fault is not decided here: a job, a port or an event counts the panics over it by itself.

/// How an actor that panics is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartPolicy {
    /// Wait after the first panic; it doubles with each in a row.
    pub first_wait_millis: u64,
    /// Longest wait.
    pub longest_wait_millis: u64,
    /// Panics in a row until somebody must look.
    pub escalate_after: u32,
    /// A run that lasted so long forgives all panics before it.
    pub forgive_millis: u64,
}

impl RestartPolicy {
    /// The wait after panic number `panics` in a row, from 1.
    #[must_use]
    pub fn wait_millis(&self, panics: u32) -> u64 {
        let doubled = self.first_wait_millis.saturating_mul(1 << panics.saturating_sub(1).min(20));
        doubled.min(self.longest_wait_millis)
    }

    fn forgives(&self, run: Run) -> bool {
        run.progressed || run.lasted_millis >= self.forgive_millis
    }
}

/// How it has fared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RestartState {
    /// No panic that counts.
    #[default]
    Steady,
    /// It panicked, and was restarted.
    Shaken {
        /// In a row.
        panics: u32,
    },
    /// It panicked so often in a row that somebody must look.
    Failing,
}

/// A run from its start to its panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// How long it was.
    pub lasted_millis: u64,
    /// Whether it came to something that shows that the actor works: earlier panics say nothing about it any more.
    pub progressed: bool,
}

/// What can happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartEvent {
    /// It panicked at the end of this run.
    Panicked(Run),
}

/// What its keeper does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartEffect {
    /// Start it again after this wait.
    Restart {
        /// The wait.
        wait_millis: u64,
    },
    /// Tell whoever must look; and start it again, after this wait, only for what must go on all the same.
    Escalate {
        /// The wait.
        wait_millis: u64,
    },
}

impl RestartState {
    /// The rule. Every event makes sense in every state.
    #[must_use]
    pub fn apply(self, event: RestartEvent, policy: &RestartPolicy) -> (Self, RestartEffect) {
        match (self, event) {
            (Self::Steady, RestartEvent::Panicked(_)) => shaken(1, policy),
            (Self::Shaken { panics }, RestartEvent::Panicked(run)) => {
                shaken(if policy.forgives(run) { 1 } else { panics.saturating_add(1) }, policy)
            }
            (Self::Failing, RestartEvent::Panicked(run)) if policy.forgives(run) => shaken(1, policy),
            (Self::Failing, RestartEvent::Panicked(_)) => failing(policy),
        }
    }
}

fn shaken(panics: u32, policy: &RestartPolicy) -> (RestartState, RestartEffect) {
    if panics >= policy.escalate_after {
        return failing(policy);
    }
    let wait_millis = policy.wait_millis(panics);
    (RestartState::Shaken { panics }, RestartEffect::Restart { wait_millis })
}

fn failing(policy: &RestartPolicy) -> (RestartState, RestartEffect) {
    (RestartState::Failing, RestartEffect::Escalate { wait_millis: policy.longest_wait_millis })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POLICY: RestartPolicy = RestartPolicy {
        first_wait_millis: 100,
        longest_wait_millis: 1_000,
        escalate_after: 4,
        forgive_millis: 60_000,
    };

    const AT_ONCE: Run = Run { lasted_millis: 0, progressed: false };
    const NEARLY_FORGIVEN: Run = Run { lasted_millis: 59_999, progressed: false };
    const LONG: Run = Run { lasted_millis: 60_000, progressed: false };
    const WITH_PROGRESS: Run = Run { lasted_millis: 1, progressed: true };

    #[test]
    fn every_state_meets_every_event_as_drawn() {
        // The number is of panics in a row, F is failing.
        let shown = |(state, _): (RestartState, RestartEffect)| match state {
            RestartState::Steady => 'S',
            RestartState::Shaken { panics } => char::from_digit(panics, 10).expect("a digit"),
            RestartState::Failing => 'F',
        };
        let drawn = [
            (RestartState::Steady, "1111"),
            (RestartState::Shaken { panics: 1 }, "2211"),
            (RestartState::Shaken { panics: 2 }, "3311"),
            (RestartState::Shaken { panics: 3 }, "FF11"),
            (RestartState::Failing, "FF11"),
        ];
        for (state, row) in drawn {
            let runs = [AT_ONCE, NEARLY_FORGIVEN, LONG, WITH_PROGRESS];
            let next: String =
                runs.iter().map(|run| shown(state.apply(RestartEvent::Panicked(*run), &POLICY))).collect();
            assert_eq!(next, row, "{state:?}");
        }
    }

    #[test]
    fn the_first_panic_escalates_where_one_is_enough() {
        let strict = RestartPolicy { escalate_after: 1, ..POLICY };
        let (state, effect) = RestartState::Steady.apply(RestartEvent::Panicked(AT_ONCE), &strict);
        assert_eq!((state, effect), (RestartState::Failing, RestartEffect::Escalate { wait_millis: 1_000 }));
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits: Vec<_> = [1, 2, 3, 4, 5, 60].iter().map(|n| POLICY.wait_millis(*n)).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_000, 1_000]);
    }

    proptest! {
        /// The model is the list of runs since the last one that forgave.
        #[test]
        fn it_escalates_exactly_when_so_many_in_a_row_were_not_forgiven(
            runs in proptest::collection::vec((0..90_000u64, proptest::bool::weighted(0.1)), 1..60)
        ) {
            let (mut state, mut in_a_row) = (RestartState::default(), 0u32);
            for (lasted_millis, progressed) in runs {
                let forgiven = progressed || lasted_millis >= POLICY.forgive_millis;
                in_a_row = if forgiven { 1 } else { in_a_row + 1 };
                let event = RestartEvent::Panicked(Run { lasted_millis, progressed });
                let (next, effect) = state.apply(event, &POLICY);
                let expected = if in_a_row >= POLICY.escalate_after {
                    RestartEffect::Escalate { wait_millis: POLICY.longest_wait_millis }
                } else {
                    RestartEffect::Restart { wait_millis: POLICY.wait_millis(in_a_row) }
                };
                prop_assert_eq!(effect, expected);
                state = next;
            }
        }
    }
}

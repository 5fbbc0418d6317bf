//! The delivery machine: one event on its way to one partner.
//!
//! ```text
//!    Failed, Panicked
//!        ┌────┐
//!        │    ▼   Acknowledged
//!        └── Due ────────────────▶ Delivered
//!             │ ▲
//!  Refused;   │ │ Replayed
//!  Failed or  ▼ │
//!  Panicked  Dead
//!  for the last time
//! ```
//!
//! At least once: an event is due until what came of its attempt is on record. That it is being sent is on no record: a process
//! that dies meanwhile leaves it due, and whoever has the partner's lane next sends the same attempt again. So does our own
//! handling of an event when it panics; and since that would go on for ever, such panics are counted.

use super::Denied;
use super::event::Event;
use super::time::UnixMillis;
use serde::{Deserialize, Serialize};

/// Why an event was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum DeadWhy {
    /// The receiver said no: a 3xx or a 4xx.
    Refused {
        /// With this.
        status: u16,
    },
    /// The last attempt failed.
    OutOfAttempts,
    /// Our own handling of it panicked so often that it was given up.
    HandlingPanicked {
        /// So often.
        panics: u32,
    },
}

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be sent, or being sent.
    Due {
        /// The attempt's number, from 1.
        attempt: u32,
        /// Panics over it so far.
        panics: u32,
        /// Not before.
        at: UnixMillis,
    },
    /// Acknowledged with a 2xx.
    Delivered {
        /// When.
        at: UnixMillis,
    },
    /// A dead letter: kept, listed, replayed on request.
    Dead {
        /// Since.
        at: UnixMillis,
        /// Why.
        why: DeadWhy,
    },
}

/// What can happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryEvent {
    /// A 2xx.
    Acknowledged,
    /// A 3xx or a 4xx.
    Refused {
        /// Which.
        status: u16,
    },
    /// A network error, a time-out or a 5xx.
    Failed,
    /// Our own handling of it panicked.
    Panicked,
    /// An operator or the partner wants it sent again.
    Replayed,
}

/// How often, and how far apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryPolicy {
    /// Attempts in all.
    pub attempts: u32,
    /// Wait after the first failure; it doubles.
    pub first_wait_millis: u64,
    /// Longest wait.
    pub longest_wait_millis: u64,
    /// Panics over one event until it is given up.
    pub panics: u32,
}

impl DeliveryPolicy {
    /// The wait after attempt number `attempt` failed.
    #[must_use]
    pub fn wait_millis(&self, attempt: u32) -> u64 {
        let doubled = self.first_wait_millis.saturating_mul(1 << attempt.saturating_sub(1).min(20));
        doubled.min(self.longest_wait_millis)
    }
}

impl DeliveryState {
    /// The rule.
    ///
    /// # Errors
    /// [`Denied`] when the event makes no sense in this state.
    pub fn apply(
        self,
        event: DeliveryEvent,
        now: UnixMillis,
        policy: &DeliveryPolicy,
    ) -> Result<Self, Denied> {
        use DeliveryEvent as E;
        match (self, event) {
            (Self::Due { .. }, E::Acknowledged) => Ok(Self::Delivered { at: now }),
            (Self::Due { .. }, E::Refused { status }) => {
                Ok(Self::Dead { at: now, why: DeadWhy::Refused { status } })
            }
            (Self::Due { attempt, .. }, E::Failed) if attempt >= policy.attempts => {
                Ok(Self::Dead { at: now, why: DeadWhy::OutOfAttempts })
            }
            (Self::Due { attempt, panics, .. }, E::Failed) => {
                let at = now.plus_millis(policy.wait_millis(attempt));
                Ok(Self::Due { attempt: attempt + 1, panics, at })
            }
            (Self::Due { attempt, panics, .. }, E::Panicked) => {
                Ok(after_panic(attempt, panics + 1, now, policy))
            }
            (Self::Dead { .. }, E::Replayed) => Ok(Self::Due { attempt: 1, panics: 0, at: now }),
            (state @ Self::Due { .. }, event @ E::Replayed) => Err(state.denied(event)),
            (
                state @ Self::Dead { .. },
                event @ (E::Acknowledged | E::Refused { .. } | E::Failed | E::Panicked),
            ) => Err(state.denied(event)),
            (
                state @ Self::Delivered { .. },
                event @ (E::Acknowledged | E::Refused { .. } | E::Failed | E::Panicked | E::Replayed),
            ) => Err(state.denied(event)),
        }
    }

    /// The word for it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Due { .. } => "due",
            Self::Delivered { .. } => "delivered",
            Self::Dead { .. } => "dead",
        }
    }

    fn denied(&self, event: DeliveryEvent) -> Denied {
        let event = match event {
            DeliveryEvent::Acknowledged => "an acknowledgement",
            DeliveryEvent::Refused { .. } => "a refusal",
            DeliveryEvent::Failed => "a failed attempt",
            DeliveryEvent::Panicked => "a panic",
            DeliveryEvent::Replayed => "a replay",
        };
        Denied { machine: "delivery", state: self.name(), event }
    }
}

/// The same attempt once more: whether anything was sent, nobody knows.
fn after_panic(attempt: u32, panics: u32, now: UnixMillis, policy: &DeliveryPolicy) -> DeliveryState {
    if panics >= policy.panics {
        return DeliveryState::Dead { at: now, why: DeadWhy::HandlingPanicked { panics } };
    }
    DeliveryState::Due { attempt, panics, at: now.plus_millis(policy.wait_millis(panics)) }
}

/// One attempt, as it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryAttempt {
    /// Its number.
    pub number: u32,
    /// When it began.
    pub at: UnixMillis,
    /// How long it took.
    pub latency_millis: u64,
    /// The status, where there was an answer.
    pub status: Option<u16>,
    /// What went wrong, where there was none.
    pub error: Option<String>,
}

/// An event, where it stands, and every attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// The event.
    pub event: Event,
    /// Its place in the partner's sequence, from 1.
    pub sequence: u64,
    /// Where it stands.
    pub state: DeliveryState,
    /// How each attempt went.
    pub attempts: Vec<DeliveryAttempt>,
}

impl DeliveryRecord {
    /// An event that was just recorded: due at once.
    #[must_use]
    pub fn new(event: Event, sequence: u64) -> Self {
        let at = event.at;
        Self {
            event,
            sequence,
            state: DeliveryState::Due { attempt: 1, panics: 0, at },
            attempts: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: UnixMillis = UnixMillis(100);
    const POLICY: DeliveryPolicy =
        DeliveryPolicy { attempts: 3, first_wait_millis: 2_000, longest_wait_millis: 30_000, panics: 3 };

    fn due(attempt: u32, panics: u32) -> DeliveryState {
        DeliveryState::Due { attempt, panics, at: NOW }
    }

    fn states() -> [DeliveryState; 5] {
        [
            due(1, 0),
            due(3, 0),
            due(1, 2),
            DeliveryState::Delivered { at: NOW },
            DeliveryState::Dead { at: NOW, why: DeadWhy::OutOfAttempts },
        ]
    }

    fn events() -> [DeliveryEvent; 5] {
        [
            DeliveryEvent::Acknowledged,
            DeliveryEvent::Refused { status: 404 },
            DeliveryEvent::Failed,
            DeliveryEvent::Panicked,
            DeliveryEvent::Replayed,
        ]
    }

    #[test]
    fn every_state_meets_every_event_as_drawn() {
        let (due, done, dead) = (Some("due"), Some("delivered"), Some("dead"));
        let drawn = [
            [done, dead, due, due, None],
            [done, dead, dead, due, None],
            [done, dead, due, dead, None],
            [None; 5],
            [None, None, None, None, due],
        ];
        for (state, row) in states().into_iter().zip(drawn) {
            for (event, expected) in events().into_iter().zip(row) {
                let next = state.clone().apply(event, NOW, &POLICY).ok();
                assert_eq!(next.as_ref().map(DeliveryState::name), expected, "{state:?} + {event:?}");
            }
        }
    }

    #[test]
    fn a_panic_repeats_the_attempt_and_the_last_one_is_the_reason_for_giving_up() {
        let panicked = |state: DeliveryState| state.apply(DeliveryEvent::Panicked, NOW, &POLICY);
        let again = DeliveryState::Due { attempt: 2, panics: 1, at: NOW.plus_millis(2_000) };
        assert_eq!(panicked(due(2, 0)), Ok(again));
        let why = DeadWhy::HandlingPanicked { panics: 3 };
        assert_eq!(panicked(due(2, 2)), Ok(DeliveryState::Dead { at: NOW, why }));
    }

    #[test]
    fn three_attempts_are_two_and_four_seconds_apart() {
        assert_eq!([1, 2, 3, 4, 5].map(|n| POLICY.wait_millis(n)), [2_000, 4_000, 8_000, 16_000, 30_000]);
    }

    proptest! {
        #[test]
        fn an_event_fails_and_panics_at_most_three_times_between_replays(
            picks in proptest::collection::vec(0..5usize, 0..80)
        ) {
            let (mut state, mut failures, mut panics) = (states()[0].clone(), 0, 0);
            for pick in picks {
                let event = events()[pick];
                if let Ok(next) = state.clone().apply(event, NOW, &POLICY) {
                    (failures, panics) = match event {
                        DeliveryEvent::Failed => (failures + 1, panics),
                        DeliveryEvent::Panicked => (failures, panics + 1),
                        DeliveryEvent::Replayed => (0, 0),
                        _ => (failures, panics),
                    };
                    state = next;
                }
                prop_assert!(failures <= 3 && panics <= 3);
            }
        }
    }
}

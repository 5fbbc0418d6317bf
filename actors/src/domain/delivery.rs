//! The delivery machine: one event on its way to one partner.
//!
//! ```text
//!            Taken                  Acknowledged
//!   Due ──────────────▶ Sending ──────────────────▶ Delivered
//!    ▲ ▲                 │ ▲ │ │
//!    │ └─────────────────┘ └─┘ │ Refused, or failed for the last time
//!    │  Failed                 ▼
//!    └──────────────────────  Dead
//!           Replayed
//! ```
//!
//! At least once: a process that dies in `Sending` leaves it to a later lease, which sends the same attempt again.

use super::Denied;
use super::event::Event;
use super::ids::LeaseEpoch;
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
}

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be sent.
    Due {
        /// The attempt's number, from 1.
        attempt: u32,
        /// Not before.
        at: UnixMillis,
    },
    /// Being sent.
    Sending {
        /// The attempt's number.
        attempt: u32,
        /// By the holder of this lease.
        lease: LeaseEpoch,
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
    /// The holder of this lease sends it now.
    Taken {
        /// Whose.
        lease: LeaseEpoch,
    },
    /// A 2xx.
    Acknowledged,
    /// A 3xx or a 4xx.
    Refused {
        /// Which.
        status: u16,
    },
    /// A network error, a time-out or a 5xx.
    Failed,
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
            (Self::Due { attempt, .. }, E::Taken { lease }) => Ok(Self::Sending { attempt, lease }),
            (Self::Sending { attempt, lease: held }, E::Taken { lease }) if lease > held => {
                Ok(Self::Sending { attempt, lease })
            }
            (Self::Sending { .. }, E::Acknowledged) => Ok(Self::Delivered { at: now }),
            (Self::Sending { .. }, E::Refused { status }) => {
                Ok(Self::Dead { at: now, why: DeadWhy::Refused { status } })
            }
            (Self::Sending { attempt, .. }, E::Failed) if attempt >= policy.attempts => {
                Ok(Self::Dead { at: now, why: DeadWhy::OutOfAttempts })
            }
            (Self::Sending { attempt, .. }, E::Failed) => {
                Ok(Self::Due { attempt: attempt + 1, at: now.plus_millis(policy.wait_millis(attempt)) })
            }
            (Self::Dead { .. }, E::Replayed) => Ok(Self::Due { attempt: 1, at: now }),
            (
                state @ Self::Due { .. },
                event @ (E::Acknowledged | E::Refused { .. } | E::Failed | E::Replayed),
            ) => Err(state.denied(event)),
            (state @ Self::Sending { .. }, event @ (E::Taken { .. } | E::Replayed)) => {
                Err(state.denied(event))
            }
            (
                state @ Self::Dead { .. },
                event @ (E::Taken { .. } | E::Acknowledged | E::Refused { .. } | E::Failed),
            ) => Err(state.denied(event)),
            (
                state @ Self::Delivered { .. },
                event @ (E::Taken { .. } | E::Acknowledged | E::Refused { .. } | E::Failed | E::Replayed),
            ) => Err(state.denied(event)),
        }
    }

    /// The word for it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Due { .. } => "due",
            Self::Sending { .. } => "sending",
            Self::Delivered { .. } => "delivered",
            Self::Dead { .. } => "dead",
        }
    }

    fn denied(&self, event: DeliveryEvent) -> Denied {
        let event = match event {
            DeliveryEvent::Taken { .. } => "a taking",
            DeliveryEvent::Acknowledged => "an acknowledgement",
            DeliveryEvent::Refused { .. } => "a refusal",
            DeliveryEvent::Failed => "a failed attempt",
            DeliveryEvent::Replayed => "a replay",
        };
        Denied { machine: "delivery", state: self.name(), event }
    }
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
        Self { event, sequence, state: DeliveryState::Due { attempt: 1, at }, attempts: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: UnixMillis = UnixMillis(100);
    const POLICY: DeliveryPolicy =
        DeliveryPolicy { attempts: 3, first_wait_millis: 2_000, longest_wait_millis: 30_000 };

    fn states() -> [DeliveryState; 5] {
        [
            DeliveryState::Due { attempt: 1, at: NOW },
            DeliveryState::Sending { attempt: 1, lease: LeaseEpoch(2) },
            DeliveryState::Sending { attempt: 3, lease: LeaseEpoch(2) },
            DeliveryState::Delivered { at: NOW },
            DeliveryState::Dead { at: NOW, why: DeadWhy::OutOfAttempts },
        ]
    }

    fn events() -> [DeliveryEvent; 6] {
        [
            DeliveryEvent::Taken { lease: LeaseEpoch(3) },
            DeliveryEvent::Taken { lease: LeaseEpoch(2) },
            DeliveryEvent::Acknowledged,
            DeliveryEvent::Refused { status: 404 },
            DeliveryEvent::Failed,
            DeliveryEvent::Replayed,
        ]
    }

    #[test]
    fn every_state_meets_every_event_as_drawn() {
        let (due, sending, done, dead) = (Some("due"), Some("sending"), Some("delivered"), Some("dead"));
        let drawn = [
            [sending, sending, None, None, None, None],
            [sending, None, done, dead, due, None],
            [sending, None, done, dead, dead, None],
            [None; 6],
            [None, None, None, None, None, due],
        ];
        for (state, row) in states().into_iter().zip(drawn) {
            for (event, expected) in events().into_iter().zip(row) {
                let next = state.clone().apply(event, NOW, &POLICY).ok();
                assert_eq!(next.as_ref().map(DeliveryState::name), expected, "{state:?} + {event:?}");
            }
        }
    }

    #[test]
    fn three_attempts_are_two_and_four_seconds_apart() {
        assert_eq!([1, 2, 3, 4, 5].map(|n| POLICY.wait_millis(n)), [2_000, 4_000, 8_000, 16_000, 30_000]);
    }

    proptest! {
        #[test]
        fn an_event_is_sent_at_most_three_times_between_replays(picks in proptest::collection::vec(0..6usize, 0..80)) {
            let (mut state, mut failures) = (states()[0].clone(), 0);
            for pick in picks {
                let event = events()[pick];
                if let Ok(next) = state.clone().apply(event, NOW, &POLICY) {
                    failures = match event {
                        DeliveryEvent::Failed => failures + 1,
                        DeliveryEvent::Replayed => 0,
                        _ => failures,
                    };
                    state = next;
                }
                prop_assert!(failures <= 3);
            }
        }
    }
}

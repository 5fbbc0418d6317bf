//! The job machine: one piece of work on one port.
//!
//! ```text
//!              Started                    Verified
//!   Queued ───────────────▶ Running ───────────────▶ Completed
//!    │ ▲                    │  │ ▲ │
//!    │ │ AttemptFailed      │  │ └─┘ Started by a later lease
//!    │ │ (retry, quarantine,│  │
//!    │ │  interrupt)        │  │
//!    │ └────────────────────┘  │ AttemptFailed (rejected, out of attempts, out of time),
//!    │   Interrupted, PutOff,  │ Panicked (for the last time)
//!    │   Panicked              │
//!    │                         ▼
//!    └──────────────────────▶ Failed
//!       Expired, Panicked (for the last time; before that it stays)
//! ```
//!
//! Only failures of the switch count as attempts and eat the time limit. Queueing, our own downtime, a store outage and a
//! tenure that lapsed do not: they come as `Interrupted`, as a failure whose verdict says so, or as a later lease that
//! starts the job over. A panic of the supervisor over the job is no failure of the switch either, and is counted by itself:
//! a job that always breaks its supervisor would never come to an outcome.

use super::Denied;
use super::failure::{DriverFailure, FailureReason, Verdict};
use super::ids::LeaseEpoch;
use super::time::UnixMillis;
use serde::{Deserialize, Serialize};

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Makes a port live.
    Provision,
    /// Puts it back to the captive portal.
    Deprovision,
    /// Blocks it.
    Suspend,
    /// Restores it.
    Reactivate,
    /// Changes its speeds.
    ChangePlan,
}

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum JobState {
    /// Waiting for its switch.
    Queued {
        /// Attempts that failed so far.
        failed_attempts: u32,
        /// Milliseconds that those attempts and their back-offs took.
        spent_millis: u64,
        /// Panics of a supervisor over it so far.
        panics: u32,
        /// Not before this moment.
        not_before: UnixMillis,
    },
    /// A supervisor is at it.
    Running {
        /// Attempts that failed before this one.
        failed_attempts: u32,
        /// Milliseconds that those took.
        spent_millis: u64,
        /// Panics of a supervisor over it before this attempt.
        panics: u32,
        /// Whose.
        lease: LeaseEpoch,
    },
    /// Verified on the switch.
    Completed {
        /// When.
        at: UnixMillis,
        /// Attempts in all.
        attempts: u32,
    },
    /// Given up.
    Failed {
        /// When.
        at: UnixMillis,
        /// Attempts in all.
        attempts: u32,
        /// Why.
        reason: FailureReason,
    },
}

/// What can happen to it.
#[derive(Debug, Clone, PartialEq)]
pub enum JobEvent {
    /// A supervisor took it up, under this lease.
    Started {
        /// The supervisor's lease.
        lease: LeaseEpoch,
    },
    /// The driver failed.
    AttemptFailed {
        /// How.
        failure: DriverFailure,
        /// What the attempt took.
        took_millis: u64,
        /// Chance, 0 to 1, for the back-off.
        jitter: f64,
    },
    /// Stopped through no fault of the switch.
    Interrupted,
    /// Kept out by what another job was charged with: it waits as that one does, and is not charged.
    PutOff {
        /// Chance, 0 to 1, for the wait.
        jitter: f64,
    },
    /// The supervisor that was at it panicked.
    Panicked {
        /// Chance, 0 to 1, for the back-off.
        jitter: f64,
    },
    /// Read back from the switch, and as wanted.
    Verified,
    /// Waited longer than it may.
    Expired,
}

/// What the change asks of whoever made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEffect {
    /// Nothing beyond the record.
    None,
    /// It is runnable again at this moment.
    RunAgain {
        /// When.
        at: UnixMillis,
    },
    /// It waits for an operator.
    AwaitRelease,
    /// It came to its one outcome.
    Settle,
}

/// How often and how long a job is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all.
    pub attempts: u32,
    /// First back-off; it doubles with each failure.
    pub first_back_off_millis: u64,
    /// Longest back-off.
    pub longest_back_off_millis: u64,
    /// All attempts and back-offs together.
    pub in_all_millis: u64,
    /// Panics of a supervisor over one job until it fails.
    pub panics: u32,
}

impl RetryPolicy {
    /// The wait after the `failed`th failure: doubling, bounded, between half and all of it by `jitter` (0 to 1).
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    pub fn back_off_millis(&self, failed: u32, jitter: f64) -> u64 {
        let doubled = self.first_back_off_millis.saturating_mul(1 << failed.saturating_sub(1).min(20));
        let full = doubled.min(self.longest_back_off_millis);
        full / 2 + (full as f64 / 2.0 * jitter.clamp(0.0, 1.0)) as u64
    }
}

impl JobState {
    /// A job that was just made.
    #[must_use]
    pub fn new(now: UnixMillis) -> Self {
        Self::Queued { failed_attempts: 0, spent_millis: 0, panics: 0, not_before: now }
    }

    /// The rule.
    ///
    /// # Errors
    /// [`Denied`] when the event makes no sense in this state: a job has exactly one outcome.
    pub fn apply(
        self,
        event: JobEvent,
        now: UnixMillis,
        policy: &RetryPolicy,
    ) -> Result<(Self, JobEffect), Denied> {
        use JobEvent as E;
        match (self, event) {
            (Self::Queued { failed_attempts, spent_millis, panics, .. }, E::Started { lease }) => {
                Ok((Self::Running { failed_attempts, spent_millis, panics, lease }, JobEffect::None))
            }
            (Self::Queued { failed_attempts, .. }, E::Expired) => {
                Ok(given_up(failed_attempts, FailureReason::TooOld, now))
            }
            (Self::Running { failed_attempts, spent_millis, panics, lease: held }, E::Started { lease })
                if lease > held =>
            {
                Ok((Self::Running { failed_attempts, spent_millis, panics, lease }, JobEffect::None))
            }
            (
                Self::Running { failed_attempts, spent_millis, panics, .. },
                E::AttemptFailed { failure, took_millis, jitter },
            ) => {
                let before = Tried { failed_attempts, spent_millis, panics };
                Ok(after_failure(before, took_millis, failure, jitter, now, policy))
            }
            (Self::Running { failed_attempts, spent_millis, panics, .. }, E::Interrupted) => {
                Ok(Tried { failed_attempts, spent_millis, panics }.again_at(now))
            }
            (Self::Running { failed_attempts, spent_millis, panics, .. }, E::PutOff { jitter }) => {
                let wait = policy.back_off_millis(failed_attempts + 1, jitter);
                Ok(Tried { failed_attempts, spent_millis, panics }.again_at(now.plus_millis(wait)))
            }
            (
                Self::Queued { failed_attempts, spent_millis, panics, .. }
                | Self::Running { failed_attempts, spent_millis, panics, .. },
                E::Panicked { jitter },
            ) => Ok(after_panic(Tried { failed_attempts, spent_millis, panics }, jitter, now, policy)),
            (Self::Running { failed_attempts, .. }, E::Verified) => {
                Ok((Self::Completed { at: now, attempts: failed_attempts + 1 }, JobEffect::Settle))
            }
            (
                state @ Self::Queued { .. },
                event @ (E::AttemptFailed { .. } | E::Interrupted | E::PutOff { .. } | E::Verified),
            ) => Err(state.denied(&event)),
            (state @ Self::Running { .. }, event @ (E::Started { .. } | E::Expired)) => {
                Err(state.denied(&event))
            }
            (
                state @ (Self::Completed { .. } | Self::Failed { .. }),
                event @ (E::Started { .. }
                | E::AttemptFailed { .. }
                | E::Interrupted
                | E::PutOff { .. }
                | E::Panicked { .. }
                | E::Verified
                | E::Expired),
            ) => Err(state.denied(&event)),
        }
    }

    /// Whether it came to its outcome.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Failed { .. })
    }

    /// Whether an attempt at it failed, or a supervisor panicked over it, before the one that it is at.
    #[must_use]
    pub fn has_failed_before(&self) -> bool {
        match self {
            Self::Queued { failed_attempts, panics, .. } | Self::Running { failed_attempts, panics, .. } => {
                *failed_attempts > 0 || *panics > 0
            }
            Self::Completed { .. } | Self::Failed { .. } => false,
        }
    }

    /// The word for it on the wire.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Running { .. } => "running",
            Self::Completed { .. } => "completed",
            Self::Failed { .. } => "failed",
        }
    }

    fn denied(&self, event: &JobEvent) -> Denied {
        let event = match event {
            JobEvent::Started { .. } => "a start",
            JobEvent::AttemptFailed { .. } => "a failed attempt",
            JobEvent::Interrupted => "an interruption",
            JobEvent::PutOff { .. } => "a putting off",
            JobEvent::Panicked { .. } => "a panic",
            JobEvent::Verified => "a verification",
            JobEvent::Expired => "an expiry",
        };
        Denied { machine: "job", state: self.name(), event }
    }
}

/// What earlier attempts came to.
struct Tried {
    failed_attempts: u32,
    spent_millis: u64,
    panics: u32,
}

impl Tried {
    fn queued(self, not_before: UnixMillis) -> JobState {
        let Self { failed_attempts, spent_millis, panics } = self;
        JobState::Queued { failed_attempts, spent_millis, panics, not_before }
    }

    fn again_at(self, at: UnixMillis) -> (JobState, JobEffect) {
        (self.queued(at), JobEffect::RunAgain { at })
    }
}

fn after_failure(
    before: Tried,
    took_millis: u64,
    failure: DriverFailure,
    jitter: f64,
    now: UnixMillis,
    policy: &RetryPolicy,
) -> (JobState, JobEffect) {
    let failed_attempts = before.failed_attempts + 1;
    let spent_millis = before.spent_millis + took_millis;
    match failure.class.verdict() {
        Verdict::Interrupt => before.again_at(now),
        // An operator's pause is no fault of the job: the attempt isn't counted against it.
        Verdict::Quarantine => (Tried { spent_millis, ..before }.queued(now), JobEffect::AwaitRelease),
        Verdict::Retry if failed_attempts < policy.attempts => {
            let wait = policy.back_off_millis(failed_attempts, jitter);
            let spent_millis = spent_millis + wait;
            if spent_millis >= policy.in_all_millis {
                return given_up(failed_attempts, FailureReason::Driver(failure), now);
            }
            Tried { failed_attempts, spent_millis, ..before }.again_at(now.plus_millis(wait))
        }
        Verdict::Retry | Verdict::Fail => given_up(failed_attempts, FailureReason::Driver(failure), now),
    }
}

/// The back-off lets the switch's other jobs go first.
fn after_panic(before: Tried, jitter: f64, now: UnixMillis, policy: &RetryPolicy) -> (JobState, JobEffect) {
    let panics = before.panics + 1;
    if panics >= policy.panics {
        return given_up(before.failed_attempts, FailureReason::SupervisorPanicked { panics }, now);
    }
    let wait = policy.back_off_millis(panics, jitter);
    Tried { panics, ..before }.again_at(now.plus_millis(wait))
}

fn given_up(attempts: u32, reason: FailureReason, now: UnixMillis) -> (JobState, JobEffect) {
    (JobState::Failed { at: now, attempts, reason }, JobEffect::Settle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::failure::FailureClass;
    use proptest::prelude::*;

    const NOW: UnixMillis = UnixMillis(1_000_000);
    const POLICY: RetryPolicy = RetryPolicy {
        attempts: 5,
        first_back_off_millis: 1_000,
        longest_back_off_millis: 30_000,
        in_all_millis: 600_000,
        panics: 3,
    };

    fn states() -> [JobState; 4] {
        let reason = FailureReason::TooOld;
        [
            JobState::new(NOW),
            JobState::Running { failed_attempts: 0, spent_millis: 0, panics: 0, lease: LeaseEpoch(2) },
            JobState::Completed { at: NOW, attempts: 1 },
            JobState::Failed { at: NOW, attempts: 1, reason },
        ]
    }

    fn failed(class: FailureClass) -> JobEvent {
        JobEvent::AttemptFailed { failure: DriverFailure::new(class, "x"), took_millis: 10, jitter: 1.0 }
    }

    fn events() -> [JobEvent; 9] {
        [
            JobEvent::Started { lease: LeaseEpoch(3) },
            JobEvent::Started { lease: LeaseEpoch(2) },
            failed(FailureClass::SessionLost),
            JobEvent::Interrupted,
            JobEvent::Verified,
            JobEvent::Expired,
            failed(FailureClass::TenureLapsed),
            JobEvent::Panicked { jitter: 1.0 },
            JobEvent::PutOff { jitter: 1.0 },
        ]
    }

    #[test]
    fn every_state_meets_every_event_as_drawn() {
        // Rows are states, columns events; the letter is the next state, a dot is denied.
        let drawn = ["RR...F.Q.", "R.QQC.QQQ", ".........", "........."];
        for (state, row) in states().into_iter().zip(drawn) {
            for (event, expected) in events().into_iter().zip(row.chars()) {
                let next = state.clone().apply(event.clone(), NOW, &POLICY);
                let letter = next.map_or('.', |(s, _)| s.name().to_uppercase().remove(0));
                assert_eq!(letter, expected, "{state:?} + {event:?}");
            }
        }
    }

    #[test]
    fn the_class_decides_what_a_failure_means() {
        for class in FailureClass::ALL {
            let running =
                JobState::Running { failed_attempts: 0, spent_millis: 0, panics: 2, lease: LeaseEpoch(1) };
            let (state, effect) = running.apply(failed(class), NOW, &POLICY).expect("a running job can fail");
            match class.verdict() {
                Verdict::Retry => assert_eq!(effect, JobEffect::RunAgain { at: NOW.plus_millis(1_000) }),
                Verdict::Fail => assert!(matches!(state, JobState::Failed { .. }), "{class:?}"),
                Verdict::Quarantine => assert_eq!(effect, JobEffect::AwaitRelease),
                Verdict::Interrupt => {
                    let untried =
                        JobState::Queued { failed_attempts: 0, spent_millis: 0, panics: 2, not_before: NOW };
                    assert_eq!((state, effect), (untried, JobEffect::RunAgain { at: NOW }));
                }
            }
        }
    }

    #[test]
    fn what_is_put_off_waits_as_after_a_failure_and_is_charged_with_none() {
        let lease = LeaseEpoch(1);
        let running = JobState::Running { failed_attempts: 2, spent_millis: 9, panics: 1, lease };
        let at = NOW.plus_millis(4_000);
        let queued = JobState::Queued { failed_attempts: 2, spent_millis: 9, panics: 1, not_before: at };
        let put_off = running.apply(JobEvent::PutOff { jitter: 1.0 }, NOW, &POLICY);
        assert_eq!(put_off, Ok((queued, JobEffect::RunAgain { at })));
    }

    #[test]
    fn the_last_panic_over_a_job_fails_it_and_those_before_put_it_behind_the_others() {
        let queued =
            |panics, at| JobState::Queued { failed_attempts: 2, spent_millis: 9, panics, not_before: at };
        let panicked = |state: JobState| state.apply(JobEvent::Panicked { jitter: 1.0 }, NOW, &POLICY);
        let later = NOW.plus_millis(2_000);
        let again = (queued(2, later), JobEffect::RunAgain { at: later });
        assert_eq!(panicked(queued(1, NOW)), Ok(again.clone()));
        let running =
            |panics| JobState::Running { failed_attempts: 2, spent_millis: 9, panics, lease: LeaseEpoch(1) };
        assert_eq!(panicked(running(1)), Ok(again));
        let reason = FailureReason::SupervisorPanicked { panics: 3 };
        let failed = (JobState::Failed { at: NOW, attempts: 2, reason }, JobEffect::Settle);
        assert_eq!((panicked(queued(2, NOW)), panicked(running(2))), (Ok(failed.clone()), Ok(failed)));
    }

    #[test]
    fn back_off_doubles_up_to_its_longest() {
        let waits: Vec<_> = (1..=7).map(|n| POLICY.back_off_millis(n, 1.0)).collect();
        assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        assert_eq!(POLICY.back_off_millis(1, 0.0), 500);
    }

    proptest! {
        #[test]
        fn whatever_happens_there_is_one_outcome_at_most(picks in proptest::collection::vec(0..9usize, 1..60)) {
            let (mut state, mut outcomes) = (JobState::new(NOW), 0);
            for pick in picks {
                if let Ok((next, effect)) = state.clone().apply(events()[pick].clone(), NOW, &POLICY) {
                    outcomes += u32::from(effect == JobEffect::Settle);
                    prop_assert_eq!(effect == JobEffect::Settle, next.is_settled());
                    state = next;
                }
            }
            prop_assert!(outcomes <= 1);
            prop_assert_eq!(outcomes == 1, state.is_settled());
        }
    }
}

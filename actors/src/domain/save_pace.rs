//! When the running configuration may be saved again. A save that fails over and over is tried less and less often; it
//! never keeps a job waiting, and a port is still proven to stand as soon as its session is gone.

use super::failure::Verdict;
use super::job::RetryPolicy;
use super::session::{SessionEvent, SessionState};
use super::time::UnixMillis;

/// Failed saves in a row, and the wait after the last of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SavePace {
    failures: u32,
    not_before: Option<UnixMillis>,
}

impl SavePace {
    /// What an event that the session meets in a state makes of it.
    #[must_use]
    pub fn after(
        self,
        state: &SessionState,
        event: &SessionEvent,
        now: UnixMillis,
        policy: &RetryPolicy,
    ) -> Self {
        use SessionEvent as E;
        let SessionState::Saving = state else { return self };
        match event {
            E::Saved => Self::default(),
            E::Failed { failure, over: _, jitter } => match failure.class.verdict() {
                Verdict::Retry | Verdict::Fail => self.failed(*jitter, now, policy),
                // An operator looks, or it was no fault of the switch.
                Verdict::Quarantine | Verdict::Interrupt => self,
            },
            E::Begun(_) | E::Opened | E::StepDone(_) | E::BrokenOff | E::IdleElapsed | E::Released => self,
        }
    }

    fn failed(self, jitter: f64, now: UnixMillis, policy: &RetryPolicy) -> Self {
        let failures = self.failures.saturating_add(1);
        Self { failures, not_before: Some(now.plus_millis(policy.back_off_millis(failures, jitter))) }
    }

    /// The moment until which no save is tried; `None` when one may be tried now.
    #[must_use]
    pub fn waits_until(self, now: UnixMillis) -> Option<UnixMillis> {
        self.not_before.filter(|until| now < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::failure::{DriverFailure, FailureClass};

    const NOW: UnixMillis = UnixMillis(50_000);
    const POLICY: RetryPolicy = RetryPolicy {
        attempts: 5,
        first_back_off_millis: 1_000,
        longest_back_off_millis: 60_000,
        in_all_millis: 600_000,
        panics: 3,
    };

    fn failed(class: FailureClass) -> SessionEvent {
        SessionEvent::Failed { failure: DriverFailure::new(class, "x"), over: None, jitter: 1.0 }
    }

    fn wait(pace: SavePace) -> u64 {
        pace.waits_until(NOW).map_or(0, |until| until.millis_since(NOW))
    }

    #[test]
    fn each_failure_doubles_the_wait_up_to_the_longest_and_a_save_ends_it() {
        let mut pace = SavePace::default();
        let mut next = |event: &SessionEvent| {
            pace = pace.after(&SessionState::Saving, event, NOW, &POLICY);
            wait(pace)
        };
        let again = failed(FailureClass::SaveFailed);
        let waits: Vec<_> = (0..9).map(|_| next(&again)).collect();
        assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
        assert_eq!(next(&SessionEvent::Saved), 0);
        assert_eq!(next(&again), 1_000);
    }

    #[test]
    fn what_is_no_failed_save_leaves_the_wait_as_it_is() {
        let pace = SavePace { failures: 3, not_before: Some(NOW.plus_millis(4_000)) };
        let (saving, ready) = (SessionState::Saving, SessionState::Ready);
        let table = [
            (&ready, failed(FailureClass::SessionLost), 4_000),
            (&SessionState::Idle, SessionEvent::Released, 4_000),
            (&saving, failed(FailureClass::TenureLapsed), 4_000),
            (&saving, failed(FailureClass::AuthenticationRefused), 4_000),
            (&saving, failed(FailureClass::SessionLost), 8_000),
            (&saving, failed(FailureClass::CommandRejected), 8_000),
            (&saving, SessionEvent::Saved, 0),
        ];
        for (state, event, expected) in table {
            assert_eq!(wait(pace.after(state, &event, NOW, &POLICY)), expected, "{state:?} {event:?}");
        }
    }

    #[test]
    fn the_wait_ends_at_its_moment() {
        let pace = SavePace { failures: 1, not_before: Some(NOW) };
        assert_eq!(pace.waits_until(NOW), None);
        assert_eq!(pace.waits_until(UnixMillis(NOW.0 - 1)), Some(NOW));
    }
}

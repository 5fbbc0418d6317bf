//! Whether a switch may have rebooted, or been changed, while nobody of ours could see it.
//!
//! ```text
//!              a failure that a reboot looks like          Opened
//!   Unbroken ─────────────────────────────────────▶ Lost ─────────▶ Regained
//!      ▲                                              ▲ the same failure │
//!      │                                              └──────────────────┤
//!      └──────────────────────────── checked ────────────────────────────┘
//! ```
//!
//! A session that we closed ourselves is no loss. What happens to a switch while no session is open is for the slow
//! schedule to find: asking for its uptime would cost one more command before the first job of each session, and tells
//! nothing of what a person types.

use super::failure::FailureClass;
use super::session::SessionEvent;

/// How a switch was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Contact {
    /// Whenever we wanted to.
    #[default]
    Unbroken,
    /// It went away.
    Lost,
    /// It went away and is back: its ports are to be checked.
    Regained,
}

impl Contact {
    /// What an event of its session makes of it.
    #[must_use]
    pub fn after(self, event: &SessionEvent) -> Self {
        use SessionEvent as E;
        match (self, event) {
            (_, E::Failed { failure, .. }) if may_be_a_reboot(failure.class) => Self::Lost,
            (Self::Lost, E::Opened) => Self::Regained,
            (
                state,
                E::Failed { .. }
                | E::Opened
                | E::Begun(_)
                | E::StepDone(_)
                | E::Saved
                | E::BrokenOff
                | E::IdleElapsed
                | E::Released,
            ) => state,
        }
    }
}

impl Contact {
    /// What a check makes of it. One that went away again meanwhile is still to be seen.
    #[must_use]
    pub fn checked(self) -> Self {
        match self {
            Self::Unbroken | Self::Regained => Self::Unbroken,
            Self::Lost => Self::Lost,
        }
    }
}

fn may_be_a_reboot(class: FailureClass) -> bool {
    use FailureClass as F;
    match class {
        F::Unreachable | F::NoFreeVty | F::SessionLost | F::PromptNotSeen | F::DeadlineExceeded => true,
        F::KeyExchangeFailed
        | F::AuthenticationRefused
        | F::HostKeyChanged
        | F::WrongDevice
        | F::Misconfigured
        | F::ConfigurationLocked
        | F::CommandRejected
        | F::PortUnknown
        | F::ReadBackDiffers
        | F::SaveFailed
        | F::TenureLapsed
        | F::SupervisorPanicked => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::failure::DriverFailure;
    use crate::domain::session::Errand;
    use crate::domain::visit::StepResult;

    fn failed(class: FailureClass) -> SessionEvent {
        SessionEvent::Failed { failure: DriverFailure::new(class, "x"), over: None, jitter: 0.0 }
    }

    #[test]
    fn every_state_meets_every_event_as_drawn() {
        use Contact::{Lost, Regained, Unbroken};
        let others = [
            failed(FailureClass::CommandRejected),
            SessionEvent::Begun(Errand::Save),
            SessionEvent::StepDone(StepResult::Confirmed),
            SessionEvent::Saved,
            SessionEvent::BrokenOff,
            SessionEvent::IdleElapsed,
            SessionEvent::Released,
        ];
        let drawn = [(Unbroken, Unbroken, Unbroken), (Lost, Regained, Lost), (Regained, Regained, Unbroken)];
        for (state, opened, checked) in drawn {
            assert_eq!((state.after(&SessionEvent::Opened), state.checked()), (opened, checked));
            assert_eq!(state.after(&failed(FailureClass::SessionLost)), Lost);
            for event in &others {
                assert_eq!(state.after(event), state, "{event:?}");
            }
        }
    }
}

//! How a switch can fail us, and what each failure means for the job: the class decides.
//!
//! Three audiences, three texts, never mixed: `Display` of [`DriverFailure`] is for the operator (it may name an
//! address), [`FailureClass::for_partner`] is the sentence in `provisioning.failed`, and the class is for the machines.

use super::config::Difference;
use serde::{Deserialize, Serialize};

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// No TCP connection: refused, no route, timed out.
    Unreachable,
    /// TCP was accepted and closed, or stayed silent, before the SSH identification: often no free VTY line.
    NoFreeVty,
    /// The two sides share no algorithm, or the key exchange broke off.
    KeyExchangeFailed,
    /// The switch refused our credentials.
    AuthenticationRefused,
    /// The host key is not the one on record.
    HostKeyChanged,
    /// The device is not the one in the inventory.
    WrongDevice,
    /// A secret that a reference names isn't there, or the platform file is missing: ours to mend.
    Misconfigured,
    /// No prompt within the time limit.
    PromptNotSeen,
    /// The session broke off.
    SessionLost,
    /// The whole visit took longer than it may.
    DeadlineExceeded,
    /// Somebody else holds the configuration lock.
    ConfigurationLocked,
    /// The switch refused a line.
    CommandRejected,
    /// The switch has no such port.
    PortUnknown,
    /// Read back, the port was not as wanted.
    ReadBackDiffers,
    /// The running configuration could not be saved.
    SaveFailed,
    /// This instance may not write to switches any more: it could not show in time that it lives. No fault of the switch.
    TenureLapsed,
    /// The supervisor panicked over the switch again and again: ours to mend.
    SupervisorPanicked,
}

/// What a failure means for the job that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Try again after a back-off.
    Retry,
    /// Undo what was done, and fail: another try would meet the same.
    Fail,
    /// Leave the job waiting, and the switch alone, until an operator has looked.
    Quarantine,
    /// As if it had not been tried: whoever owns the switch next begins it again.
    Interrupt,
}

impl FailureClass {
    /// Every class, for tests and tables.
    pub const ALL: [Self; 17] = [
        Self::Unreachable,
        Self::NoFreeVty,
        Self::KeyExchangeFailed,
        Self::AuthenticationRefused,
        Self::HostKeyChanged,
        Self::WrongDevice,
        Self::Misconfigured,
        Self::PromptNotSeen,
        Self::SessionLost,
        Self::DeadlineExceeded,
        Self::ConfigurationLocked,
        Self::CommandRejected,
        Self::PortUnknown,
        Self::ReadBackDiffers,
        Self::SaveFailed,
        Self::TenureLapsed,
        Self::SupervisorPanicked,
    ];

    /// The rule.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Unreachable
            | Self::NoFreeVty
            | Self::KeyExchangeFailed
            | Self::PromptNotSeen
            | Self::SessionLost
            | Self::DeadlineExceeded
            | Self::ConfigurationLocked
            | Self::ReadBackDiffers
            | Self::SaveFailed => Verdict::Retry,
            Self::CommandRejected | Self::PortUnknown => Verdict::Fail,
            Self::AuthenticationRefused
            | Self::HostKeyChanged
            | Self::WrongDevice
            | Self::Misconfigured
            | Self::SupervisorPanicked => Verdict::Quarantine,
            Self::TenureLapsed => Verdict::Interrupt,
        }
    }

    /// Whether the session can still be used afterwards, for an undo.
    #[must_use]
    pub fn leaves_session_usable(self) -> bool {
        match self {
            Self::CommandRejected
            | Self::PortUnknown
            | Self::ReadBackDiffers
            | Self::ConfigurationLocked
            | Self::SaveFailed => true,
            Self::Unreachable
            | Self::NoFreeVty
            | Self::KeyExchangeFailed
            | Self::AuthenticationRefused
            | Self::HostKeyChanged
            | Self::WrongDevice
            | Self::Misconfigured
            | Self::PromptNotSeen
            | Self::SessionLost
            | Self::DeadlineExceeded
            | Self::TenureLapsed
            | Self::SupervisorPanicked => false,
        }
    }

    /// The sentence for the partner: something to act on; no address, no secret, no transcript.
    #[must_use]
    pub fn for_partner(self) -> &'static str {
        match self {
            Self::Unreachable | Self::NoFreeVty => "The switch could not be reached. Ask for a retry later.",
            Self::SessionLost | Self::PromptNotSeen | Self::DeadlineExceeded | Self::TenureLapsed => {
                "The connection to the switch broke off repeatedly. Ask for a retry later."
            }
            Self::ConfigurationLocked => {
                "The switch is being configured by someone else. Ask for a retry later."
            }
            Self::KeyExchangeFailed
            | Self::AuthenticationRefused
            | Self::HostKeyChanged
            | Self::WrongDevice
            | Self::Misconfigured
            | Self::SupervisorPanicked => {
                "The switch needs the network operator's attention. Contact the operator."
            }
            Self::CommandRejected => {
                "The switch rejected the configuration of the port. Contact the operator."
            }
            Self::PortUnknown => "The switch has no such port. Contact the operator.",
            Self::ReadBackDiffers => "The port did not take its configuration. Contact the operator.",
            Self::SaveFailed => "The switch could not save its configuration. Contact the operator.",
        }
    }
}

/// One failure of the switch driver, told to the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct DriverFailure {
    /// The class, which decides.
    pub class: FailureClass,
    /// What happened, in words that an operator can act on. The driver has redacted every secret.
    pub detail: String,
}

impl DriverFailure {
    /// A failure and its story.
    #[must_use]
    pub fn new(class: FailureClass, detail: impl Into<String>) -> Self {
        Self { class, detail: detail.into() }
    }

    /// A port that was read back and isn't as wanted.
    #[must_use]
    pub fn differs(differences: &[Difference]) -> Self {
        let listed: Vec<_> = differences.iter().map(ToString::to_string).collect();
        Self::new(FailureClass::ReadBackDiffers, format!("read back, {}", listed.join("; ")))
    }
}

/// Why a job failed for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum FailureReason {
    /// The driver failed, with this as the last failure.
    Driver(DriverFailure),
    /// It waited longer than `job.max_age`.
    TooOld,
    /// The supervisor at work on it panicked so often that the job was given up.
    SupervisorPanicked {
        /// So often.
        panics: u32,
    },
}

impl FailureReason {
    /// The sentence for the partner.
    #[must_use]
    pub fn for_partner(&self) -> &'static str {
        match self {
            Self::Driver(failure) => failure.class.for_partner(),
            Self::TooOld => "The switch was not available for too long. Ask for a retry later.",
            Self::SupervisorPanicked { .. } => {
                "The provisioning service broke off repeatedly over this order. Contact the operator."
            }
        }
    }
}

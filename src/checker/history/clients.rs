//! What clients saw: what they sent, when, and what came back, to the byte.

use uuid::Uuid;

use super::super::moment::Moment;
use super::super::request::Request;

/// A checkout that was sent.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// What was asked.
    pub request: Request,
    /// When.
    pub sent: Moment,
    /// What came of it.
    pub reply: Reply,
}

/// What came back.
#[derive(Clone, Debug)]
pub enum Reply {
    /// An answer, read whole.
    Answer(Answer),
    /// None: it may have had its effect or not.
    Nothing {
        /// When the client stopped waiting.
        given_up: Moment,
    },
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// When its last byte was there.
    pub at: Moment,
    /// The status code.
    pub status: u16,
    /// The bytes.
    pub body: Vec<u8>,
    /// Whether it had `Idempotency-Replayed: true`.
    pub replayed: bool,
}

/// A call on a subscription that is there.
#[derive(Clone, Debug)]
pub struct Call {
    /// Whose API key it was made with.
    pub partner: Uuid,
    /// On what.
    pub subscription: Uuid,
    /// What for.
    pub intent: Intent,
    /// When.
    pub sent: Moment,
    /// What came of it.
    pub reply: Reply,
}

/// What a call is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// A new job after a failure.
    Retry,
    /// The technician has patched the port.
    ConfirmInstall {
        /// The port's token.
        location: String,
    },
    /// The port goes back.
    Cancel,
    /// The port is blocked.
    Suspend,
    /// The port is restored.
    Reactivate,
    /// Other speeds.
    ChangePlan {
        /// The plan.
        plan: Uuid,
    },
}

impl Reply {
    /// The answer, if there was one.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::Nothing { .. } => None,
        }
    }

    /// Whether a rule said no, so that it had no effect. Anything else may have had one.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.answer().is_some_and(|answer| (400..500).contains(&answer.status))
    }
}

impl Answer {
    /// Whether it says yes.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

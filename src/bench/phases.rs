//! One job's way, cut into the phases that its observers tell apart: the client, the switch, the receiver.
//!
//! ```text
//!   200 ──queueing── first line ──dialog── last answer ──webhook── completed
//!    │   (without the opening)                                       │
//!    └──────────────────────── whole way ───────────────────────────┘
//! ```
//!
//! All of them read one clock. What is observed before its cause, since each looks from where it stands, takes no time.

use super::seen::Nanos;
use std::time::Duration;

/// What was observed of a job that came to a live line.
#[derive(Debug, Clone, Copy)]
pub struct Stamps<'s> {
    pub answered: Nanos,
    pub completed: Nanos,
    /// Lines that name its port, heard and answered.
    pub lines: &'s [(Nanos, Nanos)],
    /// Openings of sessions to its switch, begun and done.
    pub openings: &'s [(Nanos, Nanos)],
}

/// How long each phase took. Without a line that names the port nothing is known of what is between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phases {
    pub whole_way: Duration,
    pub at_the_switch: Option<AtTheSwitch>,
}

/// What the switch saw of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtTheSwitch {
    pub queueing: Duration,
    pub dialog: Duration,
    pub webhook: Duration,
}

impl Phases {
    pub fn of(stamps: &Stamps<'_>) -> Self {
        Self { whole_way: between(stamps.answered, stamps.completed), at_the_switch: at_the_switch(stamps) }
    }
}

/// The last answer before it was told to be live: a port can be read once more after that, when a session was lost before
/// the save.
fn at_the_switch(stamps: &Stamps<'_>) -> Option<AtTheSwitch> {
    let (first, _) = *stamps.lines.first()?;
    let answered = || stamps.lines.iter().map(|(_, answered)| *answered);
    let last = answered().filter(|answered| *answered <= stamps.completed).max().or(answered().max())?;
    let wait = (stamps.answered, first);
    let opening: Duration = stamps.openings.iter().map(|opening| overlap(wait, *opening)).sum();
    Some(AtTheSwitch {
        queueing: between(stamps.answered, first).saturating_sub(opening),
        dialog: between(first, last),
        webhook: between(last, stamps.completed),
    })
}

fn between(from: Nanos, to: Nanos) -> Duration {
    Duration::from_nanos(to.saturating_sub(from))
}

fn overlap(one: (Nanos, Nanos), other: (Nanos, Nanos)) -> Duration {
    between(one.0.max(other.0), one.1.min(other.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMPS: Stamps<'_> = Stamps {
        answered: 150,
        completed: 1_000,
        lines: &[(400, 450), (500, 550), (700, 900)],
        openings: &[],
    };

    fn at_the_switch(stamps: Stamps<'_>) -> (u128, u128, u128) {
        let seen = Phases::of(&stamps).at_the_switch.expect("lines were seen");
        (seen.queueing.as_nanos(), seen.dialog.as_nanos(), seen.webhook.as_nanos())
    }

    #[test]
    fn the_phases_of_a_job_are_its_whole_way() {
        let phases = Phases::of(&STAMPS);
        assert_eq!(phases.whole_way.as_nanos(), 850);
        assert_eq!(at_the_switch(STAMPS), (250, 500, 100));
    }

    #[test]
    fn the_opening_of_a_session_in_between_is_no_queueing() {
        let openings = &[(100, 160), (200, 320), (600, 650)];
        assert_eq!(at_the_switch(Stamps { openings, ..STAMPS }).0, 250 - 10 - 120);
    }

    #[test]
    fn a_line_that_is_heard_before_the_client_has_read_the_answer_did_not_wait() {
        let lines = &[(140, 450), (500, 900)];
        assert_eq!(at_the_switch(Stamps { lines, ..STAMPS }), (0, 760, 100));
    }

    #[test]
    fn a_port_that_is_read_again_after_it_was_told_to_be_live_has_no_longer_dialog() {
        let lines = &[(400, 450), (700, 900), (5_000, 5_100)];
        assert_eq!(at_the_switch(Stamps { lines, ..STAMPS }), (250, 500, 100));
    }

    #[test]
    fn a_job_whose_port_no_line_names_has_a_whole_way_and_nothing_in_between() {
        let phases = Phases::of(&Stamps { lines: &[], ..STAMPS });
        assert_eq!((phases.whole_way.as_nanos(), phases.at_the_switch), (850, None));
    }
}

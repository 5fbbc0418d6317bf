//! The port machine: what stands on the switch, as far as we know, and what must still be done about it.
//!
//! ```text
//!            Begun                  Verified                      Saved
//!   Clean ───────────▶ Applying ────────────────▶ AppliedUnsaved ────────▶ Clean
//!                      ▲ ▲ │ ▲ │                   │    ▲   ▲
//!                      │ │ └─┘ │ LeftUnclear       │    │   └ Verified, from any state: found as it should be
//!                      │ │     ▼                   │    │
//!                      │ └── Dirty ────────────────┼────┘
//!                      │ Begun     Verified        │
//!                      └───────────────────────────┘ Begun
//!   Clean, AppliedUnsaved ──Drifted──▶ Dirty
//! ```
//!
//! `before` is what the port was before the first line of ours: it outlives attempts, and is what an undo restores.
//! What is about to be sent is in the journal first; after a drop the port is read before anything else is sent.

use super::Denied;
use super::config::PortConfig;
use super::time::UnixMillis;
use serde::{Deserialize, Serialize};

/// What became of a block of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockOutcome {
    /// Read back, and the port was no longer what it was: there, all of it or a part.
    Applied,
    /// Read back, and the port was what it was before.
    NotApplied,
    /// On its way, or lost on it: only a read-back can tell.
    Unknown,
}

/// Lines that are sent together, on record before the first of them leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalBlock {
    /// The lines. They hold no secret: credentials are never part of a port's configuration.
    pub lines: Vec<String>,
    /// What became of them.
    pub outcome: BlockOutcome,
}

/// What stands on the switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PortState {
    /// As it should be, and saved.
    Clean,
    /// Being changed.
    Applying {
        /// What it was.
        before: PortConfig,
        /// What was sent.
        journal: Vec<JournalBlock>,
    },
    /// As it should be, and lost if the switch reboots now.
    AppliedUnsaved {
        /// Since when.
        since: UnixMillis,
        /// What stands there: a reboot that loses it gets it again.
        want: PortConfig,
    },
    /// Not as it should be; repaired until it is.
    Dirty {
        /// What it should be.
        want: PortConfig,
    },
}

/// What can happen to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortEvent {
    /// It was read, and these lines are about to be sent.
    Begun {
        /// As read.
        before: PortConfig,
        /// About to be sent.
        lines: Vec<String>,
    },
    /// Read back, and as it should be: as a plan wants it, or, after an undo, as it was before.
    Verified {
        /// What it is to stay.
        want: PortConfig,
    },
    /// Given up without knowing: it must be brought back to `before`.
    LeftUnclear,
    /// The running configuration is now the start-up configuration.
    Saved,
    /// Read, and by somebody else's doing not as it should be.
    Drifted {
        /// What it should be.
        want: PortConfig,
    },
}

/// What becomes of a port's repair when the supervisor panicked over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// It is tried again after a while.
    Later,
    /// It is left to an operator: a switch must not be kept from all else by one port.
    SetAside,
}

impl Repair {
    /// The rule: so many panics, since the port was last found as it should be, and the limit.
    #[must_use]
    pub fn after_panics(panics: u32, limit: u32) -> Self {
        if panics >= limit { Self::SetAside } else { Self::Later }
    }
}

/// What became of the blocks whose outcome is open, by what was read afterwards.
fn settle(journal: &mut [JournalBlock], before: &PortConfig, found: &PortConfig) {
    let outcome = if before == found { BlockOutcome::NotApplied } else { BlockOutcome::Applied };
    let open = journal.iter_mut().filter(|block| block.outcome == BlockOutcome::Unknown);
    open.for_each(|block| block.outcome = outcome);
}

impl PortState {
    /// The rule.
    ///
    /// # Errors
    /// [`Denied`] when the event makes no sense in this state.
    pub fn apply(self, event: PortEvent, now: UnixMillis) -> Result<Self, Denied> {
        use PortEvent as E;
        match (self, event) {
            (Self::Clean, E::Begun { before, lines }) => Ok(Self::Applying {
                before,
                journal: vec![JournalBlock { lines, outcome: BlockOutcome::Unknown }],
            }),
            // A later attempt: what we read now may be our own half; `before` stays what it was at first.
            (Self::Applying { before, mut journal }, E::Begun { before: found, lines }) => {
                settle(&mut journal, &before, &found);
                journal.push(JournalBlock { lines, outcome: BlockOutcome::Unknown });
                Ok(Self::Applying { before, journal })
            }
            // What should stand there, whatever a reboot has made of it meanwhile.
            (Self::AppliedUnsaved { want, .. } | Self::Dirty { want }, E::Begun { lines, .. }) => {
                Ok(Self::Applying {
                    before: want,
                    journal: vec![JournalBlock { lines, outcome: BlockOutcome::Unknown }],
                })
            }
            // From Clean and AppliedUnsaved: it already was as wanted, and nothing was sent; saved or not, who knows.
            (
                Self::Applying { .. } | Self::Clean | Self::AppliedUnsaved { .. } | Self::Dirty { .. },
                E::Verified { want },
            ) => Ok(Self::AppliedUnsaved { since: now, want }),
            (Self::Applying { before, .. }, E::LeftUnclear) => Ok(Self::Dirty { want: before }),
            (Self::AppliedUnsaved { .. }, E::Saved) => Ok(Self::Clean),
            (state @ (Self::Clean | Self::AppliedUnsaved { .. } | Self::Dirty { .. }), E::LeftUnclear) => {
                Ok(state)
            }
            (state @ (Self::Clean | Self::Applying { .. } | Self::Dirty { .. }), E::Saved) => {
                Err(Denied { machine: "port", state: state.name(), event: "a save" })
            }
            (Self::Clean | Self::AppliedUnsaved { .. }, E::Drifted { want }) => Ok(Self::Dirty { want }),
            // It is repaired already.
            (state @ Self::Dirty { .. }, E::Drifted { .. }) => Ok(state),
            // What was read may be our own half.
            (state @ Self::Applying { .. }, E::Drifted { .. }) => {
                Err(Denied { machine: "port", state: state.name(), event: "drift" })
            }
        }
    }

    /// What the port was before the first line of ours, while that matters.
    #[must_use]
    pub fn before(&self) -> Option<&PortConfig> {
        match self {
            Self::Applying { before, .. } | Self::Dirty { want: before } => Some(before),
            Self::Clean | Self::AppliedUnsaved { .. } => None,
        }
    }

    /// The word for it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Applying { .. } => "applying",
            Self::AppliedUnsaved { .. } => "applied, not saved",
            Self::Dirty { .. } => "dirty",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(7);

    fn config(down_kbps: u64) -> PortConfig {
        PortConfig { down_kbps: Some(down_kbps), ..PortConfig::default() }
    }

    fn block(line: &str) -> JournalBlock {
        JournalBlock { lines: vec![line.into()], outcome: BlockOutcome::Unknown }
    }

    fn states() -> [PortState; 4] {
        [
            PortState::Clean,
            PortState::Applying { before: config(1), journal: vec![block("a")] },
            PortState::AppliedUnsaved { since: NOW, want: config(3) },
            PortState::Dirty { want: config(2) },
        ]
    }

    fn events() -> [PortEvent; 5] {
        [
            PortEvent::Begun { before: config(9), lines: vec!["b".into()] },
            PortEvent::Verified { want: config(3) },
            PortEvent::LeftUnclear,
            PortEvent::Saved,
            PortEvent::Drifted { want: config(4) },
        ]
    }

    #[test]
    fn every_state_meets_every_event_as_drawn() {
        let (c, a, u, d) = (Some("clean"), Some("applying"), Some("applied, not saved"), Some("dirty"));
        let drawn = [[a, u, c, None, d], [a, u, d, None, None], [a, u, u, c, d], [a, u, d, None, d]];
        for (state, row) in states().into_iter().zip(drawn) {
            for (event, expected) in events().into_iter().zip(row) {
                let next = state.clone().apply(event.clone(), NOW).ok();
                assert_eq!(next.as_ref().map(PortState::name), expected, "{state:?} + {event:?}");
            }
        }
    }

    #[test]
    fn a_repair_is_set_aside_by_the_last_panic_that_it_may_cause() {
        let verdicts = [1, 2, 3, 4].map(|panics| Repair::after_panics(panics, 3));
        assert_eq!(verdicts, [Repair::Later, Repair::Later, Repair::SetAside, Repair::SetAside]);
    }

    #[test]
    fn what_became_of_lines_is_told_by_what_is_read_before_the_next_ones() {
        let begun =
            |found: u64, line: &str| PortEvent::Begun { before: config(found), lines: vec![line.into()] };
        let mut state = PortState::Clean;
        for (found, line) in [(1, "a"), (1, "b"), (2, "c")] {
            state = state.apply(begun(found, line), NOW).expect("lines can be begun");
        }
        let PortState::Applying { journal, .. } = state else { panic!("{state:?}") };
        let outcomes: Vec<_> = journal.iter().map(|block| block.outcome).collect();
        assert_eq!(outcomes, [BlockOutcome::NotApplied, BlockOutcome::Applied, BlockOutcome::Unknown]);
    }

    #[test]
    fn what_the_port_was_at_first_outlives_every_attempt() {
        let begun = |line: &str| PortEvent::Begun { before: config(9), lines: vec![line.into()] };
        let state =
            PortState::Clean.apply(PortEvent::Begun { before: config(1), lines: vec!["a".into()] }, NOW);
        let state =
            state.and_then(|s| s.apply(begun("b"), NOW)).and_then(|s| s.apply(PortEvent::LeftUnclear, NOW));
        assert_eq!(state, Ok(PortState::Dirty { want: config(1) }));
        let state = state.and_then(|s| s.apply(begun("c"), NOW));
        assert_eq!(state.as_ref().ok().and_then(PortState::before), Some(&config(1)));
    }
}

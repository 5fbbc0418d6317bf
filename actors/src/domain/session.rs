//! The switch-session machine: what a supervisor does with its one session.
//!
//! ```text
//!            Begun                    Opened (visit)              StepDone...
//!   Idle ────────────▶ Connecting ───────────────────▶ Applying ◀────────────┐
//!    ▲                  │   ▲  │                        │  │  └───────────────┘
//!    │ IdleElapsed      │   │  │ Opened (save)          │  │ last step: Ready
//!    │                  │   │  └──────────▶ Saving ◀────┼──┼───── Begun (save) ─────┐
//!    └── Ready ◀────────┼───┼─────Saved───────┘         │  │                        │
//!         │ └───────────┼───┼───────────────────────────┴──┴───Begun (visit)── Ready┘
//!         │ Failed      │   │ Begun, once `until` is past
//!         └───▶ BackingOff ─┘      any state, on a failure that an operator must look at:
//!                                  Quarantined ──Released──▶ Idle
//!                                  any state, on a failure that is none of the switch: Idle
//!
//!   BrokenOff, while nothing was sent that isn't read back yet: Connecting ──▶ Idle, Applying (up to its lines) ──▶ Ready
//! ```
//!
//! There is one session because there is one state. A failure that breaks the session closes it before anything else
//! is begun. What the job or the port becomes is for their own machines: the effects here only say what to do.

use super::Denied;
use super::failure::{DriverFailure, Verdict};
use super::job::RetryPolicy;
use super::time::UnixMillis;
use super::visit::{Settled, Step, StepResult, Visit, VisitOutcome, WorkItem};

/// What a session is wanted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// Configuring ports.
    Visit(Visit),
    /// Saving the running configuration.
    Save,
}

/// The session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionState {
    /// No session.
    Idle,
    /// Being opened.
    Connecting {
        /// What for.
        errand: Errand,
        /// Failures in a row before this.
        failures: u32,
    },
    /// Open, nothing under way.
    Ready,
    /// In a visit.
    Applying {
        /// Which.
        visit: Visit,
        /// Where it stands.
        step: Step,
    },
    /// Saving the running configuration.
    Saving,
    /// No session, and none is opened before `until`.
    BackingOff {
        /// When the next may be opened.
        until: UnixMillis,
        /// Failures in a row.
        failures: u32,
    },
    /// No session until an operator says so.
    Quarantined {
        /// What must be looked at.
        why: DriverFailure,
    },
}

/// What can happen.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionEvent {
    /// There is something to do.
    Begun(Errand),
    /// The session is open and the device is who it should be.
    Opened,
    /// A step came to its end.
    StepDone(StepResult),
    /// The start-up configuration is the running one.
    Saved,
    /// The driver failed, in whatever was under way.
    Failed {
        /// How.
        failure: DriverFailure,
        /// Over which part of the visit, where the step alone doesn't say.
        over: Option<WorkItem>,
        /// Chance, 0 to 1, for the back-off.
        jitter: f64,
    },
    /// The service stops, and what was about to be done is not begun.
    BrokenOff,
    /// Nothing to do for the idle limit.
    IdleElapsed,
    /// An operator has looked.
    Released,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEffect {
    /// Open a session.
    Open,
    /// Close it, and wait until it is closed.
    Close,
    /// Run the step that the state names.
    RunStep,
    /// Save the running configuration.
    Save,
    /// Put on record what a part of the visit came to.
    Settle(WorkItem, VisitOutcome),
    /// Ports that were unsaved are saved.
    MarkSaved,
    /// See what is to be done next.
    ChooseWork,
    /// Tell the operator, and put it on record.
    TellOperator,
}

impl SessionState {
    /// The rule.
    ///
    /// # Errors
    /// [`Denied`] when the event makes no sense in this state.
    pub fn apply(
        self,
        event: SessionEvent,
        now: UnixMillis,
        policy: &RetryPolicy,
    ) -> Result<(Self, Vec<SessionEffect>), Denied> {
        use SessionEffect as Do;
        use SessionEvent as E;
        match (self, event) {
            (Self::Idle, E::Begun(errand)) => Ok((Self::Connecting { errand, failures: 0 }, vec![Do::Open])),
            (Self::BackingOff { until, failures }, E::Begun(errand)) if now >= until => {
                Ok((Self::Connecting { errand, failures }, vec![Do::Open]))
            }
            (Self::Connecting { errand: Errand::Visit(visit), .. }, E::Opened) => {
                Ok(goes_on(visit, Vec::new()))
            }
            (Self::Connecting { errand: Errand::Save, .. }, E::Opened) => Ok((Self::Saving, vec![Do::Save])),
            (Self::Ready, E::Begun(Errand::Visit(visit))) => {
                Ok((Self::Applying { visit, step: Step::Probe }, vec![Do::RunStep]))
            }
            (Self::Ready, E::Begun(Errand::Save)) => Ok((Self::Saving, vec![Do::Save])),
            (Self::Ready, E::IdleElapsed) => Ok((Self::Idle, vec![Do::Close, Do::ChooseWork])),
            (Self::Applying { visit, step }, E::StepDone(result)) => {
                let (visit, settled) = visit.after(step, result)?;
                Ok(goes_on(visit, settled))
            }
            (Self::Saving, E::Saved) => Ok((Self::Ready, vec![Do::MarkSaved, Do::ChooseWork])),
            (state, E::Failed { failure, over, jitter }) => {
                let policy = (now, policy);
                failed(state, failure, over.as_ref(), jitter, policy)
            }
            (Self::Quarantined { .. }, E::Released) => Ok((Self::Idle, vec![Do::ChooseWork])),
            (Self::Connecting { errand, .. }, E::BrokenOff) => Ok(not_connected(errand)),
            (Self::Applying { visit, step }, E::BrokenOff) if step.can_be_broken_off() => {
                Ok((Self::Ready, with_choice(visit.broken_off())))
            }
            (
                state @ (Self::Idle
                | Self::Ready
                | Self::Applying { .. }
                | Self::Saving
                | Self::BackingOff { .. }
                | Self::Quarantined { .. }),
                event @ E::BrokenOff,
            ) => Err(state.denied(&event)),
            (
                state @ (Self::Connecting { .. }
                | Self::Applying { .. }
                | Self::Saving
                | Self::BackingOff { .. }
                | Self::Quarantined { .. }),
                event @ E::Begun(_),
            ) => Err(state.denied(&event)),
            (
                state @ (Self::Idle
                | Self::Ready
                | Self::Applying { .. }
                | Self::Saving
                | Self::BackingOff { .. }
                | Self::Quarantined { .. }),
                event @ E::Opened,
            ) => Err(state.denied(&event)),
            (
                state @ (Self::Idle
                | Self::Connecting { .. }
                | Self::Ready
                | Self::Saving
                | Self::BackingOff { .. }
                | Self::Quarantined { .. }),
                event @ E::StepDone(_),
            ) => Err(state.denied(&event)),
            (
                state @ (Self::Idle
                | Self::Connecting { .. }
                | Self::Ready
                | Self::Applying { .. }
                | Self::BackingOff { .. }
                | Self::Quarantined { .. }),
                event @ E::Saved,
            ) => Err(state.denied(&event)),
            (
                state @ (Self::Idle
                | Self::Connecting { .. }
                | Self::Applying { .. }
                | Self::Saving
                | Self::BackingOff { .. }
                | Self::Quarantined { .. }),
                event @ E::IdleElapsed,
            ) => Err(state.denied(&event)),
            (
                state @ (Self::Idle
                | Self::Connecting { .. }
                | Self::Ready
                | Self::Applying { .. }
                | Self::Saving
                | Self::BackingOff { .. }),
                event @ E::Released,
            ) => Err(state.denied(&event)),
        }
    }

    /// Whether what is about to be done may be left undone: no line was sent that isn't read back yet.
    #[must_use]
    pub fn can_be_broken_off(&self) -> bool {
        match self {
            Self::Connecting { .. } => true,
            Self::Applying { step, .. } => step.can_be_broken_off(),
            Self::Idle | Self::Ready | Self::Saving | Self::BackingOff { .. } | Self::Quarantined { .. } => {
                false
            }
        }
    }

    /// The word for it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting { .. } => "connecting",
            Self::Ready => "ready",
            Self::Applying { .. } => "applying",
            Self::Saving => "saving",
            Self::BackingOff { .. } => "backing off",
            Self::Quarantined { .. } => "quarantined",
        }
    }

    fn denied(&self, event: &SessionEvent) -> Denied {
        let event = match event {
            SessionEvent::Begun(_) => "an errand",
            SessionEvent::Opened => "an opened session",
            SessionEvent::StepDone(_) => "a step's result",
            SessionEvent::Saved => "a save",
            SessionEvent::BrokenOff => "a stop",
            SessionEvent::Failed { .. } => "a failure",
            SessionEvent::IdleElapsed => "the idle limit",
            SessionEvent::Released => "a release",
        };
        Denied { machine: "switch session", state: self.name(), event }
    }
}

type Next = Result<(SessionState, Vec<SessionEffect>), Denied>;

/// Puts on record what came to an outcome, and takes the next step; behind the last, the session is free.
fn goes_on(visit: Visit, settled: Vec<Settled>) -> (SessionState, Vec<SessionEffect>) {
    let Some(step) = visit.next_step() else { return (SessionState::Ready, with_choice(settled)) };
    let mut effects = settle(settled);
    effects.push(SessionEffect::RunStep);
    (SessionState::Applying { visit, step }, effects)
}

fn settle(settled: Vec<Settled>) -> Vec<SessionEffect> {
    settled.into_iter().map(|(item, outcome)| SessionEffect::Settle(item, outcome)).collect()
}

fn with_choice(settled: Vec<Settled>) -> Vec<SessionEffect> {
    let mut effects = settle(settled);
    effects.push(SessionEffect::ChooseWork);
    effects
}

/// There is no session yet, or half of one.
fn not_connected(errand: Errand) -> (SessionState, Vec<SessionEffect>) {
    let settled = match errand {
        Errand::Visit(visit) => visit.broken_off(),
        Errand::Save => Vec::new(),
    };
    let effects = std::iter::once(SessionEffect::Close).chain(with_choice(settled));
    (SessionState::Idle, effects.collect())
}

/// A failure: go on where the session still serves, else close it and back off, or wait for an operator.
fn failed(
    state: SessionState,
    failure: DriverFailure,
    over: Option<&WorkItem>,
    jitter: f64,
    policy: (UnixMillis, &RetryPolicy),
) -> Next {
    use SessionEffect as Do;
    match state {
        SessionState::Applying { visit, step: Step::Probe } => {
            // The kept session went away while nobody looked: open another, and count nothing.
            let errand = Errand::Visit(visit);
            Ok((SessionState::Connecting { errand, failures: 0 }, vec![Do::Close, Do::Open]))
        }
        SessionState::Applying { visit, step } if failure.class.leaves_session_usable() => {
            let (visit, settled) = visit.failed(step, failure);
            Ok(goes_on(visit, settled))
        }
        SessionState::Applying { visit, step } => {
            let settled = visit.broken(step, over, &failure);
            Ok(broken(failure, 0, jitter, policy, settled))
        }
        SessionState::Connecting { errand: Errand::Visit(visit), failures } => {
            // Nothing was begun: whose turn would have come first is charged, and no other.
            let step = visit.next_step().expect("a visit that nothing was done of has a first step");
            let settled = visit.broken(step, None, &failure);
            Ok(broken(failure, failures, jitter, policy, settled))
        }
        SessionState::Connecting { errand: Errand::Save, failures } => {
            Ok(broken(failure, failures, jitter, policy, Vec::new()))
        }
        SessionState::Saving | SessionState::Ready => Ok(broken(failure, 0, jitter, policy, Vec::new())),
        state @ (SessionState::Idle | SessionState::BackingOff { .. } | SessionState::Quarantined { .. }) => {
            Err(Denied { machine: "switch session", state: state.name(), event: "a failure" })
        }
    }
}

fn broken(
    failure: DriverFailure,
    failures: u32,
    jitter: f64,
    (now, policy): (UnixMillis, &RetryPolicy),
    settled: Vec<Settled>,
) -> (SessionState, Vec<SessionEffect>) {
    let mut effects = vec![SessionEffect::Close];
    effects.extend(settle(settled));
    match failure.class.verdict() {
        Verdict::Quarantine => {
            effects.push(SessionEffect::TellOperator);
            return (SessionState::Quarantined { why: failure }, effects);
        }
        Verdict::Interrupt => {
            effects.push(SessionEffect::ChooseWork);
            return (SessionState::Idle, effects);
        }
        Verdict::Retry | Verdict::Fail => {}
    }
    let failures = failures + 1;
    let until = now.plus_millis(policy.back_off_millis(failures, jitter));
    effects.push(SessionEffect::ChooseWork);
    (SessionState::BackingOff { until, failures }, effects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::config::PortConfig;
    use crate::domain::failure::FailureClass;
    use crate::domain::ids::JobId;
    use crate::domain::visit::Sending;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use uuid::Uuid;

    const NOW: UnixMillis = UnixMillis(50_000);
    const POLICY: RetryPolicy = RetryPolicy {
        attempts: 5,
        first_back_off_millis: 1_000,
        longest_back_off_millis: 30_000,
        in_all_millis: 600_000,
        panics: 3,
    };

    fn job(number: u128) -> WorkItem {
        WorkItem::Job(JobId(Uuid::from_u128(number)))
    }

    fn visit() -> Visit {
        Visit::new([job(0)])
    }

    fn many() -> Visit {
        Visit::new((0..3).map(job))
    }

    fn check() -> Visit {
        Visit::new([WorkItem::Check])
    }

    fn failure(class: FailureClass) -> DriverFailure {
        DriverFailure::new(class, "x")
    }

    fn sent() -> StepResult {
        applied(Sending::Sent)
    }

    fn applied(sending: Sending) -> StepResult {
        StepResult::Applied { each: vec![sending], takes_back: false }
    }

    /// The visit to one port, behind these results.
    fn applying(results: &[StepResult]) -> SessionState {
        let mut visit = visit();
        for result in results {
            let step = visit.next_step().expect("there is one");
            visit = visit.after(step, result.clone()).expect("a result of this step").0;
        }
        let step = visit.next_step().expect("it isn't over");
        SessionState::Applying { visit, step }
    }

    fn states() -> Vec<SessionState> {
        vec![
            SessionState::Idle,
            SessionState::Connecting { errand: Errand::Visit(visit()), failures: 0 },
            SessionState::Connecting { errand: Errand::Visit(check()), failures: 0 },
            SessionState::Connecting { errand: Errand::Save, failures: 0 },
            SessionState::Ready,
            SessionState::Applying { visit: visit(), step: Step::Probe },
            SessionState::Applying { visit: check(), step: Step::Probe },
            SessionState::Applying { visit: check(), step: Step::Check },
            applying(&[]),
            applying(&[StepResult::Differs(port())]),
            applying(&[StepResult::Differs(port()), sent()]),
            applying(&[
                StepResult::Differs(port()),
                applied(Sending::Refused(failure(FailureClass::CommandRejected))),
            ]),
            applying(&[
                StepResult::Differs(port()),
                StepResult::Applied { each: vec![Sending::Sent], takes_back: true },
                StepResult::AsWanted,
            ]),
            SessionState::Saving,
            SessionState::BackingOff { until: NOW, failures: 1 },
            SessionState::BackingOff { until: NOW.plus_millis(1), failures: 1 },
            SessionState::Quarantined { why: failure(FailureClass::HostKeyChanged) },
        ]
    }

    fn port() -> PortConfig {
        PortConfig::default()
    }

    fn failed(class: FailureClass) -> SessionEvent {
        SessionEvent::Failed { failure: failure(class), over: None, jitter: 1.0 }
    }

    fn events() -> Vec<SessionEvent> {
        vec![
            SessionEvent::Begun(Errand::Visit(visit())),
            SessionEvent::Begun(Errand::Save),
            SessionEvent::Opened,
            SessionEvent::StepDone(StepResult::Alive),
            SessionEvent::StepDone(StepResult::AsWanted),
            SessionEvent::StepDone(StepResult::Differs(port())),
            SessionEvent::StepDone(sent()),
            SessionEvent::StepDone(StepResult::Restored { takes_back: false }),
            SessionEvent::StepDone(StepResult::NotRestored { takes_back: false }),
            SessionEvent::Saved,
            failed(FailureClass::SessionLost),
            failed(FailureClass::CommandRejected),
            failed(FailureClass::AuthenticationRefused),
            failed(FailureClass::TenureLapsed),
            SessionEvent::IdleElapsed,
            SessionEvent::Released,
            SessionEvent::StepDone(StepResult::Overtaken),
            SessionEvent::BrokenOff,
            SessionEvent::Begun(Errand::Visit(check())),
            SessionEvent::StepDone(StepResult::Confirmed),
        ]
    }

    fn letter(state: &SessionState) -> char {
        match state {
            SessionState::Idle => 'I',
            SessionState::Connecting { .. } => 'C',
            SessionState::Ready => 'R',
            SessionState::Applying { step, .. } => match step {
                Step::Probe => 'p',
                Step::Check => 'k',
                Step::ReadBefore => 'r',
                Step::Apply => 'a',
                Step::ReadBack => 'b',
                Step::Restore => 'u',
                Step::Confirm => 'f',
            },
            SessionState::Saving => 'S',
            SessionState::BackingOff { .. } => 'B',
            SessionState::Quarantined { .. } => 'Q',
        }
    }

    #[test]
    fn every_state_meets_every_event_as_drawn() {
        // Columns: visit, save, opened, alive, as wanted, differs, sent, restored, not restored, saved,
        // lost, rejected, login refused, tenure lapsed, idle, released, overtaken, broken off, check, confirmed. A dot is
        // denied.
        let drawn = [
            "CC................C.", // idle
            "..r.......BBQI...I..", // connecting for a visit
            "..k.......BBQI...I..", // connecting for a check
            "..S.......BBQI...I..", // connecting for a save
            "pS........BBQII...p.", // ready
            "...r......CCCC...R..", // probing
            "...k......CCCC...R..", // probing for a check
            "....RR....BRQI...R..", // checking
            "....Ra....BRQI...R..", // reading before
            "......b...BuQI...R..", // applying
            "....R.....BuQI......", // reading back
            ".......RR.BRQI..R...", // restoring
            "..........BuQI.....R", // confirming
            ".........RBBQI......", // saving
            "CC................C.", // backing off, and the time has come
            "....................", // backing off
            "...............I....", // quarantined
        ];
        for (state, row) in states().into_iter().zip(drawn) {
            let next = |event: SessionEvent| state.clone().apply(event, NOW, &POLICY);
            let found: String =
                events().into_iter().map(|e| next(e).map_or('.', |(s, _)| letter(&s))).collect();
            assert_eq!(found, row, "{state:?}");
        }
    }

    #[test]
    fn what_can_be_broken_off_is_what_the_machine_lets_be() {
        for state in states() {
            let broken_off = state.clone().apply(SessionEvent::BrokenOff, NOW, &POLICY);
            assert_eq!(state.can_be_broken_off(), broken_off.is_ok(), "{state:?}");
        }
    }

    #[test]
    fn a_break_closes_the_session_before_anything_else() {
        for state in states() {
            for class in FailureClass::ALL.into_iter().filter(|class| !class.leaves_session_usable()) {
                if let Ok((_, effects)) = state.clone().apply(failed(class), NOW, &POLICY) {
                    assert_eq!(effects.first(), Some(&SessionEffect::Close), "{state:?} {class:?}");
                }
            }
        }
    }

    /// What the effects say about the outside: a session, and the parts of a visit that nobody has settled yet.
    #[derive(Default)]
    struct Model {
        open: bool,
        unsettled: BTreeSet<WorkItem>,
    }

    impl Model {
        fn meets(&mut self, event: &SessionEvent, effects: &[SessionEffect]) -> Result<(), TestCaseError> {
            match event {
                SessionEvent::Opened => self.open = true,
                SessionEvent::Begun(Errand::Visit(visit)) => {
                    self.unsettled = visit.parts().iter().map(|part| part.item.clone()).collect();
                }
                _ => {}
            }
            for effect in effects {
                match effect {
                    SessionEffect::Open => prop_assert!(!self.open, "a second session"),
                    SessionEffect::Close => self.open = false,
                    SessionEffect::RunStep | SessionEffect::Save => prop_assert!(self.open, "no session"),
                    SessionEffect::Settle(item, _) => {
                        prop_assert!(self.unsettled.remove(item), "settled twice");
                    }
                    SessionEffect::MarkSaved | SessionEffect::ChooseWork | SessionEffect::TellOperator => {}
                }
            }
            Ok(())
        }
    }

    /// As many of each kind of answer as the step in the state is about.
    fn answered(state: &SessionState, each: &[Sending], takes_back: bool) -> SessionEvent {
        let count = match state {
            SessionState::Applying { visit, step } => visit.at_hand(*step).len(),
            _ => 1,
        };
        let each = each.iter().cycle().take(count).cloned().collect();
        SessionEvent::StepDone(StepResult::Applied { each, takes_back })
    }

    proptest! {
        #[test]
        fn there_is_never_a_second_session_and_each_part_of_a_visit_is_settled_once(
            picks in proptest::collection::vec((0..24usize, 0..60_000u64), 0..160)
        ) {
            let refused = || Sending::Refused(failure(FailureClass::CommandRejected));
            let (mut state, mut model, mut now) = (SessionState::Idle, Model::default(), NOW);
            for (pick, later) in picks {
                now = now.plus_millis(later);
                let event = match pick {
                    20 => SessionEvent::Begun(Errand::Visit(many())),
                    21 => answered(&state, &[Sending::Sent], false),
                    22 => answered(&state, &[Sending::Sent, refused(), Sending::Overtaken], true),
                    23 => answered(&state, &[Sending::Overtaken, Sending::Sent, refused()], false),
                    pick => events()[pick].clone(),
                };
                if let Ok((next, effects)) = state.clone().apply(event.clone(), now, &POLICY) {
                    model.meets(&event, &effects)?;
                    state = next;
                }
                let left: BTreeSet<_> = match &state {
                    SessionState::Connecting { errand: Errand::Visit(visit), .. }
                    | SessionState::Applying { visit, .. } => {
                        visit.parts().iter().map(|part| part.item.clone()).collect()
                    }
                    _ => BTreeSet::new(),
                };
                prop_assert_eq!(&model.unsettled, &left);
            }
        }
    }
}

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
use super::config::PortConfig;
use super::failure::{DriverFailure, Verdict};
use super::ids::{JobId, PortName};
use super::job::RetryPolicy;
use super::time::UnixMillis;
use serde::{Deserialize, Serialize};

/// One thing to do on one port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkItem {
    /// A job.
    Job(JobId),
    /// A port that is dirty, to be brought back, or applied and not saved.
    Port(PortName),
    /// The managed ports, to be compared with what they should be; one of them a visit, and nothing is written.
    Check,
}

/// One stay in the switch's configuration: one to many ports, each with its own outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// What is done, in order. Never empty.
    pub work: Vec<WorkItem>,
}

/// What a session is wanted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// Configuring ports.
    Visit(Visit),
    /// Saving the running configuration.
    Save,
}

/// Where a visit stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Is the kept session still alive?
    Probe,
    /// Read the port, and change nothing.
    Check,
    /// Read the port before anything is changed.
    ReadBefore,
    /// Put the lines on record, then send them.
    Apply,
    /// Read the port again.
    ReadBack,
    /// Bring the port back to what it was, because of this.
    Restore {
        /// Why.
        cause: DriverFailure,
    },
}

/// What a step found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepResult {
    /// The session answers.
    Alive,
    /// The port is as wanted.
    AsWanted,
    /// It is not: this is what it is.
    Differs(PortConfig),
    /// The lines were sent, and no answer said no.
    Sent,
    /// The port is what it was before, read back.
    Restored,
    /// It could not be brought back.
    NotRestored,
    /// The port's record changed meanwhile, so no line of this step was sent.
    Overtaken,
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

/// What a visit came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VisitOutcome {
    /// Read back, and as wanted.
    Verified,
    /// A check read it, and it is this instead.
    Drifted(PortConfig),
    /// It failed before anything was sent.
    FailedUntouched(DriverFailure),
    /// It failed, was undone, and the port is read back as it was.
    FailedRestored(DriverFailure),
    /// It failed, and what the port is now, is not known.
    FailedUnclear(DriverFailure),
    /// It was broken off before a line was sent, because the port's record changed meanwhile or the service stops: what is
    /// to be done is to be chosen anew.
    BrokenOff,
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
    /// Put on record what the visit came to.
    Settle(VisitOutcome, Visit),
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
                let step = first_step(&visit);
                Ok((Self::Applying { visit, step }, vec![Do::RunStep]))
            }
            (Self::Connecting { errand: Errand::Save, .. }, E::Opened) => Ok((Self::Saving, vec![Do::Save])),
            (Self::Ready, E::Begun(Errand::Visit(visit))) => {
                Ok((Self::Applying { visit, step: Step::Probe }, vec![Do::RunStep]))
            }
            (Self::Ready, E::Begun(Errand::Save)) => Ok((Self::Saving, vec![Do::Save])),
            (Self::Ready, E::IdleElapsed) => Ok((Self::Idle, vec![Do::Close, Do::ChooseWork])),
            (Self::Applying { visit, step }, E::StepDone(result)) => next_step(visit, step, result),
            (Self::Saving, E::Saved) => Ok((Self::Ready, vec![Do::MarkSaved, Do::ChooseWork])),
            (state, E::Failed { failure, jitter }) => failed(state, failure, jitter, now, policy),
            (Self::Quarantined { .. }, E::Released) => Ok((Self::Idle, vec![Do::ChooseWork])),
            (Self::Connecting { errand, .. }, E::BrokenOff) => Ok(not_connected(errand)),
            (
                Self::Applying { visit, step: Step::Probe | Step::Check | Step::ReadBefore | Step::Apply },
                E::BrokenOff,
            ) => Ok(settled(VisitOutcome::BrokenOff, visit)),
            (
                state @ (Self::Idle
                | Self::Ready
                | Self::Applying { step: Step::ReadBack | Step::Restore { .. }, .. }
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
            Self::Connecting { .. }
            | Self::Applying { step: Step::Probe | Step::Check | Step::ReadBefore | Step::Apply, .. } => true,
            Self::Applying { step: Step::ReadBack | Step::Restore { .. }, .. }
            | Self::Idle
            | Self::Ready
            | Self::Saving
            | Self::BackingOff { .. }
            | Self::Quarantined { .. } => false,
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

/// With an open session.
fn first_step(visit: &Visit) -> Step {
    if visit.work.contains(&WorkItem::Check) { Step::Check } else { Step::ReadBefore }
}

/// Within a visit: read, apply, read back, and undo when that found something else.
fn next_step(visit: Visit, step: Step, result: StepResult) -> Next {
    use StepResult as R;
    let goes_on = |visit, step| Ok((SessionState::Applying { visit, step }, vec![SessionEffect::RunStep]));
    match (step, result) {
        (Step::Probe, R::Alive) => {
            let step = first_step(&visit);
            goes_on(visit, step)
        }
        (Step::Check, R::Differs(found)) => Ok(settled(VisitOutcome::Drifted(found), visit)),
        (Step::ReadBefore, R::Differs(_)) => goes_on(visit, Step::Apply),
        (Step::Apply, R::Sent) => goes_on(visit, Step::ReadBack),
        // Nothing to do also counts: a repeat of what was already applied.
        (Step::Check | Step::ReadBefore | Step::ReadBack, R::AsWanted) => {
            Ok(settled(VisitOutcome::Verified, visit))
        }
        (Step::Restore { cause }, R::Restored) => Ok(settled(VisitOutcome::FailedRestored(cause), visit)),
        (Step::Restore { cause }, R::NotRestored) => Ok(settled(VisitOutcome::FailedUnclear(cause), visit)),
        (Step::Apply | Step::Restore { .. }, R::Overtaken) => Ok(settled(VisitOutcome::BrokenOff, visit)),
        (step, result) => {
            Err(Denied { machine: "visit", state: step_name(&step), event: result_name(&result) })
        }
    }
}

fn settled(outcome: VisitOutcome, visit: Visit) -> (SessionState, Vec<SessionEffect>) {
    (SessionState::Ready, vec![SessionEffect::Settle(outcome, visit), SessionEffect::ChooseWork])
}

/// There is no session yet, or half of one.
fn not_connected(errand: Errand) -> (SessionState, Vec<SessionEffect>) {
    let mut effects = vec![SessionEffect::Close];
    if let Errand::Visit(visit) = errand {
        effects.push(SessionEffect::Settle(VisitOutcome::BrokenOff, visit));
    }
    effects.push(SessionEffect::ChooseWork);
    (SessionState::Idle, effects)
}

/// A failure: go on with the undo where the session still serves, else close it and back off, or wait for an operator.
fn failed(
    state: SessionState,
    failure: DriverFailure,
    jitter: f64,
    now: UnixMillis,
    policy: &RetryPolicy,
) -> Next {
    use SessionEffect as Do;
    let usable = failure.class.leaves_session_usable();
    match state {
        SessionState::Applying { visit, step: Step::Probe } => {
            // The kept session went away while nobody looked: open another, and count nothing.
            let errand = Errand::Visit(visit);
            Ok((SessionState::Connecting { errand, failures: 0 }, vec![Do::Close, Do::Open]))
        }
        SessionState::Applying { visit, step: Step::Check | Step::ReadBefore } if usable => {
            Ok(settled(VisitOutcome::FailedUntouched(failure), visit))
        }
        SessionState::Applying { visit, step: Step::Apply | Step::ReadBack } if usable => {
            let step = Step::Restore { cause: failure };
            Ok((SessionState::Applying { visit, step }, vec![Do::RunStep]))
        }
        SessionState::Applying { visit, step: Step::Restore { cause } } if usable => {
            Ok(settled(VisitOutcome::FailedUnclear(cause), visit))
        }
        SessionState::Applying { visit, step } => {
            let outcome = match step {
                Step::Check | Step::ReadBefore | Step::Probe => {
                    VisitOutcome::FailedUntouched(failure.clone())
                }
                Step::Apply | Step::ReadBack => VisitOutcome::FailedUnclear(failure.clone()),
                Step::Restore { cause } => VisitOutcome::FailedUnclear(cause),
            };
            Ok(broken(failure, 0, jitter, now, policy, Some(Do::Settle(outcome, visit))))
        }
        SessionState::Connecting { errand: Errand::Visit(visit), failures } => {
            let outcome = VisitOutcome::FailedUntouched(failure.clone());
            Ok(broken(failure, failures, jitter, now, policy, Some(Do::Settle(outcome, visit))))
        }
        SessionState::Connecting { errand: Errand::Save, failures } => {
            Ok(broken(failure, failures, jitter, now, policy, None))
        }
        SessionState::Saving | SessionState::Ready => Ok(broken(failure, 0, jitter, now, policy, None)),
        state @ (SessionState::Idle | SessionState::BackingOff { .. } | SessionState::Quarantined { .. }) => {
            Err(Denied { machine: "switch session", state: state.name(), event: "a failure" })
        }
    }
}

fn broken(
    failure: DriverFailure,
    failures: u32,
    jitter: f64,
    now: UnixMillis,
    policy: &RetryPolicy,
    settle: Option<SessionEffect>,
) -> (SessionState, Vec<SessionEffect>) {
    let mut effects = vec![SessionEffect::Close];
    effects.extend(settle);
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

fn step_name(step: &Step) -> &'static str {
    match step {
        Step::Probe => "probing",
        Step::Check => "checking",
        Step::ReadBefore => "reading before",
        Step::Apply => "applying",
        Step::ReadBack => "reading back",
        Step::Restore { .. } => "restoring",
    }
}

fn result_name(result: &StepResult) -> &'static str {
    match result {
        StepResult::Alive => "alive",
        StepResult::AsWanted => "as wanted",
        StepResult::Differs(_) => "differs",
        StepResult::Sent => "sent",
        StepResult::Restored => "restored",
        StepResult::NotRestored => "not restored",
        StepResult::Overtaken => "overtaken",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::failure::FailureClass;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use uuid::Uuid;

    const NOW: UnixMillis = UnixMillis(50_000);
    const POLICY: RetryPolicy = RetryPolicy {
        attempts: 5,
        first_back_off_millis: 1_000,
        longest_back_off_millis: 30_000,
        in_all_millis: 600_000,
        panics: 3,
    };

    fn visit() -> Visit {
        Visit { work: vec![WorkItem::Job(JobId(Uuid::nil()))] }
    }

    fn failure(class: FailureClass) -> DriverFailure {
        DriverFailure::new(class, "x")
    }

    fn applying(step: Step) -> SessionState {
        SessionState::Applying { visit: visit(), step }
    }

    fn check() -> Visit {
        Visit { work: vec![WorkItem::Check] }
    }

    fn states() -> Vec<SessionState> {
        vec![
            SessionState::Idle,
            SessionState::Connecting { errand: Errand::Visit(visit()), failures: 0 },
            SessionState::Connecting { errand: Errand::Visit(check()), failures: 0 },
            SessionState::Connecting { errand: Errand::Save, failures: 0 },
            SessionState::Ready,
            applying(Step::Probe),
            SessionState::Applying { visit: check(), step: Step::Probe },
            SessionState::Applying { visit: check(), step: Step::Check },
            applying(Step::ReadBefore),
            applying(Step::Apply),
            applying(Step::ReadBack),
            applying(Step::Restore { cause: failure(FailureClass::CommandRejected) }),
            SessionState::Saving,
            SessionState::BackingOff { until: NOW, failures: 1 },
            SessionState::BackingOff { until: NOW.plus_millis(1), failures: 1 },
            SessionState::Quarantined { why: failure(FailureClass::HostKeyChanged) },
        ]
    }

    fn port() -> PortConfig {
        PortConfig {
            enabled: false,
            access_vlan: None,
            down_kbps: None,
            up_kbps: None,
            mac: None,
            extra: BTreeMap::new(),
        }
    }

    fn failed(class: FailureClass) -> SessionEvent {
        SessionEvent::Failed { failure: failure(class), jitter: 1.0 }
    }

    fn events() -> Vec<SessionEvent> {
        vec![
            SessionEvent::Begun(Errand::Visit(visit())),
            SessionEvent::Begun(Errand::Save),
            SessionEvent::Opened,
            SessionEvent::StepDone(StepResult::Alive),
            SessionEvent::StepDone(StepResult::AsWanted),
            SessionEvent::StepDone(StepResult::Differs(port())),
            SessionEvent::StepDone(StepResult::Sent),
            SessionEvent::StepDone(StepResult::Restored),
            SessionEvent::StepDone(StepResult::NotRestored),
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
                Step::Restore { .. } => 'u',
            },
            SessionState::Saving => 'S',
            SessionState::BackingOff { .. } => 'B',
            SessionState::Quarantined { .. } => 'Q',
        }
    }

    #[test]
    fn every_state_meets_every_event_as_drawn() {
        // Columns: visit, save, opened, alive, as wanted, differs, sent, restored, not restored, saved,
        // lost, rejected, login refused, tenure lapsed, idle, released, overtaken, broken off, check. A dot is denied.
        let drawn = [
            "CC................C", // idle
            "..r.......BBQI...I.", // connecting for a visit
            "..k.......BBQI...I.", // connecting for a check
            "..S.......BBQI...I.", // connecting for a save
            "pS........BBQII...p", // ready
            "...r......CCCC...R.", // probing
            "...k......CCCC...R.", // probing for a check
            "....RR....BRQI...R.", // checking
            "....Ra....BRQI...R.", // reading before
            "......b...BuQI..RR.", // applying
            "....R.....BuQI.....", // reading back
            ".......RR.BRQI..R..", // restoring
            ".........RBBQI.....", // saving
            "CC................C", // backing off, and the time has come
            "...................", // backing off
            "...............I...", // quarantined
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

    /// What the effects say about the outside: a session, and a visit that nobody has settled yet.
    #[derive(Default)]
    struct Model {
        open: bool,
        unsettled: bool,
    }

    impl Model {
        fn meets(&mut self, event: &SessionEvent, effects: &[SessionEffect]) -> Result<(), TestCaseError> {
            match event {
                SessionEvent::Opened => self.open = true,
                SessionEvent::Begun(Errand::Visit(_)) => self.unsettled = true,
                _ => {}
            }
            for effect in effects {
                match effect {
                    SessionEffect::Open => prop_assert!(!self.open, "a second session"),
                    SessionEffect::Close => self.open = false,
                    SessionEffect::RunStep | SessionEffect::Save => prop_assert!(self.open, "no session"),
                    SessionEffect::Settle(..) => {
                        prop_assert!(self.unsettled, "settled twice");
                        self.unsettled = false;
                    }
                    SessionEffect::MarkSaved | SessionEffect::ChooseWork | SessionEffect::TellOperator => {}
                }
            }
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn there_is_never_a_second_session_and_each_visit_is_settled_once(
            picks in proptest::collection::vec((0..19usize, 0..60_000u64), 0..120)
        ) {
            let (mut state, mut model, mut now) = (SessionState::Idle, Model::default(), NOW);
            for (pick, later) in picks {
                now = now.plus_millis(later);
                let event = events()[pick].clone();
                if let Ok((next, effects)) = state.clone().apply(event.clone(), now, &POLICY) {
                    model.meets(&event, &effects)?;
                    state = next;
                }
                let at_work = matches!(state, SessionState::Connecting { errand: Errand::Visit(_), .. }
                    | SessionState::Applying { .. });
                prop_assert_eq!(model.unsettled, at_work);
            }
        }
    }
}

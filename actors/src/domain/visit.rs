//! The visit machine: one stay of a session at a switch, for one port or for many, each of which comes to an outcome of its own.
//!
//! ```text
//!   each part by itself:
//!
//!   Waiting ──as wanted, or refused──▶ (out)
//!      │ differs
//!      ▼            sent                   as wanted
//!   Differing ───────────────▶ Sent ───────────────────▶ (out), or Held
//!      │ │ overtaken             │ differs, refused        ▲          │
//!      │ └────────────▶ (out)    ▼                         │          │ confirmed
//!      │ refused                                           │          ▼
//!      └────────────────────▶ Undoing ──brought back, or not          (out)
//! ```
//!
//! The steps follow from the parts: all are read, one after another (or a few in one go, which the machine is told of one by one);
//! then the lines of all that differ are sent, at once; then all that were sent are read back; then what was refused, or reads otherwise, is brought back. A part is out as soon as its own
//! outcome is known, and waits for no other; only where the device would take it all back by itself is it held until
//! that is confirmed. A failure that leaves the session usable is that of the part in hand alone. One that
//! breaks it is charged to the part in hand; all others are broken off, uncharged, and read first when they are taken up again.
//! A configuration that somebody else has locked keeps every part out, and is the fault of none: the first is charged, since
//! a lock that is never given up must come to an end; the others are put off, uncharged.

use super::Denied;
use super::config::PortConfig;
use super::failure::{DriverFailure, FailureClass};
use super::ids::{JobId, PortName};
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

/// How far one port's part has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Not read yet.
    Waiting,
    /// Read, and not as wanted.
    Differing,
    /// Its lines were sent, and no answer said no.
    Sent,
    /// It is to be brought back to what it was.
    Undoing {
        /// Why.
        cause: DriverFailure,
    },
    /// It has come to this, once what the device would take back is confirmed.
    Held(VisitOutcome),
}

/// One port's part in a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What is done.
    pub item: WorkItem,
    /// How far it has come.
    pub stage: Stage,
}

/// One stay in the switch's configuration: one to many ports, each with its own outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Those that have not come to their outcome, in the order in which they were chosen.
    parts: Vec<Part>,
    /// Whether the device takes back what was sent unless it is confirmed.
    takes_back: bool,
}

/// What is done next in a visit. Whatever is about one port is about the first whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Is the kept session still alive?
    Probe,
    /// Read the port, and change nothing.
    Check,
    /// Read the port before anything is changed.
    ReadBefore,
    /// Put the lines of all ports that differ on record, then send them.
    Apply,
    /// Read the port again.
    ReadBack,
    /// Bring the port back to what it was.
    Restore,
    /// Make what was applied stand.
    Confirm,
}

/// What became of one port's lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sending {
    /// They were sent, and no answer said no.
    Sent,
    /// One was refused, and the session goes on.
    Refused(DriverFailure),
    /// The port's record changed meanwhile, so none was sent.
    Overtaken,
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
    /// The lines left.
    Applied {
        /// What became of each port's, in their order.
        each: Vec<Sending>,
        /// Whether the device takes it back unless it is confirmed.
        takes_back: bool,
    },
    /// The port is what it was before, read back.
    Restored {
        /// Whether the device takes it back unless it is confirmed.
        takes_back: bool,
    },
    /// It could not be brought back.
    NotRestored {
        /// Whether the device takes it back unless it is confirmed.
        takes_back: bool,
    },
    /// The port's record changed meanwhile, so no line of this step was sent.
    Overtaken,
    /// What was applied stands.
    Confirmed,
}

/// What a part of a visit came to.
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
    /// It was broken off, through no fault of its own: before a line was sent, because the port's record changed meanwhile or the
    /// service stops; or wherever it was, because the session broke over another. What is to be done is to be chosen
    /// anew, and what was sent is in the port's journal.
    BrokenOff,
    /// Somebody else keeps us out, and another part is charged with it: it is chosen anew after a while.
    PutOff(DriverFailure),
}

/// A part that is out, and what it came to.
pub type Settled = (WorkItem, VisitOutcome);

impl Visit {
    /// Of these, in this order.
    #[must_use]
    pub fn new(work: impl IntoIterator<Item = WorkItem>) -> Self {
        let parts = work.into_iter().map(|item| Part { item, stage: Stage::Waiting }).collect();
        Self { parts, takes_back: false }
    }

    /// Those that have not come to their outcome.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What comes next; `None` when every part is out.
    #[must_use]
    pub fn next_step(&self) -> Option<Step> {
        let steps =
            [Step::Check, Step::ReadBefore, Step::Apply, Step::ReadBack, Step::Restore, Step::Confirm];
        steps.into_iter().find(|step| self.turn_of(*step).is_some())
    }

    /// What a step is about.
    #[must_use]
    pub fn at_hand(&self, step: Step) -> Vec<WorkItem> {
        let whose = self.in_turn(step).cloned();
        match step {
            Step::Apply => whose.collect(),
            Step::Probe | Step::Check | Step::ReadBefore | Step::ReadBack | Step::Restore | Step::Confirm => {
                whose.take(1).collect()
            }
        }
    }

    /// Whose turn a step is, in their order: those that are behind the first may be read together with it.
    pub fn in_turn(&self, step: Step) -> impl Iterator<Item = &WorkItem> {
        self.parts.iter().filter(move |part| part.is_turn_of(step)).map(|part| &part.item)
    }

    fn turn_of(&self, step: Step) -> Option<usize> {
        self.parts.iter().position(|part| part.is_turn_of(step))
    }

    /// What a step's result makes of the parts; and which are out.
    ///
    /// # Errors
    /// [`Denied`] when the result makes no sense for this step.
    pub fn after(mut self, step: Step, result: StepResult) -> Result<(Self, Vec<Settled>), Denied> {
        use StepResult as R;
        let Some(at) = self.turn_of(step) else { return Err(denied(step, &result)) };
        let settled = match (step, result) {
            (Step::Probe, R::Alive) => Vec::new(),
            (Step::Check, R::Differs(found)) => self.conclude(at, VisitOutcome::Drifted(found)),
            (Step::ReadBefore, R::Differs(_)) => self.becomes(at, Stage::Differing),
            // Nothing to do also counts: a repeat of what was already applied.
            (Step::Check | Step::ReadBefore | Step::ReadBack, R::AsWanted) => {
                self.conclude(at, VisitOutcome::Verified)
            }
            (Step::Apply, R::Applied { each, takes_back }) if each.len() == self.at_hand(step).len() => {
                self.takes_back = takes_back;
                self.applied(each)
            }
            (Step::Restore, R::Restored { takes_back }) => {
                self.takes_back = takes_back;
                let cause = self.cause_of(at);
                self.conclude(at, VisitOutcome::FailedRestored(cause))
            }
            (Step::Restore, R::NotRestored { takes_back }) => {
                self.takes_back = takes_back;
                let cause = self.cause_of(at);
                self.conclude(at, VisitOutcome::FailedUnclear(cause))
            }
            (Step::Restore, R::Overtaken) => self.conclude(at, VisitOutcome::BrokenOff),
            (Step::Confirm, R::Confirmed) => self.confirmed(),
            (step, result) => return Err(denied(step, &result)),
        };
        Ok((self, settled))
    }

    /// A failure that leaves the session usable: it is that of the part in hand.
    #[must_use]
    pub fn failed(mut self, step: Step, failure: DriverFailure) -> (Self, Vec<Settled>) {
        let at = self.turn_of(step).expect("a step is somebody's turn");
        let settled = match step {
            Step::Probe | Step::Check | Step::ReadBefore => {
                let others = if keeps_out(&failure) { self.put_off_behind(at, &failure) } else { Vec::new() };
                [self.conclude(at, VisitOutcome::FailedUntouched(failure)), others].concat()
            }
            Step::Apply | Step::ReadBack => self.becomes(at, Stage::Undoing { cause: failure }),
            Step::Restore => {
                let cause = self.cause_of(at);
                self.conclude(at, VisitOutcome::FailedUnclear(cause))
            }
            Step::Confirm => self.not_confirmed(&failure),
        };
        (self, settled)
    }

    /// A failure that broke the session: over this part, if the step alone doesn't say. No other is charged.
    #[must_use]
    pub fn broken(self, step: Step, over: Option<&WorkItem>, failure: &DriverFailure) -> Vec<Settled> {
        let named = over.and_then(|item| self.parts.iter().position(|part| part.item == *item));
        let at = named.or_else(|| self.turn_of(step));
        let outcome = |(number, part): (usize, Part)| {
            let is_charged = Some(number) == at;
            let outcome = if is_charged { part.stage.breaks(failure) } else { VisitOutcome::BrokenOff };
            (part.item, outcome)
        };
        self.parts.into_iter().enumerate().map(outcome).collect()
    }

    /// Nothing was begun that can't be left: every part is to be chosen anew.
    #[must_use]
    pub fn broken_off(self) -> Vec<Settled> {
        self.parts.into_iter().map(|part| (part.item, VisitOutcome::BrokenOff)).collect()
    }

    fn becomes(&mut self, at: usize, stage: Stage) -> Vec<Settled> {
        self.parts[at].stage = stage;
        Vec::new()
    }

    fn conclude(&mut self, at: usize, outcome: VisitOutcome) -> Vec<Settled> {
        if self.takes_back {
            return self.becomes(at, Stage::Held(outcome));
        }
        vec![(self.parts.remove(at).item, outcome)]
    }

    fn cause_of(&self, at: usize) -> DriverFailure {
        match &self.parts[at].stage {
            Stage::Undoing { cause } => cause.clone(),
            Stage::Waiting | Stage::Differing | Stage::Sent | Stage::Held(_) => {
                unreachable!("only what is to be undone is brought back")
            }
        }
    }

    fn applied(&mut self, each: Vec<Sending>) -> Vec<Settled> {
        let mut each = each.into_iter();
        let (mut left, mut settled) = (Vec::new(), Vec::new());
        let mut is_charged = false;
        for part in std::mem::take(&mut self.parts) {
            let sending = if part.stage == Stage::Differing { each.next() } else { None };
            match sending {
                None => left.push(part),
                Some(Sending::Sent) => left.push(Part { stage: Stage::Sent, ..part }),
                Some(Sending::Refused(cause)) if is_charged && keeps_out(&cause) => {
                    settled.push((part.item, VisitOutcome::PutOff(cause)));
                }
                Some(Sending::Refused(cause)) => {
                    is_charged |= keeps_out(&cause);
                    left.push(Part { stage: Stage::Undoing { cause }, ..part });
                }
                Some(Sending::Overtaken) => settled.push((part.item, VisitOutcome::BrokenOff)),
            }
        }
        self.parts = left;
        settled
    }

    /// Those that nothing was done of yet would meet the same.
    fn put_off_behind(&mut self, at: usize, failure: &DriverFailure) -> Vec<Settled> {
        let behind = self.parts.split_off(at + 1);
        let (waiting, begun): (Vec<_>, Vec<_>) =
            behind.into_iter().partition(|part| part.stage == Stage::Waiting);
        self.parts.extend(begun);
        waiting.into_iter().map(|part| (part.item, VisitOutcome::PutOff(failure.clone()))).collect()
    }

    fn confirmed(&mut self) -> Vec<Settled> {
        self.takes_back = false;
        let (mut left, mut settled) = (Vec::new(), Vec::new());
        for Part { item, stage } in std::mem::take(&mut self.parts) {
            match stage {
                Stage::Held(outcome) => settled.push((item, outcome)),
                Stage::Waiting | Stage::Differing | Stage::Sent | Stage::Undoing { .. } => {
                    left.push(Part { item, stage });
                }
            }
        }
        self.parts = left;
        settled
    }

    /// What stands is not known: what was verified is brought back, and what was brought back already is unclear.
    fn not_confirmed(&mut self, failure: &DriverFailure) -> Vec<Settled> {
        let (mut left, mut settled) = (Vec::new(), Vec::new());
        for Part { item, stage } in std::mem::take(&mut self.parts) {
            match stage {
                Stage::Held(VisitOutcome::Verified) => {
                    left.push(Part { item, stage: Stage::Undoing { cause: failure.clone() } });
                }
                stage @ Stage::Held(_) => settled.push((item, stage.breaks(failure))),
                stage @ (Stage::Waiting | Stage::Differing | Stage::Sent | Stage::Undoing { .. }) => {
                    left.push(Part { item, stage });
                }
            }
        }
        self.parts = left;
        settled
    }
}

impl Part {
    fn is_turn_of(&self, step: Step) -> bool {
        let is_check = self.item == WorkItem::Check;
        match step {
            Step::Probe => true,
            Step::Check => is_check && self.stage == Stage::Waiting,
            Step::ReadBefore => !is_check && self.stage == Stage::Waiting,
            Step::Apply => self.stage == Stage::Differing,
            Step::ReadBack => self.stage == Stage::Sent,
            Step::Restore => matches!(self.stage, Stage::Undoing { .. }),
            Step::Confirm => matches!(self.stage, Stage::Held(_)),
        }
    }
}

impl Stage {
    /// What a part comes to over which the session broke.
    fn breaks(self, failure: &DriverFailure) -> VisitOutcome {
        match self {
            Self::Waiting => VisitOutcome::FailedUntouched(failure.clone()),
            Self::Differing | Self::Sent | Self::Held(VisitOutcome::Verified) => {
                VisitOutcome::FailedUnclear(failure.clone())
            }
            Self::Undoing { cause } => VisitOutcome::FailedUnclear(cause),
            Self::Held(
                VisitOutcome::FailedRestored(cause)
                | VisitOutcome::FailedUnclear(cause)
                | VisitOutcome::FailedUntouched(cause),
            ) => VisitOutcome::FailedUnclear(cause),
            Self::Held(
                outcome @ (VisitOutcome::BrokenOff | VisitOutcome::PutOff(_) | VisitOutcome::Drifted(_)),
            ) => outcome,
        }
    }
}

/// Whether it is about the switch, and not about what was to be done there.
fn keeps_out(failure: &DriverFailure) -> bool {
    failure.class == FailureClass::ConfigurationLocked
}

fn denied(step: Step, result: &StepResult) -> Denied {
    Denied { machine: "visit", state: step.name(), event: result.name() }
}

impl Step {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Probe => "probing",
            Self::Check => "checking",
            Self::ReadBefore => "reading before",
            Self::Apply => "applying",
            Self::ReadBack => "reading back",
            Self::Restore => "restoring",
            Self::Confirm => "confirming",
        }
    }

    /// Whether it, and all behind it, may be left undone: no line was sent in this visit that isn't read back yet.
    #[must_use]
    pub fn can_be_broken_off(self) -> bool {
        match self {
            Self::Probe | Self::Check | Self::ReadBefore | Self::Apply => true,
            Self::ReadBack | Self::Restore | Self::Confirm => false,
        }
    }
}

impl StepResult {
    fn name(&self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::AsWanted => "as wanted",
            Self::Differs(_) => "differs",
            Self::Applied { .. } => "applied",
            Self::Restored { .. } => "restored",
            Self::NotRestored { .. } => "not restored",
            Self::Overtaken => "overtaken",
            Self::Confirmed => "confirmed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn job(number: u128) -> WorkItem {
        WorkItem::Job(JobId(Uuid::from_u128(number)))
    }

    fn failure(class: FailureClass) -> DriverFailure {
        DriverFailure::new(class, "x")
    }

    fn rejected() -> DriverFailure {
        failure(FailureClass::CommandRejected)
    }

    fn port() -> PortConfig {
        PortConfig::default()
    }

    fn at(stage: Stage) -> Visit {
        Visit { parts: vec![Part { item: job(0), stage }], takes_back: false }
    }

    fn stages() -> Vec<Stage> {
        vec![
            Stage::Waiting,
            Stage::Differing,
            Stage::Sent,
            Stage::Undoing { cause: rejected() },
            Stage::Held(VisitOutcome::Verified),
            Stage::Held(VisitOutcome::FailedRestored(rejected())),
        ]
    }

    fn results() -> Vec<StepResult> {
        let applied = |sending, takes_back| StepResult::Applied { each: vec![sending], takes_back };
        vec![
            StepResult::Alive,
            StepResult::AsWanted,
            StepResult::Differs(port()),
            applied(Sending::Sent, false),
            applied(Sending::Refused(rejected()), false),
            applied(Sending::Overtaken, false),
            StepResult::Applied { each: Vec::new(), takes_back: false },
            StepResult::Restored { takes_back: false },
            StepResult::NotRestored { takes_back: false },
            StepResult::Restored { takes_back: true },
            StepResult::Overtaken,
            StepResult::Confirmed,
        ]
    }

    fn letter(visit: &Visit, settled: &[Settled]) -> char {
        match (visit.parts(), settled) {
            ([part], []) => match part.stage {
                Stage::Waiting => 'w',
                Stage::Differing => 'd',
                Stage::Sent => 's',
                Stage::Undoing { .. } => 'u',
                Stage::Held(_) => 'h',
            },
            ([], [(_, outcome)]) => match outcome {
                VisitOutcome::Verified => 'V',
                VisitOutcome::Drifted(_) => 'D',
                VisitOutcome::FailedUntouched(_) => 'T',
                VisitOutcome::FailedRestored(_) => 'R',
                VisitOutcome::FailedUnclear(_) => 'X',
                VisitOutcome::BrokenOff => 'O',
                VisitOutcome::PutOff(_) => 'P',
            },
            _ => '?',
        }
    }

    #[test]
    fn every_stage_meets_every_result_as_drawn() {
        // Columns: alive, as wanted, differs, sent, refused, overtaken before it was sent, an answer too few, restored, not
        // restored, restored for now, overtaken before the undo, confirmed; then, from outside: a failure, a broken session.
        // A dot is denied.
        let drawn = [
            ".Vd.........TT", // waiting
            "...suO......uX", // differing
            ".V..........uX", // sent
            ".......RXhO.XX", // undoing
            "...........VuX", // held as verified
            "...........RXX", // held as restored
        ];
        for (stage, row) in stages().into_iter().zip(drawn) {
            let visit = at(stage.clone());
            let step = visit.next_step().expect("it isn't out");
            let after =
                |result| visit.clone().after(step, result).map_or('.', |(left, out)| letter(&left, &out));
            let mut found: String = results().into_iter().map(after).collect();
            let (left, settled) = visit.clone().failed(step, failure(FailureClass::ReadBackDiffers));
            found.push(letter(&left, &settled));
            let nothing = Visit::new([]);
            found.push(letter(&nothing, &visit.broken(step, None, &failure(FailureClass::SessionLost))));
            assert_eq!(found, row, "{stage:?}");
        }
    }

    /// Plays a visit to `0`, `1`, `2` by these results, and says what each came to, in the order in which they came to it.
    fn played(results: &[StepResult]) -> (Visit, Vec<Settled>) {
        let (mut visit, mut all) = (Visit::new((0..3).map(job)), Vec::new());
        for result in results {
            let step = visit.next_step().expect("it isn't over");
            let (next, settled) = visit.after(step, result.clone()).expect("a result of this step");
            visit = next;
            all.extend(settled);
        }
        (visit, all)
    }

    fn differs() -> StepResult {
        StepResult::Differs(port())
    }

    #[test]
    fn one_that_is_refused_is_undone_while_those_beside_it_are_out_before() {
        let each = vec![Sending::Sent, Sending::Refused(rejected()), Sending::Sent];
        let applied = StepResult::Applied { each, takes_back: false };
        let read = [differs(), differs(), differs(), applied];
        let (visit, settled) = played(&[&read[..], &[StepResult::AsWanted, StepResult::AsWanted]].concat());
        assert_eq!(settled, [(job(0), VisitOutcome::Verified), (job(2), VisitOutcome::Verified)]);
        assert_eq!((visit.next_step(), visit.at_hand(Step::Restore)), (Some(Step::Restore), vec![job(1)]));
    }

    #[test]
    fn a_lock_is_charged_to_the_first_that_meets_it_and_puts_off_the_others() {
        let locked = || failure(FailureClass::ConfigurationLocked);
        let put_off = |number| (job(number), VisitOutcome::PutOff(locked()));
        // Rows: what was done of the three before; what became of their lines, or that the lock kept the reading out; who is
        // out at once; who is left, at which stage, and nobody else is charged.
        let sent = |each: Vec<Sending>| StepResult::Applied { each, takes_back: false };
        let refused = || Sending::Refused(locked());
        let undoing = |cause| Stage::Undoing { cause };
        let table = [
            (
                sent(vec![refused(), refused(), refused()]),
                vec![put_off(1), put_off(2)],
                vec![(0, undoing(locked()))],
            ),
            (
                sent(vec![Sending::Sent, refused(), refused()]),
                vec![put_off(2)],
                vec![(0, Stage::Sent), (1, undoing(locked()))],
            ),
            (
                sent(vec![refused(), Sending::Refused(rejected()), refused()]),
                vec![put_off(2)],
                vec![(0, undoing(locked())), (1, undoing(rejected()))],
            ),
        ];
        for (applied, out, left) in table {
            let (visit, settled) = played(&[differs(), differs(), differs(), applied]);
            let found: Vec<_> =
                visit.parts().iter().map(|part| (part.item.clone(), part.stage.clone())).collect();
            let left: Vec<_> = left.into_iter().map(|(number, stage)| (job(number), stage)).collect();
            assert_eq!((settled, found), (out, left));
        }
        let (visit, _) = played(&[differs()]);
        let (visit, settled) = visit.failed(Step::ReadBefore, locked());
        assert_eq!(settled, [(job(1), VisitOutcome::FailedUntouched(locked())), put_off(2)]);
        assert_eq!(visit.at_hand(Step::Apply), [job(0)], "what was read before goes on");
    }

    #[test]
    fn what_already_is_as_wanted_is_out_and_only_the_others_are_sent() {
        let (visit, settled) = played(&[differs(), StepResult::AsWanted, differs()]);
        assert_eq!(settled, [(job(1), VisitOutcome::Verified)]);
        assert_eq!(
            (visit.next_step(), visit.at_hand(Step::Apply)),
            (Some(Step::Apply), vec![job(0), job(2)])
        );
    }

    #[test]
    fn what_the_device_would_take_back_is_held_until_it_is_confirmed_and_then_all_is_out_at_once() {
        let each = vec![Sending::Sent, Sending::Refused(rejected()), Sending::Sent];
        let applied = StepResult::Applied { each, takes_back: true };
        let read = [differs(), differs(), differs(), applied, StepResult::AsWanted, StepResult::AsWanted];
        let (visit, settled) = played(&[&read[..], &[StepResult::Restored { takes_back: true }]].concat());
        assert_eq!((settled, visit.next_step()), (Vec::new(), Some(Step::Confirm)));
        let (visit, settled) = visit.after(Step::Confirm, StepResult::Confirmed).expect("it is its result");
        let outcomes: Vec<_> = settled.into_iter().map(|(_, outcome)| outcome).collect();
        let restored = VisitOutcome::FailedRestored(rejected());
        assert_eq!(outcomes, [VisitOutcome::Verified, restored, VisitOutcome::Verified]);
        assert_eq!(visit.next_step(), None);
    }

    #[test]
    fn a_confirmation_that_is_refused_has_all_that_was_verified_undone() {
        let applied = StepResult::Applied { each: vec![Sending::Sent; 3], takes_back: true };
        let read = [differs(), differs(), differs(), applied];
        let (visit, _) = played(&[&read[..], &vec![StepResult::AsWanted; 3]].concat());
        let (visit, settled) = visit.failed(Step::Confirm, rejected());
        assert_eq!((settled, visit.next_step()), (Vec::new(), Some(Step::Restore)));
        let undoing = |part: &Part| part.stage == Stage::Undoing { cause: rejected() };
        assert!(visit.parts().iter().all(undoing), "{visit:?}");
    }

    #[test]
    fn a_session_that_breaks_is_charged_to_the_part_in_hand_alone() {
        let lost = failure(FailureClass::SessionLost);
        let (visit, _) = played(&[differs(), differs()]);
        let charged = |over: Option<WorkItem>, step, visit: Visit| {
            let settled = visit.broken(step, over.as_ref(), &lost);
            assert_eq!(settled.len(), 3);
            settled.into_iter().filter(|(_, outcome)| *outcome != VisitOutcome::BrokenOff).collect::<Vec<_>>()
        };
        let untouched = VisitOutcome::FailedUntouched(lost.clone());
        assert_eq!(charged(None, Step::ReadBefore, visit.clone()), [(job(2), untouched)]);
        let (visit, _) = visit.after(Step::ReadBefore, differs()).expect("it is its result");
        let unclear = VisitOutcome::FailedUnclear(lost.clone());
        assert_eq!(charged(Some(job(1)), Step::Apply, visit.clone()), [(job(1), unclear.clone())]);
        assert_eq!(charged(None, Step::Apply, visit), [(job(0), unclear)]);
    }
}

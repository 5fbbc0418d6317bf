//! One step of a visit on one session: each asks the driver, under a time limit, and says what it found. Journals are
//! written before the first line leaves; a store outage meanwhile waits, and counts against nobody.

use super::aftermath::AtWork;
use super::task::{Duty, Task};
use crate::domain::config::PortConfig;
use crate::domain::failure::{DriverFailure, FailureClass};
use crate::domain::port::PortEvent;
use crate::domain::record::{Key, PortRecord, Record};
use crate::domain::visit::{Sending, Step, StepResult, WorkItem};
use crate::fail_points::{FailPoint, reach};
use crate::outside::{Outside, put};
use crate::ports::driver::{Intent, PortLines, SwitchSession};
use crate::ports::store::{CommitError, Denial, Expectation};
use crate::safeguards::{Safeguard, stands};
use std::time::Duration;
use tokio::time::Instant;

/// Why a step has no result.
pub enum StepFailed {
    /// The driver failed.
    Driver {
        /// How.
        failure: DriverFailure,
        /// Over which of many, where that is known.
        over: Option<WorkItem>,
    },
    /// Someone else owns the switch by now.
    Fenced,
    /// The port's record has changed since it was read, a checkout took the port, say: nothing of this step was sent.
    Overtaken,
}

impl From<DriverFailure> for StepFailed {
    fn from(failure: DriverFailure) -> Self {
        Self::Driver { failure, over: None }
    }
}

type Stepped = Result<StepResult, StepFailed>;

/// The lines of one port, and what it was before them.
struct Block {
    lines: Vec<String>,
    before: PortConfig,
}

/// A supervisor's hands for one step.
pub struct Hands<'a> {
    /// The outside.
    pub outside: &'a Outside,
    /// The switch and the lease.
    pub duty: &'a Duty,
    /// The one session.
    pub session: &'a mut dyn SwitchSession,
    /// What it is about: one port, all whose lines are sent, or those that are read in one go. Never empty.
    pub tasks: Vec<&'a mut Task>,
    /// What a panic is charged to.
    pub at_work: &'a AtWork,
}

/// Runs a driver call under the limit for a step and under the tenure, and counts its time. What fails after the tenure
/// is over failed because of it: whoever has the socket refuses to write from then on.
pub async fn limited<T>(
    outside: &Outside,
    duty: &Duty,
    driver_millis: &mut u64,
    call: impl Future<Output = Result<T, DriverFailure>>,
) -> Result<T, DriverFailure> {
    limited_for(1, outside, duty, driver_millis, call).await
}

/// The same for a call that is about so many ports: the limit is a step's for each of them.
async fn limited_for<T>(
    ports: u32,
    outside: &Outside,
    duty: &Duty,
    driver_millis: &mut u64,
    call: impl Future<Output = Result<T, DriverFailure>>,
) -> Result<T, DriverFailure> {
    let limit = Duration::from_millis(outside.settings.supervision.step_ms).saturating_mul(ports);
    if !duty.holding.tenure.holds() {
        return Err(lapsed("nothing was sent"));
    }
    let began = Instant::now();
    let result = tokio::time::timeout(limit, call).await;
    *driver_millis += u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let result = result.unwrap_or_else(|_| {
        let step = outside.settings.supervision.step_ms;
        let each = if ports == 1 { String::new() } else { format!(" for each of {ports} ports") };
        let detail = format!("a step took longer than supervision.step_ms = {step} ms{each}");
        Err(DriverFailure::new(FailureClass::DeadlineExceeded, detail))
    });
    result.map_err(|failure| if duty.holding.tenure.holds() { failure } else { lapsed(&failure.detail) })
}

fn lapsed(what: &str) -> DriverFailure {
    let text = format!("this instance could not show in time that it lives, and may not write: {what}");
    DriverFailure::new(FailureClass::TenureLapsed, text)
}

impl Hands<'_> {
    /// Runs a step: what came of it, for each port that it read, or once for all that it was about. Behind a failure that the
    /// next one would meet too, nothing of the step is done.
    pub async fn run(&mut self, step: Step) -> Vec<(WorkItem, Stepped)> {
        let stepped = match step {
            Step::ReadBefore | Step::ReadBack => return self.read_each(step).await,
            Step::Probe => self.probe().await,
            Step::Check => self.check().await,
            Step::Apply => self.apply().await,
            Step::Restore => self.restore().await,
            Step::Confirm => self.confirm().await,
        };
        vec![(self.tasks[0].item.clone(), stepped)]
    }

    /// One port after another, each in hand alone; the session may ask for all of them at once.
    async fn read_each(&mut self, step: Step) -> Vec<(WorkItem, Stepped)> {
        let count = u32::try_from(self.tasks.len()).unwrap_or(u32::MAX);
        if count > 1 {
            let ports: Vec<_> = self.tasks.iter().map(|task| task.port.at.port.clone()).collect();
            self.session.expect_reads(&ports);
        }
        let mut each = Vec::with_capacity(self.tasks.len());
        for at in 0..self.tasks.len() {
            self.at_work.on(&self.tasks[at].item);
            // Whichever is read first may be read together with all others.
            let ports = if at == 0 { count } else { 1 };
            let stepped = match step {
                Step::ReadBefore => self.read_before(at, ports).await,
                _ => self.read_back(at, ports).await,
            };
            let is_over = stepped.as_ref().is_err_and(ends_reading);
            let said = self.session.take_transcript();
            self.tasks[at].transcript.push_str(&said);
            each.push((self.tasks[at].item.clone(), stepped));
            if is_over {
                break;
            }
        }
        // What was told of one that wasn't read any more is old by the next visit.
        self.session.expect_reads(&[]);
        each
    }

    /// What was said in the step is kept with those that it was about.
    pub fn keep_transcripts(&mut self) {
        for task in &mut self.tasks {
            task.transcript.push_str(&self.session.take_transcript_of(&task.port.at.port));
        }
        let said = self.session.take_transcript();
        self.tasks.iter_mut().for_each(|task| task.transcript.push_str(&said));
    }

    async fn probe(&mut self) -> Stepped {
        limited(self.outside, self.duty, &mut self.tasks[0].driver_millis, self.session.probe()).await?;
        Ok(StepResult::Alive)
    }

    async fn read(&mut self) -> Result<PortConfig, DriverFailure> {
        self.read_at(0, 1).await
    }

    /// Reads one of the ports, within the time of so many.
    async fn read_at(&mut self, at: usize, ports: u32) -> Result<PortConfig, DriverFailure> {
        let port = self.tasks[at].port.at.port.clone();
        let read = self.session.read_port(&port);
        limited_for(ports, self.outside, self.duty, &mut self.tasks[at].driver_millis, read).await
    }

    async fn check(&mut self) -> Stepped {
        let found = self.read().await?;
        let is_as_wanted = self.tasks[0].want.differences(&found).is_empty();
        Ok(if is_as_wanted { StepResult::AsWanted } else { StepResult::Differs(found) })
    }

    async fn read_before(&mut self, at: usize, ports: u32) -> Stepped {
        let found = self.read_at(at, ports).await?;
        reach(FailPoint::PortRead);
        let task = &mut self.tasks[at];
        task.found = Some(found.clone());
        if task.want.differences(&found).is_empty() {
            task.verified = Some(found);
            return Ok(StepResult::AsWanted);
        }
        Ok(StepResult::Differs(found))
    }

    async fn apply(&mut self) -> Stepped {
        let blocks = self.blocks()?;
        let each = self.send(&blocks).await?;
        Ok(StepResult::Applied { each, takes_back: self.session.takes_back() })
    }

    /// What every port's lines are. Each is in hand alone meanwhile.
    fn blocks(&self) -> Result<Vec<Block>, StepFailed> {
        let items = self.tasks.iter().map(|task| task.item.clone()).collect();
        let rendered = self.tasks.iter().map(|task| {
            self.at_work.on(&task.item);
            let before = task.found.clone().expect("the machine reads before it applies");
            let lines = self.session.render(task.intent, &task.port.at.port, &task.want, &before);
            let lines =
                lines.map_err(|failure| StepFailed::Driver { failure, over: Some(task.item.clone()) })?;
            Ok(Block { lines, before })
        });
        let blocks = rendered.collect::<Result<Vec<_>, StepFailed>>()?;
        self.at_work.on_all(items);
        Ok(blocks)
    }

    /// On record first, under our lease; then on the wire. Answers what became of each.
    async fn send(&mut self, blocks: &[Block]) -> Result<Vec<Sending>, StepFailed> {
        let all: Vec<_> = (0..blocks.len()).collect();
        if !stands(Safeguard::JournalBeforeLines) {
            let answers = self.apply_lines(blocks, &all).await?;
            self.journal(blocks).await?;
            return Ok(became(all.len(), &all, answers));
        }
        let on_record = self.journal(blocks).await?;
        if on_record.is_empty() {
            return Ok(became(all.len(), &on_record, Vec::new()));
        }
        reach(FailPoint::LinesJournaled);
        let answers = self.apply_lines(blocks, &on_record).await?;
        reach(FailPoint::LinesSent);
        Ok(became(all.len(), &on_record, answers))
    }

    /// The lines of these, in one go. A failure after which the session is of no use is the step's, over the port that met it.
    async fn apply_lines(
        &mut self,
        blocks: &[Block],
        which: &[usize],
    ) -> Result<Vec<Result<(), DriverFailure>>, StepFailed> {
        let lines = |at: &usize| PortLines {
            port: self.tasks[*at].port.at.port.clone(),
            lines: blocks[*at].lines.clone(),
        };
        let ports: Vec<_> = which.iter().map(lines).collect();
        let (mut over, mut millis) = (None, 0);
        let count = u32::try_from(ports.len()).unwrap_or(u32::MAX);
        let call = async {
            let answers = self.session.apply(&ports).await;
            match answers.iter().position(breaks) {
                Some(at) => {
                    over = Some(at);
                    answers[at].clone().map(|()| Vec::new())
                }
                None => Ok(answers),
            }
        };
        let applied = limited_for(count, self.outside, self.duty, &mut millis, call).await;
        which.iter().for_each(|at| self.tasks[*at].driver_millis += millis / u64::from(count.max(1)));
        applied.map_err(|failure| {
            let over = over.map(|at| self.tasks[which[at]].item.clone());
            StepFailed::Driver { failure, over }
        })
    }

    /// What was read back stands, also where the device would take it back by itself.
    async fn confirm(&mut self) -> Stepped {
        if self.session.takes_back() {
            let confirmed = self.session.confirm();
            limited(self.outside, self.duty, &mut self.tasks[0].driver_millis, confirmed).await?;
        }
        Ok(StepResult::Confirmed)
    }

    /// Puts the lines of all on record, in one commit, and answers of which that is done: of those whose port's record was not
    /// changed since it was read.
    async fn journal(&mut self, blocks: &[Block]) -> Result<Vec<usize>, StepFailed> {
        let mut left: Vec<_> = (0..blocks.len()).collect();
        while !left.is_empty() {
            let ports: Vec<_> = left.iter().map(|at| self.begun(*at, &blocks[*at])).collect();
            let mut commit = self.duty.commit(self.outside);
            for (at, port) in left.iter().zip(&ports) {
                let key = Key::Port(port.at.clone());
                let version = self.tasks[*at].port_version;
                commit.expect.push(Expectation { key: key.clone(), version });
                commit.writes.push(put(key, Record::Port(port.clone())));
            }
            let version = commit.id;
            match self.outside.commit_surely(vec![commit]).await {
                Ok(()) => {
                    for (at, port) in left.iter().zip(ports) {
                        self.tasks[*at].port = port;
                        self.tasks[*at].port_version = Some(version);
                    }
                    return Ok(left);
                }
                Err(CommitError::Denied { why: Denial::Stale(key), .. }) => {
                    left.retain(|at| Key::Port(self.tasks[*at].port.at.clone()) != key);
                }
                Err(CommitError::Denied { why: Denial::Fenced { .. }, .. } | CommitError::Unknown(_)) => {
                    return Err(StepFailed::Fenced);
                }
            }
        }
        Ok(left)
    }

    fn begun(&self, at: usize, block: &Block) -> PortRecord {
        let port = &self.tasks[at].port;
        let begun = PortEvent::Begun { before: block.before.clone(), lines: block.lines.clone() };
        let state = port.state.clone().apply(begun, self.outside.clock.now());
        PortRecord { state: state.expect("lines can be begun in every state of a port"), ..port.clone() }
    }

    async fn read_back(&mut self, at: usize, ports: u32) -> Stepped {
        let found = self.read_at(at, ports).await?;
        let task = &mut self.tasks[at];
        let differences = task.want.differences(&found);
        if differences.is_empty() || !stands(Safeguard::ReadBack) {
            task.verified = Some(found);
            reach(FailPoint::PortVerified);
            return Ok(StepResult::AsWanted);
        }
        Err(DriverFailure::differs(&differences).into())
    }

    async fn restore(&mut self) -> Stepped {
        let task = &self.tasks[0];
        let before = task.port.state.before().cloned().expect("an undo follows lines that were journaled");
        let found = self.read().await?;
        if before == found {
            return Ok(StepResult::Restored { takes_back: self.session.takes_back() });
        }
        // Where a repair is undone, what was there before is what was wanted.
        let task = &self.tasks[0];
        let intent = if before == task.want { task.intent } else { Intent::Restore };
        let lines = self.session.render(intent, &task.port.at.port, &before, &found)?;
        match self.send(&[Block { lines, before: found }]).await?.pop() {
            Some(Sending::Sent) => {}
            Some(Sending::Refused(failure)) => return Err(failure.into()),
            Some(Sending::Overtaken) | None => return Err(StepFailed::Overtaken),
        }
        let now = self.read().await?;
        let takes_back = self.session.takes_back();
        let is_as_before = before.differences(&now).is_empty();
        Ok(if is_as_before {
            StepResult::Restored { takes_back }
        } else {
            StepResult::NotRestored { takes_back }
        })
    }
}

/// Whether what comes behind would meet the same.
fn ends_reading(failed: &StepFailed) -> bool {
    match failed {
        StepFailed::Driver { failure, .. } => {
            !failure.class.leaves_session_usable() || failure.class == FailureClass::ConfigurationLocked
        }
        StepFailed::Fenced | StepFailed::Overtaken => true,
    }
}

fn breaks(answer: &Result<(), DriverFailure>) -> bool {
    answer.as_ref().is_err_and(|failure| !failure.class.leaves_session_usable())
}

/// Of `count` ports these were given their lines, and answered so.
fn became(count: usize, given: &[usize], answers: Vec<Result<(), DriverFailure>>) -> Vec<Sending> {
    let mut each = vec![Sending::Overtaken; count];
    for (at, answer) in given.iter().zip(answers) {
        each[*at] = answer.map_or_else(Sending::Refused, |()| Sending::Sent);
    }
    each
}

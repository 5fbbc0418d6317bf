//! One step of a visit on one session: each asks the driver, under a time limit, and says what it found. The journal is
//! written before the first line leaves; a store outage meanwhile waits, and counts against nobody.

use super::task::{Duty, Task};
use crate::domain::config::PortConfig;
use crate::domain::failure::{DriverFailure, FailureClass};
use crate::domain::port::PortEvent;
use crate::domain::record::{Key, PortRecord, Record};
use crate::domain::session::{Step, StepResult};
use crate::fail_points::{FailPoint, reach};
use crate::outside::{Outside, put};
use crate::ports::driver::{Intent, SwitchSession};
use crate::ports::store::{CommitError, Denial, Expectation};
use crate::safeguards::{Safeguard, stands};
use std::time::Duration;
use tokio::time::Instant;

/// Why a step has no result.
pub enum StepFailed {
    /// The driver failed.
    Driver(DriverFailure),
    /// Someone else owns the switch by now.
    Fenced,
    /// The port's record has changed since it was read, a checkout took the port, say: nothing of this step was sent.
    Overtaken,
}

impl From<DriverFailure> for StepFailed {
    fn from(failure: DriverFailure) -> Self {
        Self::Driver(failure)
    }
}

type Stepped = Result<StepResult, StepFailed>;

/// A supervisor's hands for one step.
pub struct Hands<'a> {
    /// The outside.
    pub outside: &'a Outside,
    /// The switch and the lease.
    pub duty: &'a Duty,
    /// The one session.
    pub session: &'a mut dyn SwitchSession,
    /// What it is about.
    pub task: &'a mut Task,
}

/// Runs a driver call under the limit for a step and under the tenure, and counts its time. What fails after the tenure
/// is over failed because of it: whoever has the socket refuses to write from then on.
pub async fn limited<T>(
    outside: &Outside,
    duty: &Duty,
    driver_millis: &mut u64,
    call: impl Future<Output = Result<T, DriverFailure>>,
) -> Result<T, DriverFailure> {
    let limit = Duration::from_millis(outside.settings.supervision.step_ms);
    if !duty.holding.tenure.holds() {
        return Err(lapsed("nothing was sent"));
    }
    let began = Instant::now();
    let result = tokio::time::timeout(limit, call).await;
    *driver_millis += u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let result = result.unwrap_or_else(|_| {
        let detail = format!("a step took longer than supervision.step_ms = {} ms", limit.as_millis());
        Err(DriverFailure::new(FailureClass::DeadlineExceeded, detail))
    });
    result.map_err(|failure| if duty.holding.tenure.holds() { failure } else { lapsed(&failure.detail) })
}

fn lapsed(what: &str) -> DriverFailure {
    let text = format!("this instance could not show in time that it lives, and may not write: {what}");
    DriverFailure::new(FailureClass::TenureLapsed, text)
}

impl Hands<'_> {
    /// Runs a step.
    ///
    /// # Errors
    /// [`StepFailed`].
    pub async fn run(&mut self, step: &Step) -> Stepped {
        match step {
            Step::Probe => self.probe().await,
            Step::Check => self.check().await,
            Step::ReadBefore => self.read_before().await,
            Step::Apply => self.apply().await,
            Step::ReadBack => self.read_back().await,
            Step::Restore { .. } => self.restore().await,
        }
    }

    async fn probe(&mut self) -> Stepped {
        limited(self.outside, self.duty, &mut self.task.driver_millis, self.session.probe()).await?;
        Ok(StepResult::Alive)
    }

    async fn read(&mut self) -> Result<PortConfig, DriverFailure> {
        let port = self.task.port.at.port.clone();
        limited(self.outside, self.duty, &mut self.task.driver_millis, self.session.read_port(&port)).await
    }

    async fn check(&mut self) -> Stepped {
        let found = self.read().await?;
        let is_as_wanted = self.task.want.differences(&found).is_empty();
        Ok(if is_as_wanted { StepResult::AsWanted } else { StepResult::Differs(found) })
    }

    async fn read_before(&mut self) -> Stepped {
        let found = self.read().await?;
        reach(FailPoint::PortRead);
        self.task.found = Some(found.clone());
        if self.task.want.differences(&found).is_empty() {
            self.task.verified = Some(found);
            return Ok(StepResult::AsWanted);
        }
        Ok(StepResult::Differs(found))
    }

    async fn apply(&mut self) -> Stepped {
        let found = self.task.found.clone().expect("the machine reads before it applies");
        let want = self.task.want.clone();
        let lines = self.session.render(self.task.intent, &self.task.port.at.port, &want, &found)?;
        self.send(lines, found).await?;
        Ok(StepResult::Sent)
    }

    /// On record first, under our lease; then on the wire.
    async fn send(&mut self, lines: Vec<String>, before: PortConfig) -> Result<(), StepFailed> {
        if stands(Safeguard::JournalBeforeLines) {
            self.journal(lines.clone(), before).await?;
            reach(FailPoint::LinesJournaled);
            self.apply_lines(lines).await?;
        } else {
            self.apply_lines(lines.clone()).await?;
            self.journal(lines, before).await?;
        }
        reach(FailPoint::LinesSent);
        Ok(())
    }

    async fn apply_lines(&mut self, lines: Vec<String>) -> Result<(), DriverFailure> {
        let port = self.task.port.at.port.clone();
        let applied = self.session.apply_to(&port, &lines);
        limited(self.outside, self.duty, &mut self.task.driver_millis, applied).await
    }

    /// What was read back stands, also where the device would take it back by itself.
    async fn confirm(&mut self) -> Result<(), DriverFailure> {
        if !self.session.takes_back() {
            return Ok(());
        }
        limited(self.outside, self.duty, &mut self.task.driver_millis, self.session.confirm()).await
    }

    async fn journal(&mut self, lines: Vec<String>, before: PortConfig) -> Result<(), StepFailed> {
        let begun = PortEvent::Begun { before, lines };
        let state = self.task.port.state.clone().apply(begun, self.outside.clock.now());
        let state = state.expect("lines can be begun in every state of a port");
        let port = PortRecord { state, ..self.task.port.clone() };
        let key = Key::Port(port.at.clone());
        let mut commit = self.duty.commit(self.outside);
        commit.expect.push(Expectation { key: key.clone(), version: self.task.port_version });
        commit.writes.push(put(key, Record::Port(port.clone())));
        let version = commit.id;
        match self.outside.commit_surely(vec![commit]).await {
            Ok(()) => {
                self.task.port = port;
                self.task.port_version = Some(version);
                Ok(())
            }
            Err(CommitError::Denied { why: Denial::Stale(_), .. }) => Err(StepFailed::Overtaken),
            Err(CommitError::Denied { why: Denial::Fenced { .. }, .. } | CommitError::Unknown(_)) => {
                Err(StepFailed::Fenced)
            }
        }
    }

    async fn read_back(&mut self) -> Stepped {
        let found = self.read().await?;
        let differences = self.task.want.differences(&found);
        if differences.is_empty() || !stands(Safeguard::ReadBack) {
            self.confirm().await?;
            self.task.verified = Some(found);
            reach(FailPoint::PortVerified);
            return Ok(StepResult::AsWanted);
        }
        Err(DriverFailure::differs(&differences).into())
    }

    async fn restore(&mut self) -> Stepped {
        let before =
            self.task.port.state.before().cloned().expect("an undo follows lines that were journaled");
        let found = self.read().await?;
        if before == found {
            return Ok(StepResult::Restored);
        }
        // Where a repair is undone, what was there before is what was wanted.
        let intent = if before == self.task.want { self.task.intent } else { Intent::Restore };
        let lines = self.session.render(intent, &self.task.port.at.port, &before, &found)?;
        self.send(lines, found).await?;
        let now = self.read().await?;
        self.confirm().await?;
        Ok(if before.differences(&now).is_empty() { StepResult::Restored } else { StepResult::NotRestored })
    }
}

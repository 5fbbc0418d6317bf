//! Reading ports: each until its answer is sure; and where lines may be typed ahead, many in one go.

use super::judge::has_garbled_line;
use super::platform::Platform;
use super::scanner::Answer;
use super::session::{Session, Wire, misconfigured};
use std::collections::VecDeque;
use switchyard_actors::domain::config::PortConfig;
use switchyard_actors::domain::failure::{DriverFailure, FailureClass};
use switchyard_actors::domain::ids::PortName;

/// How often a port is read before a line that garbles or cuts every answer is given up.
pub(super) const READS: u32 = 3;

/// Ports that are read next, and what was told about them already. It is forgotten as soon as anything else is said.
#[derive(Default)]
pub(super) struct Ahead {
    expected: Vec<PortName>,
    told: VecDeque<Told>,
}

/// The answer to a line that was typed ahead.
struct Told {
    line: String,
    /// The prompt before the line.
    stood_at: String,
    answer: Answer,
    /// The prompt behind the answer, where there is one for sure.
    stands_at: Option<String>,
}

impl Ahead {
    pub fn expect(&mut self, ports: &[PortName]) {
        self.told.clear();
        self.expected = ports.to_vec();
    }

    pub fn forget(&mut self) {
        self.expected.clear();
        self.told.clear();
    }

    fn take(&mut self, line: &str) -> Option<Told> {
        let place = self.told.iter().position(|told| told.line == line)?;
        self.told.remove(place)
    }
}

impl Session {
    /// Reads a port; and with it those that are expected, where that may be done.
    pub(super) async fn read_config(
        &mut self,
        platform: &Platform,
        port: &PortName,
    ) -> Result<PortConfig, DriverFailure> {
        if self.ahead.expected.contains(port) {
            self.read_ahead(platform).await?;
        }
        let mut output = String::new();
        for (number, line) in platform.read_commands(port).map_err(misconfigured)?.into_iter().enumerate() {
            let answer = self.read_until(platform, &line, |answer| platform.is_whole(number, answer)).await?;
            if let Some((refusal, class)) = platform.output.refusal(&answer) {
                // Nothing in the line varies but the port, so that is what was refused.
                let rejected = class == FailureClass::CommandRejected;
                let class = if rejected { FailureClass::PortUnknown } else { class };
                return Err(self.refused(&line, &refusal, class));
            }
            output.push_str(&answer);
            output.push('\n');
        }
        Ok(platform.port_config(&output))
    }

    /// How many ports are asked for in one go; `None` where a line waits for the answer to the one before it.
    pub(super) fn types_reads_ahead(&self, platform: &Platform) -> Option<usize> {
        let Wire::Shell(dialog) = &self.wire else { return None };
        let may = dialog.types_ahead() && platform.shell.as_ref().is_some_and(|shell| shell.block.is_some());
        may.then_some(self.settings.read_ahead_ports.max(1))
    }

    async fn read_ahead(&mut self, platform: &Platform) -> Result<(), DriverFailure> {
        let ports = std::mem::take(&mut self.ahead.expected);
        let may = self.types_reads_ahead(platform).is_some();
        let (Wire::Shell(dialog), Some(shell)) = (&mut self.wire, &platform.shell) else { return Ok(()) };
        let lines = ports.iter().map(|port| platform.read_commands(port)).collect::<Result<Vec<_>, _>>();
        let lines = lines.map_err(misconfigured)?.concat();
        if !may || lines.len() < 2 {
            return Ok(());
        }
        let mut stood_at = dialog.prompt().to_owned();
        let answers = dialog.type_ahead(shell, &lines, &mut self.transcript).await?;
        for (line, (answer, stands_at)) in lines.into_iter().zip(answers) {
            let next = stands_at.clone().unwrap_or_default();
            self.ahead.told.push_back(Told { line, stood_at, answer, stands_at });
            stood_at = next;
        }
        Ok(())
    }

    /// Reads until an answer is clean, or twice the same although it isn't: neither line noise nor a log message between
    /// the lines repeats itself, a description in an encoding of its own does. A part that was lost in noise, or cut by a
    /// message, would be taken for another one, and an undo would make it so. For the same reason an answer that lacks
    /// what its platform says it must have is no answer.
    pub(super) async fn read_until(
        &mut self,
        platform: &Platform,
        line: &str,
        is_whole: impl Fn(&Answer) -> bool + Send,
    ) -> Result<String, DriverFailure> {
        let mut last: Option<String> = None;
        for _ in 0..READS {
            let answer = self.told(platform, line).await?;
            let text = platform.output.without_logs(&answer.text);
            let is_settled = last.as_ref() == Some(&text) || platform.output.is_clean(&answer.text);
            if is_settled && answer.is_whole && is_whole(&answer) {
                return Ok(text);
            }
            last = Some(text);
        }
        Err(self.unreadable(line, &last.unwrap_or_default()))
    }

    /// The answer to a line, which may have been typed already.
    async fn told(&mut self, platform: &Platform, line: &str) -> Result<Answer, DriverFailure> {
        let Some(Told { line, stood_at, answer, stands_at }) = self.ahead.take(line) else {
            let answer = self.command(platform, line).await?;
            self.must_be_privileged(platform, line)?;
            return Ok(answer);
        };
        self.transcript.sent(&format!("{stood_at}{line}"));
        self.transcript.received(&answer.text);
        let privileged = platform.shell.as_ref().map(|shell| &shell.privileged_prompt);
        let fits = |prompt: &String| privileged.is_none_or(|pattern| pattern.is_match(prompt));
        if stands_at.as_ref().is_none_or(fits) { Ok(answer) } else { Err(self.wrong_mode(&line)) }
    }

    pub(super) fn unreadable(&self, line: &str, last: &str) -> DriverFailure {
        if has_garbled_line(last) {
            let text = format!("the answer to {line:?} came garbled {READS} times, and never twice the same");
            return DriverFailure::new(FailureClass::SessionLost, text);
        }
        let text = format!("the answer to {line:?} was not whole {READS} times; the last one was {last:?}");
        DriverFailure::new(FailureClass::PromptNotSeen, self.transcript.redact(&text))
    }
}

//! Configuration lines on their way: a port's, one by one or in blocks, and those of many ports in one stay in the
//! configuration mode.

use super::judge::Judgement;
use super::platform::Platform;
use super::scanner::Answer;
use super::session::{Session, Wire, shell_of};
use switchyard_actors::domain::failure::DriverFailure;
use switchyard_actors::ports::driver::PortLines;

/// What was sent in one stay, and need not be sent again for the next port: the policy of a speed, a VLAN.
#[derive(Default)]
pub(super) struct Stay<'l> {
    shared: Vec<&'l [String]>,
}

fn breaks(answer: &Result<(), DriverFailure>) -> bool {
    answer.as_ref().is_err_and(|failure| !failure.class.leaves_session_usable())
}

impl Session {
    /// Sends a port's lines, without those at their head that another port of this stay has had sent.
    pub(super) async fn send_port<'l>(
        &mut self,
        platform: &Platform,
        lines: &'l [String],
        stay: &mut Stay<'l>,
    ) -> Result<(), DriverFailure> {
        let shared = platform.shell.as_ref().map_or(&[][..], |shell| shell.shared(lines));
        let were_sent = stay.shared.contains(&shared);
        if were_sent && !shared.is_empty() {
            let remark =
                format!("{} lines that another port wants too were sent with that one's", shared.len());
            self.transcript.remark(&remark);
        }
        self.send_lines(platform, lines, if were_sent { shared.len() } else { 0 }).await?;
        stay.shared.push(shared);
        Ok(())
    }

    /// Sends the lines from the one at this place on, one by one or as many at once as the platform allows; the first that is
    /// refused ends it.
    async fn send_lines(
        &mut self,
        platform: &Platform,
        lines: &[String],
        from: usize,
    ) -> Result<(), DriverFailure> {
        let mut number = from;
        for block in self.blocks(platform, &lines[from..]) {
            let sent = self.send_block(platform, block).await;
            sent.map_err(|(place, failure)| {
                let beside = block.len() - place - 1;
                self.with_progress(failure, number + place, beside, lines)
            })?;
            number += block.len();
        }
        Ok(())
    }

    fn blocks<'l>(&self, platform: &Platform, lines: &'l [String]) -> Vec<&'l [String]> {
        match (&self.wire, &platform.shell) {
            (Wire::Shell(dialog), Some(shell)) if dialog.types_ahead() => shell.blocks(lines).collect(),
            (Wire::Shell(_) | Wire::Exec, _) => lines.chunks(1).collect(),
        }
    }

    /// Answers at which line of the block it failed: at the first that was refused, or the first at all where the session broke.
    async fn send_block(
        &mut self,
        platform: &Platform,
        block: &[String],
    ) -> Result<(), (usize, DriverFailure)> {
        let shell = match (&self.wire, &platform.shell) {
            // What was typed ahead may have got lost meanwhile.
            (Wire::Shell(dialog), Some(shell)) if block.len() > 1 && dialog.types_ahead() => shell,
            (Wire::Shell(_) | Wire::Exec, _) => return self.one_by_one(platform, block).await,
        };
        let Wire::Shell(dialog) = &mut self.wire else { unreachable!("it was one just now") };
        let answers = dialog.block(shell, block, &mut self.transcript).await;
        let answers = answers.map_err(|failure| (0, failure))?;
        for (place, (line, (answer, prompt))) in block.iter().zip(&answers).enumerate() {
            let is_inside = prompt.as_ref().is_none_or(|prompt| shell.configuration_prompt.is_match(prompt));
            let judged =
                if is_inside { self.judged(platform, line, answer) } else { Err(self.wrong_mode(line)) };
            judged.map_err(|failure| (place, failure))?;
        }
        let last = block.last().expect("two at least");
        self.must_configure(platform, last).map_err(|failure| (block.len() - 1, failure))
    }

    async fn one_by_one(
        &mut self,
        platform: &Platform,
        lines: &[String],
    ) -> Result<(), (usize, DriverFailure)> {
        for (place, line) in lines.iter().enumerate() {
            self.send_line(platform, line).await.map_err(|failure| (place, failure))?;
        }
        Ok(())
    }

    async fn send_line(&mut self, platform: &Platform, line: &str) -> Result<(), DriverFailure> {
        let was_outside = self.must_configure(platform, "").is_err();
        let answer = self.command(platform, line).await?;
        let is_refused = matches!(platform.judge(&answer), Judgement::Bad { .. });
        // Behind a line that stepped out on purpose, a refusal is about the line, although it leaves us where we stood.
        if !(was_outside && is_refused) {
            self.must_configure(platform, line)?;
        }
        self.judged(platform, line, &answer)
    }

    fn judged(&mut self, platform: &Platform, line: &str, answer: &Answer) -> Result<(), DriverFailure> {
        match platform.judge(answer) {
            Judgement::Fine => Ok(()),
            Judgement::Unclear(unclear) => {
                self.transcript.remark(&format!("unclear, left to the read-back: {}", unclear.join(" / ")));
                Ok(())
            }
            Judgement::Bad { line: answer, class } => Err(self.refused(line, &answer, class)),
        }
    }

    /// A failure that also tells which lines the switch may have: what was answered is there, what wasn't is unknown.
    fn with_progress(
        &mut self,
        failure: DriverFailure,
        number: usize,
        beside: usize,
        lines: &[String],
    ) -> DriverFailure {
        let became =
            if failure.class.leaves_session_usable() { "refused" } else { "sent, its effect unknown" };
        let (place, all) = (number + 1, lines.len());
        let left = all - place - beside;
        let beside = if beside == 0 { String::new() } else { format!("{beside} behind it sent with it, ") };
        let text = format!(
            "{} (line {place} of {all} was {became}; {number} before it were answered, {beside}{left} behind it not sent)",
            failure.detail
        );
        self.transcript.remark(&format!("line {place} of {all}: {became}"));
        DriverFailure { detail: text, ..failure }
    }

    /// One stay in the configuration mode for all ports.
    pub(super) async fn apply_in_shell(
        &mut self,
        platform: &Platform,
        ports: &[PortLines],
    ) -> Vec<Result<(), DriverFailure>> {
        if let Err(failure) = self.enter(platform, &shell_of(platform).enter_configuration).await {
            return vec![Err(failure); ports.len()];
        }
        let mut answers = self.send_each(platform, ports).await;
        if answers.iter().any(breaks) {
            return answers;
        }
        // Whatever was refused, the configuration mode is left, so that an undo finds the session as it was.
        if let (Err(failure), Some(last)) = (self.leave_configuration(platform).await, answers.last_mut())
            && (last.is_ok() || !failure.class.leaves_session_usable())
        {
            *last = Err(failure);
        }
        answers
    }

    /// The lines of one port after another. Behind a failure that breaks the session nothing is sent, and the rest fails like it.
    pub(super) async fn send_each(
        &mut self,
        platform: &Platform,
        ports: &[PortLines],
    ) -> Vec<Result<(), DriverFailure>> {
        let mut answers: Vec<Result<(), DriverFailure>> = Vec::with_capacity(ports.len());
        let mut stay = Stay::default();
        for PortLines { port, lines } in ports {
            let before = match answers.last() {
                Some(Err(failure)) if !failure.class.leaves_session_usable() => Err(failure.clone()),
                Some(last) => self.come_back_to_the_top(platform, last.is_err()).await,
                None => Ok(()),
            };
            let sent = match before {
                Ok(()) => self.send_port(platform, lines, &mut stay).await,
                Err(failure) => Err(failure),
            };
            answers.push(sent);
            self.said.push((port.clone(), self.transcript.take()));
        }
        answers
    }

    /// Between two ports: the next one's lines must not be taken for the one's before it. Where a line was refused, nobody knows how
    /// deep the session stands, so the configuration mode is left and entered again; and so it is where the platform doesn't
    /// say how to come back.
    async fn come_back_to_the_top(
        &mut self,
        platform: &Platform,
        was_refused: bool,
    ) -> Result<(), DriverFailure> {
        let Some(shell) = &platform.shell else { return Ok(()) };
        match &shell.between_ports {
            Some(lines) if !was_refused => self.send_lines(platform, lines, 0).await,
            Some(_) | None => {
                self.leave_configuration(platform).await?;
                self.enter(platform, &shell.enter_configuration).await
            }
        }
    }
}

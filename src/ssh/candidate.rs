//! Ports whose lines edit a copy of the configuration, which one commit makes run: all of them or none.
//!
//! So that one port's fault stays its own, what is refused is tried again without it: without the port whose line was
//! refused, or that the commit's refusal names; and if it names none, port by port. Whatever happens, the copy is left
//! clean: what a refused commit leaves in it would come with the next one, and locks others out.

use super::dead_man::new_name;
use super::platform::{Candidate, Committed, Platform};
use super::scanner::Answer;
use super::sending::Stay;
use super::session::{Session, Wire, shell_of};
use regex::Regex;
use std::time::Duration;
use switchyard_actors::domain::failure::{DriverFailure, FailureClass};
use switchyard_actors::ports::driver::PortLines;

/// The most of a refusal that goes into a failure.
const REFUSAL_CHARS: usize = 400;

/// What one commit came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Came {
    Committed,
    /// Because of this port, by its place among all.
    Refused(usize, DriverFailure),
    /// Because of some of them.
    RefusedTogether(DriverFailure),
    /// For a reason that no port is to blame for; the session may be gone.
    Broken(DriverFailure),
}

/// Which ports are committed together next, and what came of those that were.
#[derive(Debug)]
struct Rounds {
    came: Vec<Option<Result<(), DriverFailure>>>,
    one_by_one: bool,
}

impl Rounds {
    fn of(ports: usize) -> Self {
        Self { came: vec![None; ports], one_by_one: false }
    }

    fn next(&self) -> Option<Vec<usize>> {
        let open = (0..self.came.len()).filter(|place| self.came[*place].is_none());
        let batch: Vec<_> = if self.one_by_one { open.take(1).collect() } else { open.collect() };
        (!batch.is_empty()).then_some(batch)
    }

    fn note(&mut self, batch: &[usize], came: Came) {
        match came {
            Came::Committed => batch.iter().for_each(|place| self.came[*place] = Some(Ok(()))),
            Came::Refused(place, failure) => self.came[place] = Some(Err(failure)),
            Came::RefusedTogether(failure) => match batch {
                [alone] => self.came[*alone] = Some(Err(failure)),
                _ => self.one_by_one = true,
            },
            Came::Broken(failure) => {
                self.came
                    .iter_mut()
                    .filter(|came| came.is_none())
                    .for_each(|came| *came = Some(Err(failure.clone())));
            }
        }
    }

    fn answers(self) -> Vec<Result<(), DriverFailure>> {
        self.came.into_iter().map(|came| came.expect("rounds go on until each port has its answer")).collect()
    }
}

/// The one port of these that a refusal names.
fn named_in(text: &str, ports: &[PortLines], batch: &[usize]) -> Option<usize> {
    let is_named = |place: &&usize| {
        let name = regex::escape(ports[**place].port.as_str());
        let whole = Regex::new(&format!(r"(?:^|[^\w/.-]){name}(?:$|[^\w/-])"));
        whole.is_ok_and(|whole| whole.is_match(text))
    };
    match batch.iter().filter(is_named).collect::<Vec<_>>()[..] {
        [one] => Some(*one),
        _ => None,
    }
}

impl Session {
    pub(super) async fn apply_as_candidate(
        &mut self,
        platform: &Platform,
        candidate: &Candidate,
        ports: &[PortLines],
    ) -> Vec<Result<(), DriverFailure>> {
        let mut rounds = Rounds::of(ports.len());
        while let Some(batch) = rounds.next() {
            let came = self.commit_together(platform, candidate, ports, &batch).await;
            rounds.note(&batch, came);
        }
        rounds.answers()
    }

    /// A change of ours that waits to be confirmed stands first: devices take one at a time, and if something of it isn't as
    /// it should be, this one puts it right.
    async fn commit_together(
        &mut self,
        platform: &Platform,
        candidate: &Candidate,
        ports: &[PortLines],
        batch: &[usize],
    ) -> Came {
        if let Err(failure) = self.make_stand(platform).await {
            return Came::Broken(failure);
        }
        let name = new_name();
        let enter = candidate.enter.as_ref().map(|enter| enter.with(&name, self.settings.dead_man_minutes));
        let enter = enter.unwrap_or_else(|| shell_of(platform).enter_configuration.clone());
        if let Err(failure) = self.enter(platform, &enter).await {
            return Came::Broken(failure);
        }
        let mut stay = Stay::default();
        for place in batch {
            if let Err(failure) = self.send_port(platform, &ports[*place].lines, &mut stay).await {
                return self
                    .clean(platform, candidate, &name, Came::Refused(*place, failure.clone()), failure)
                    .await;
            }
        }
        match self.commit(platform, candidate, &name).await {
            Ok(Committed::Yes) => match self.leave_configuration(platform).await {
                Ok(()) => Came::Committed,
                Err(failure) => Came::Broken(failure),
            },
            Ok(Committed::No { text, class }) => {
                let failure = self.refused_whole("the commit", &text, class);
                let came = match named_in(&text, ports, batch) {
                    Some(place) => Came::Refused(place, failure.clone()),
                    None => Came::RefusedTogether(failure.clone()),
                };
                self.clean(platform, candidate, &name, came, failure).await
            }
            Ok(Committed::Unclear) => {
                let text = "the answer to the commit isn't known, so whether it runs isn't either";
                Came::Broken(DriverFailure::new(FailureClass::SessionLost, text))
            }
            Err(failure) => Came::Broken(failure),
        }
    }

    /// Leaves the copy clean behind, unless the session is gone, or the lock is somebody's: then it is no port's fault.
    async fn clean(
        &mut self,
        platform: &Platform,
        candidate: &Candidate,
        name: &str,
        came: Came,
        failure: DriverFailure,
    ) -> Came {
        if !failure.class.leaves_session_usable() {
            return Came::Broken(failure);
        }
        match self.throw_away(platform, candidate, name).await {
            Ok(()) if failure.class == FailureClass::ConfigurationLocked => Came::Broken(failure),
            Ok(()) => came,
            Err(failure) => Came::Broken(failure),
        }
    }

    async fn commit(
        &mut self,
        platform: &Platform,
        candidate: &Candidate,
        name: &str,
    ) -> Result<Committed, DriverFailure> {
        let line = candidate.commit.with(name, self.settings.dead_man_minutes);
        let pending = self.pending(name.to_owned());
        let answer = self.command_within(platform, &line, self.settings.commit_ms).await?;
        let has_left = !self.stands_at(&shell_of(platform).configuration_prompt);
        let committed = candidate.judge(&platform.output, &answer, has_left);
        if committed == Committed::Yes && platform.dead_man.is_some() {
            self.standing = pending;
        }
        Ok(committed)
    }

    async fn throw_away(
        &mut self,
        platform: &Platform,
        candidate: &Candidate,
        name: &str,
    ) -> Result<(), DriverFailure> {
        let line = candidate.discard.with(name, self.settings.dead_man_minutes);
        let answer = self.command(platform, &line).await?;
        if let Some((refusal, _)) = platform.output.refusal(&answer.text) {
            return Err(self.refused(&line, &refusal, FailureClass::SessionLost));
        }
        self.leave_configuration(platform).await
    }

    /// A refusal with all its lines in one.
    pub(super) fn refused_whole(&self, line: &str, answer: &str, class: FailureClass) -> DriverFailure {
        let lines: Vec<_> = answer.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let told: String = lines.join(" / ").chars().take(REFUSAL_CHARS).collect();
        self.refused(line, &told, class)
    }

    /// The same as a command, which has a time limit of its own.
    pub(super) async fn command_within(
        &mut self,
        platform: &Platform,
        line: &str,
        limit_ms: u64,
    ) -> Result<Answer, DriverFailure> {
        let limit = Duration::from_millis(limit_ms);
        match &mut self.wire {
            Wire::Shell(dialog) => {
                dialog.converse(shell_of(platform), line, &[], limit, &mut self.transcript).await
            }
            Wire::Exec => self.command(platform, line).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_actors::domain::ids::PortName;

    fn failure() -> DriverFailure {
        DriverFailure::new(FailureClass::CommandRejected, "no")
    }

    fn run(ports: usize, mut commit: impl FnMut(&[usize]) -> Came) -> (Vec<bool>, usize) {
        let (mut rounds, mut count) = (Rounds::of(ports), 0);
        while let Some(batch) = rounds.next() {
            let came = commit(&batch);
            rounds.note(&batch, came);
            count += 1;
        }
        (rounds.answers().iter().map(Result::is_ok).collect(), count)
    }

    #[test]
    fn a_port_that_is_to_blame_is_left_out_and_the_others_go_together() {
        let came = run(4, |batch| match batch.contains(&2) {
            true => Came::Refused(2, failure()),
            false => Came::Committed,
        });
        assert_eq!(came, (vec![true, true, false, true], 2));
    }

    #[test]
    fn where_nobody_is_named_each_goes_alone() {
        let came = run(3, |batch| match batch.contains(&1) {
            true => Came::RefusedTogether(failure()),
            false => Came::Committed,
        });
        assert_eq!(came, (vec![true, false, true], 4));
    }

    #[test]
    fn what_breaks_fails_for_all_that_have_no_answer_yet() {
        let mut first = true;
        let came = run(3, |_| match std::mem::take(&mut first) {
            true => Came::Refused(0, failure()),
            false => Came::Broken(failure()),
        });
        assert_eq!(came, (vec![false, false, false], 2));
    }

    #[test]
    fn a_port_is_named_by_its_whole_name_and_alone() {
        let ports = ["ge-0/0/1", "ge-0/0/10", "ge-0/0/2"]
            .map(|name| PortLines { port: PortName::parse(name).expect("valid"), lines: Vec::new() });
        let named = |text| named_in(text, &ports, &[0, 1, 2]);
        assert_eq!(named("[edit interfaces ge-0/0/10 unit 0]\n 'input'"), Some(1));
        assert_eq!(named("[edit interfaces ge-0/0/1.0]"), Some(0));
        assert_eq!(named("ge-0/0/1 and ge-0/0/2"), None);
        assert_eq!(named("nobody"), None);
    }
}

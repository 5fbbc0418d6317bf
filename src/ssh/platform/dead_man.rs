//! The parts of a platform file that say how changes are taken back: `[candidate]`, where lines edit a copy that one commit
//! makes run, and `[dead_man]`, where the device takes a change back by itself unless it is confirmed in time.
//!
//! Commands are templates that know `{{ name }}`, the name of this change; `{{ minutes }}`, how long the device waits; and
//! `{{ hh_mm_ss }}`, the same as a clock shows it.

use super::super::judge::{Judgement, OutputPatterns};
use super::super::scanner::Answer;
use super::super::template::Templates;
use super::{Compiler, PlatformError};
use regex::Regex;
use serde::Deserialize;
use std::collections::BTreeMap;
use switchyard_actors::domain::failure::FailureClass;

/// What every change of ours is named with, so that it is known for ours.
pub const NAME: &str = "switchyard";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CandidateFile {
    #[serde(default)]
    enter: Option<String>,
    commit: String,
    #[serde(default)]
    committed_if: Option<String>,
    #[serde(default)]
    commit_leaves: bool,
    discard: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeadManFile {
    #[serde(default)]
    arm: Option<String>,
    #[serde(default)]
    armed_if: Option<String>,
    confirm: String,
    #[serde(default)]
    confirmed_if: Option<String>,
    #[serde(default)]
    in_configuration: bool,
    #[serde(default)]
    look: Option<LookFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LookFile {
    command: String,
    #[serde(default)]
    command_in_configuration: Option<String>,
    must_match: String,
    ours_if: String,
    pending_if: String,
    take_back: Vec<String>,
}

/// A command of these tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command(String);

impl Command {
    /// For a change of this name, which the device takes back after so many minutes.
    #[must_use]
    pub fn with(&self, name: &str, minutes: u64) -> String {
        Self::render(&self.0, name, minutes).expect("it was rendered when the file was read")
    }

    fn render(text: &str, name: &str, minutes: u64) -> Result<String, String> {
        let values = [
            ("name", name.to_owned()),
            ("minutes", minutes.to_string()),
            ("hh_mm_ss", format!("{:02}:{:02}:00", minutes / 60, minutes % 60)),
        ];
        Templates::once(text, &BTreeMap::from(values))
    }
}

/// Lines edit a copy, and nothing of them stands before the commit.
#[derive(Debug)]
pub struct Candidate {
    /// Enters the copy; `None` where the shell's `enter_configuration` does.
    pub enter: Option<Command>,
    /// Makes the copy run. Where there is a dead-man, that arms it.
    pub commit: Command,
    /// What a commit that worked says; `None` where it says nothing.
    pub committed_if: Option<Regex>,
    /// Whether the commit leaves the configuration mode by itself.
    pub commit_leaves: bool,
    /// Throws away what isn't committed.
    pub discard: Command,
}

/// What the answer to a commit comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// It runs.
    Yes,
    /// The device says no, and this is why.
    No {
        /// The whole answer.
        text: String,
        /// What kind of no.
        class: FailureClass,
    },
    /// Nobody knows.
    Unclear,
}

impl Candidate {
    /// What the answer to the commit comes to; `has_left` is whether the session stands outside the configuration mode.
    #[must_use]
    pub fn judge(&self, output: &OutputPatterns, answer: &Answer, has_left: bool) -> Committed {
        let text = output.without_logs(&answer.text);
        let has_said_so = match &self.committed_if {
            Some(pattern) => pattern.is_match(&text),
            None => output.judge(&answer.text) == Judgement::Fine,
        };
        match output.refusal(&answer.text) {
            _ if !answer.is_whole => Committed::Unclear,
            Some((_, class)) => Committed::No { text, class },
            None if has_said_so && has_left == self.commit_leaves => Committed::Yes,
            None => Committed::Unclear,
        }
    }
}

/// The device takes a change back by itself unless it is confirmed in time.
#[derive(Debug)]
pub struct DeadMan {
    /// Arms it, outside of the configuration mode; `None` where the commit of a candidate does.
    pub arm: Option<(Command, Regex)>,
    /// Makes the change stand.
    pub confirm: Command,
    /// What a confirmation that worked says; `None` where it says nothing.
    pub confirmed_if: Option<Regex>,
    /// Whether confirming and taking back is done in the configuration mode.
    pub in_configuration: bool,
    /// How it is seen what waits to be confirmed; `None` where the device doesn't tell.
    pub look: Option<Look>,
}

/// How it is seen what waits to be confirmed, and how it is taken back before its time.
#[derive(Debug)]
pub struct Look {
    /// The command, outside of the configuration mode.
    pub command: String,
    /// The same inside, where things are taken back in the configuration mode.
    pub command_in_configuration: Option<String>,
    /// What its answer must have to be whole.
    pub must_match: Regex,
    /// Takes one of ours back before its time.
    pub take_back: Vec<Command>,
    ours_if: Regex,
    pending_if: Regex,
}

/// What waits to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing.
    Nothing,
    /// Changes of ours, by their names.
    Ours(Vec<String>),
    /// Somebody else's: this line says so.
    Others(String),
}

impl Look {
    /// What the answer says. Somebody else's goes first: while it waits, nothing may be committed.
    #[must_use]
    pub fn judge(&self, text: &str) -> Waiting {
        let ours: Vec<_> = self.ours_if.captures_iter(text).collect();
        let is_ours = |at: usize| {
            ours.iter().filter_map(|groups| groups.get(0)).any(|whole| whole.range().contains(&at))
        };
        if let Some(other) = self.pending_if.find_iter(text).find(|found| !is_ours(found.start())) {
            return Waiting::Others(other.as_str().lines().next().unwrap_or_default().trim().to_owned());
        }
        let name = |groups: &regex::Captures<'_>| groups.get(1).map_or("", |name| name.as_str()).to_owned();
        if ours.is_empty() { Waiting::Nothing } else { Waiting::Ours(ours.iter().map(name).collect()) }
    }
}

impl Compiler<'_> {
    fn command(&self, key: &str, text: &str) -> Result<Command, PlatformError> {
        Command::render(text, NAME, 10).map_err(|why| self.faulty(key, why))?;
        Ok(Command(text.to_owned()))
    }

    fn optional_regex(&self, key: &str, pattern: Option<&String>) -> Result<Option<Regex>, PlatformError> {
        pattern.map(|pattern| self.regex(key, pattern)).transpose()
    }

    pub(super) fn candidate(&self, file: &CandidateFile) -> Result<Candidate, PlatformError> {
        let enter = file.enter.as_ref().map(|text| self.command("candidate.enter", text));
        Ok(Candidate {
            enter: enter.transpose()?,
            commit: self.command("candidate.commit", &file.commit)?,
            committed_if: self.optional_regex("candidate.committed_if", file.committed_if.as_ref())?,
            commit_leaves: file.commit_leaves,
            discard: self.command("candidate.discard", &file.discard)?,
        })
    }

    pub(super) fn dead_man(&self, file: &DeadManFile, has_candidate: bool) -> Result<DeadMan, PlatformError> {
        let arm = match (&file.arm, &file.armed_if) {
            (Some(arm), Some(armed_if)) => {
                Some((self.command("dead_man.arm", arm)?, self.regex("dead_man.armed_if", armed_if)?))
            }
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err(self.faulty("dead_man.arm", "arm and armed_if are accepted together only"));
            }
        };
        if arm.is_some() == has_candidate {
            let why = "without a [candidate] it must say how it is armed, and with one the commit arms it";
            return Err(self.faulty("dead_man.arm", why));
        }
        Ok(DeadMan {
            arm,
            confirm: self.command("dead_man.confirm", &file.confirm)?,
            confirmed_if: self.optional_regex("dead_man.confirmed_if", file.confirmed_if.as_ref())?,
            in_configuration: file.in_configuration,
            look: file.look.as_ref().map(|look| self.look(look)).transpose()?,
        })
    }

    fn look(&self, file: &LookFile) -> Result<Look, PlatformError> {
        let take_back = file.take_back.iter().map(|line| self.command("dead_man.look.take_back", line));
        Ok(Look {
            command: file.command.clone(),
            command_in_configuration: file.command_in_configuration.clone(),
            must_match: self.regex("dead_man.look.must_match", &file.must_match)?,
            take_back: take_back.collect::<Result<_, PlatformError>>()?,
            ours_if: self.capture("dead_man.look.ours_if", &file.ours_if)?,
            pending_if: self.regex("dead_man.look.pending_if", &file.pending_if)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Platform;
    use super::*;

    const JUNOS: &str = include_str!("../../../config/platforms/juniper_junos.toml");
    const EOS: &str = include_str!("../../../config/platforms/arista_eos.toml");
    const AOSCX: &str = include_str!("../../../config/platforms/aruba_aoscx.toml");

    fn platform(text: &str) -> Platform {
        Platform::parse("x.toml", text).expect("it ships")
    }

    fn looked(text: &str, answer: &str) -> Waiting {
        let dead_man = platform(text).dead_man.expect("it takes back");
        dead_man.look.expect("it tells what waits").judge(answer)
    }

    #[test]
    fn a_commit_of_junos_waits_only_while_the_device_says_so_and_is_ours_by_its_name() {
        let line = "0   2024-05-06 06:38:48 UTC by admin via cli commit confirmed, rollback in 10mins\n";
        let older = "1   2024-05-06 06:30:00 UTC by admin via cli\n    switchyard-0a1b2c3d\n";
        let table = [
            (
                "    switchyard-5a3b1c0d\n    rollback pending\n",
                Waiting::Ours(vec!["switchyard-5a3b1c0d".into()]),
            ),
            ("    switchyard-5a3b1c0d\n", Waiting::Nothing),
            ("    maintenance\n    rollback pending\n", Waiting::Others(line.trim().into())),
            ("    rollback pending\n", Waiting::Others(line.trim().into())),
            ("", Waiting::Nothing),
        ];
        for (behind, expected) in table {
            assert_eq!(looked(JUNOS, &format!("\n{line}{behind}{older}")), expected, "{behind:?}");
        }
    }

    #[test]
    fn sessions_of_eos_are_ours_by_name_and_somebody_elses_only_while_its_commit_waits() {
        let head = "  Name                 State                    User\n  -------------------- ----------- ------\n";
        let ours = "  switchyard-5a3b1c0d  pendingCommitTimer       admin\n* switchyard-00000001  pending                  admin\n";
        let edited = "  maintenance          pending                  noc\n";
        let waits = "  maintenance          pendingCommitTimer       noc\n";
        let done = "  switchyard-0000000f  completed                admin\n";
        let names = ["switchyard-5a3b1c0d", "switchyard-00000001"].map(str::to_owned).to_vec();
        assert_eq!(looked(EOS, &format!("{head}{ours}{edited}{done}")), Waiting::Ours(names));
        assert_eq!(looked(EOS, &format!("{head}{edited}{done}")), Waiting::Nothing);
        let others = looked(EOS, &format!("{head}{ours}{waits}"));
        assert!(matches!(&others, Waiting::Others(line) if line.starts_with("maintenance")), "{others:?}");
    }

    #[test]
    fn a_commit_has_worked_only_when_it_says_so_and_the_session_stands_where_it_should() {
        let judge = |text: &str, answer: &str, is_whole: bool, has_left: bool| {
            let platform = platform(text);
            let answer = Answer { text: answer.into(), is_whole };
            platform.candidate.expect("it has a candidate").judge(&platform.output, &answer, has_left)
        };
        assert_eq!(judge(JUNOS, "commit complete\n", true, false), Committed::Yes);
        assert_eq!(judge(JUNOS, "commit complete\n", false, false), Committed::Unclear);
        assert_eq!(judge(JUNOS, "", true, false), Committed::Unclear);
        let refused = judge(JUNOS, "error: commit failed\n", true, false);
        assert!(matches!(refused, Committed::No { class: FailureClass::CommandRejected, .. }), "{refused:?}");
        assert_eq!(judge(EOS, "", true, true), Committed::Yes);
        assert_eq!(judge(EOS, "", true, false), Committed::Unclear);
        assert_eq!(judge(EOS, "words that nobody knows\n", true, true), Committed::Unclear);
    }

    #[test]
    fn a_command_knows_its_name_and_how_long_the_device_waits() {
        let commit = platform(EOS).candidate.expect("a candidate").commit;
        assert_eq!(commit.with("x", 5), "commit timer 00:05:00");
        let arm = platform(AOSCX).dead_man.expect("a dead-man").arm.expect("armed by a command").0;
        assert_eq!(arm.with("x", 59), "checkpoint auto 59");
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_key() {
        let arm = "[dead_man]\narm = 'x'\narmed_if = 'y'\n";
        let cases = [
            (JUNOS.replace("confirmed {{ minutes }}", "confirmed {{ minute }}"), "candidate.commit"),
            (JUNOS.replace("discard = \"rollback 0\"", "discard = \"a\\nb\""), "candidate.discard"),
            (JUNOS.replace("(switchyard-\\w+)", "switchyard-\\w+"), "dead_man.look.ours_if"),
            (JUNOS.replace("[dead_man]\n", arm), "dead_man.arm"),
            (AOSCX.replace("arm = \"checkpoint", "# arm = \"checkpoint"), "dead_man.arm"),
            (
                AOSCX.replace("armed_if = ", "# armed_if = ").replace("arm = \"ch", "# arm = \"ch"),
                "dead_man.arm",
            ),
        ];
        for (faulty, key) in cases {
            let error = Platform::parse("x.toml", &faulty).expect_err(key).to_string();
            assert!(error.starts_with(&format!("x.toml: {key}: ")), "{key}: {error}");
        }
    }
}

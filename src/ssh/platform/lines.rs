//! The part of a platform file that says how the terminal lines of a device are counted, so that some are left for people: from
//! a list of all of them, or from the two numbers that a device tells.

use super::{Compiler, PlatformError};
use regex::Regex;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinesFile {
    command: String,
    #[serde(default)]
    line: Option<String>,
    #[serde(default)]
    used: Option<String>,
    #[serde(default)]
    own: Option<String>,
    #[serde(default)]
    total: Option<String>,
    #[serde(default)]
    taken: Option<String>,
}

/// How a device tells of its terminal lines.
#[derive(Debug)]
pub struct Lines {
    /// The command.
    pub command: String,
    told: Told,
}

#[derive(Debug)]
enum Told {
    /// One a line of its answer. Without `own`, ours is one of those that are used.
    Listed { line: Regex, used: Regex, own: Option<Regex> },
    /// How many there are, and how many are taken.
    Counted { total: Regex, taken: Regex },
}

/// The terminal lines of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineCount {
    /// All of them.
    pub total: usize,
    /// Those that are taken, ours among them.
    pub taken: usize,
    /// Who has those that are taken, as far as it is told.
    pub holders: Vec<String>,
}

impl Lines {
    /// What an answer says; `None` when our own line can't be among those that are taken, so that it says something else.
    #[must_use]
    pub fn count(&self, answer: &str) -> Option<LineCount> {
        match &self.told {
            Told::Listed { line, used, own } => {
                let lines = answer.lines().filter(|text| line.is_match(text));
                listed(&lines.collect::<Vec<_>>(), used, own.as_ref())
            }
            Told::Counted { total, taken } => {
                let number = |pattern: &Regex| pattern.captures(answer)?.get(1)?.as_str().parse().ok();
                let (total, taken) = (number(total)?, number(taken)?);
                (taken > 0).then_some(LineCount { total, taken, holders: Vec::new() })
            }
        }
    }
}

fn listed(lines: &[&str], used: &Regex, own: Option<&Regex>) -> Option<LineCount> {
    let is_own = |line: &&&str| own.is_some_and(|own| own.is_match(line));
    let (ours, others): (Vec<&str>, Vec<&str>) = lines.iter().partition(is_own);
    let mut places = BTreeMap::<&str, usize>::new();
    for place in others.iter().filter_map(|line| used.captures(line)?.get(1)) {
        *places.entry(place.as_str()).or_default() += 1;
    }
    let taken = ours.len() + places.values().sum::<usize>();
    let own_lines = if own.is_some() { ours.len() } else { taken.min(1) };
    let this = ours.iter().map(|_| "this one".to_owned());
    let holders = this.chain(places.iter().map(|(place, count)| format!("{count} from {place}")));
    (own_lines == 1).then(|| LineCount { total: lines.len(), taken, holders: holders.collect() })
}

impl LineCount {
    /// Those that nobody has.
    #[must_use]
    pub fn free(&self) -> usize {
        self.total.saturating_sub(self.taken)
    }

    /// Who has them, for an operator.
    #[must_use]
    pub fn describe(&self) -> String {
        let told = if self.holders.is_empty() { "this one among them" } else { &self.holders.join(", ") };
        format!("{} of {} lines are taken: {told}", self.taken, self.total)
    }
}

impl Compiler<'_> {
    pub(super) fn lines_table(&self, file: &LinesFile) -> Result<Lines, PlatformError> {
        let told = match (&file.line, &file.used, &file.total, &file.taken) {
            (Some(line), Some(used), None, None) => Told::Listed {
                line: self.regex("lines.line", line)?,
                used: self.capture("lines.used", used)?,
                own: file.own.as_ref().map(|own| self.regex("lines.own", own)).transpose()?,
            },
            (None, None, Some(total), Some(taken)) if file.own.is_none() => Told::Counted {
                total: self.capture("lines.total", total)?,
                taken: self.capture("lines.taken", taken)?,
            },
            _ => {
                let why = "line and used are accepted, and own beside them, or total and taken";
                return Err(self.faulty("lines", why));
            }
        };
        Ok(Lines { command: file.command.clone(), told })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Platform, Platforms};

    fn described(platform: &str, answer: &str) -> Option<String> {
        let platforms = Platforms::load(None).expect("those that ship");
        let lines = platforms.get(platform).expect("it ships").lines.as_ref().expect("it tells its lines");
        lines.count(answer).map(|count| format!("{} free, {}", count.free(), count.describe()))
    }

    /// The idle rows are a public report's; those in use are written by its columns' headings.
    #[test]
    fn where_no_line_is_marked_as_ours_it_is_one_of_those_in_use() {
        let head =
            " Ses Type     | Source IP                                      Port\n --- -------- + --- ---\n";
        let rows = " 1   console  |\n 2   telnet   |\n 3   ssh      | 10.0.0.9                                     51234\n\
            \x20 4   ssh      | SSHv2 10.0.0.9                     51235\n 5   inactive |\n 6   inactive |\n";
        assert_eq!(
            described("aruba_aoss", &format!("{head}{rows}")).as_deref(),
            Some("2 free, 3 of 5 lines are taken: 2 from 10.0.0.9, 1 from telnet")
        );
        for nobody in ["", " 1   console  |\n 2   inactive |\n", "Invalid input: ip\n"] {
            assert_eq!(described("aruba_aoss", nobody), None, "ours must be one: {nobody:?}");
        }
    }

    #[test]
    fn a_device_that_tells_two_numbers_is_taken_at_its_word() {
        let told = |taken: &str| {
            format!(
                "SSH Sessions Currently Active: ................ {taken}\nMax SSH Sessions Allowed: ..................... 5\n"
            )
        };
        assert_eq!(
            described("ubiquiti_edgeswitch", &told("4")).as_deref(),
            Some("1 free, 4 of 5 lines are taken: this one among them")
        );
        assert_eq!(
            described("ubiquiti_edgeswitch", &told("7")).map(|text| text[..6].to_owned()),
            Some("0 free".into())
        );
        for other in [&told("0"), &told("many"), "% Invalid input detected at '^' marker.\n"] {
            assert_eq!(described("ubiquiti_edgeswitch", other), None, "ours must be one: {other:?}");
        }
    }

    #[test]
    fn a_list_and_two_numbers_do_not_go_together_and_half_of_either_is_not_enough() {
        let text = include_str!("../../../config/platforms/ubiquiti_edgeswitch.toml");
        for faulty in [
            text.replace("\ntaken = ", "\nused = "),
            text.replace("\ntaken = ", "\nown = '^x'\ntaken = "),
            text.replace("\n[lines]\n", "\n[lines]\nline = 'x'\n"),
        ] {
            assert_ne!(faulty, text, "the case changes something");
            let error = Platform::parse("own.toml", &faulty).expect_err("faulty").to_string();
            assert!(error.starts_with("own.toml: lines: line and used are accepted"), "{error}");
        }
    }
}

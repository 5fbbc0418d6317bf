//! The part of a platform file that says how the terminal lines of a device are counted, so that some are left for people.

use super::{Compiler, PlatformError};
use regex::Regex;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinesFile {
    command: String,
    line: String,
    used: String,
    own: String,
}

/// How a device lists its terminal lines: one a line of its answer.
#[derive(Debug)]
pub struct Lines {
    /// The command.
    pub command: String,
    line: Regex,
    used: Regex,
    own: Regex,
}

/// The terminal lines of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineCount {
    /// All of them.
    pub total: usize,
    /// Those of others that are taken, by where they come from.
    pub others: BTreeMap<String, usize>,
}

impl Lines {
    /// What an answer lists; `None` when our own line isn't among them, so that it lists something else.
    #[must_use]
    pub fn count(&self, answer: &str) -> Option<LineCount> {
        let lines: Vec<&str> = answer.lines().filter(|line| self.line.is_match(line)).collect();
        let (own, taken): (Vec<&str>, Vec<&str>) = lines.iter().partition(|line| self.own.is_match(line));
        let places = taken.iter().filter_map(|line| self.used.captures(line)?.get(1));
        let mut others = BTreeMap::<String, usize>::new();
        for place in places {
            *others.entry(place.as_str().to_owned()).or_default() += 1;
        }
        (own.len() == 1).then_some(LineCount { total: lines.len(), others })
    }
}

impl LineCount {
    /// Those that are taken, ours among them.
    #[must_use]
    pub fn used(&self) -> usize {
        1 + self.others.values().sum::<usize>()
    }

    /// Those that nobody has.
    #[must_use]
    pub fn free(&self) -> usize {
        self.total.saturating_sub(self.used())
    }

    /// Who has them, for an operator.
    #[must_use]
    pub fn describe(&self) -> String {
        let others = self.others.iter().map(|(place, count)| format!(", {count} from {place}"));
        format!("{} of {} lines are taken: this one{}", self.used(), self.total, others.collect::<String>())
    }
}

impl Compiler<'_> {
    pub(super) fn lines_table(&self, file: &LinesFile) -> Result<Lines, PlatformError> {
        Ok(Lines {
            command: file.command.clone(),
            line: self.regex("lines.line", &file.line)?,
            used: self.capture("lines.used", &file.used)?,
            own: self.regex("lines.own", &file.own)?,
        })
    }
}

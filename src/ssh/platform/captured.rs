//! A value that a device tells in more than one place: only when all of them say the same is it one.
//!
//! A port whose VLAN is set and that isn't a member of it carries nothing, so a file may name both places.

use super::{Compiler, PlatformError};
use regex::Regex;
use serde::Deserialize;

/// One pattern, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum PatternsFile {
    One(String),
    Several(Vec<String>),
}

impl PatternsFile {
    fn all(&self) -> &[String] {
        match self {
            Self::One(pattern) => std::slice::from_ref(pattern),
            Self::Several(patterns) => patterns,
        }
    }
}

/// The places where a value stands. Each pattern has one group.
#[derive(Debug)]
pub(super) struct Captured(Vec<Regex>);

impl Captured {
    #[cfg(test)]
    pub fn of(patterns: &[Regex]) -> Self {
        Self(patterns.to_vec())
    }

    /// The value, read by `parse`; `None` where a place lacks it, or two differ.
    pub fn value<T: PartialEq>(&self, output: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let mut values = self.0.iter().map(|pattern| {
            let group = pattern.captures(output).and_then(|groups| groups.get(1));
            group.and_then(|group| parse(group.as_str()))
        });
        let first = values.next().flatten()?;
        values.all(|value| value.as_ref() == Some(&first)).then_some(first)
    }
}

/// What must all be there.
#[derive(Debug)]
pub(super) struct Conditions(Vec<Regex>);

impl Conditions {
    pub fn hold(&self, output: &str) -> bool {
        self.0.iter().all(|pattern| pattern.is_match(output))
    }
}

impl Compiler<'_> {
    pub(super) fn captured(&self, key: &str, file: &PatternsFile) -> Result<Captured, PlatformError> {
        let patterns = self.several(key, file)?;
        patterns.iter().map(|pattern| self.capture(key, pattern)).collect::<Result<_, _>>().map(Captured)
    }

    pub(super) fn conditions(&self, key: &str, file: &PatternsFile) -> Result<Conditions, PlatformError> {
        let patterns = self.several(key, file)?;
        patterns.iter().map(|pattern| self.regex(key, pattern)).collect::<Result<_, _>>().map(Conditions)
    }

    fn several<'f>(&self, key: &str, file: &'f PatternsFile) -> Result<&'f [String], PlatformError> {
        match file.all() {
            [] => Err(self.faulty(key, "an empty list: one pattern, or a list of patterns, is accepted")),
            patterns => Ok(patterns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(patterns: &[&str]) -> Captured {
        Captured(patterns.iter().map(|pattern| Regex::new(pattern).expect("a pattern")).collect())
    }

    #[test]
    fn a_value_is_one_only_when_every_place_says_the_same() {
        let both = captured(&[r"pvid (\d+)", r"member of (\d+)"]);
        let read = |output: &str| both.value(output, |text| text.parse::<u16>().ok());
        assert_eq!(read("pvid 142, member of 0142"), Some(142));
        for differs in
            ["pvid 142, member of 1", "pvid 142", "member of 142", "pvid 99999, member of 99999", ""]
        {
            assert_eq!(read(differs), None, "{differs:?}");
        }
    }
}

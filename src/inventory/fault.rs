//! What is wrong with an inventory file, told so that it can be put right: the file, the line, the key, the value that
//! was seen, and what is accepted. A value that may be a secret is never shown.

use std::fmt;

/// Where something stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Counted from 1.
    pub line: usize,
    /// The way to it, as in `switch[2].host`: the second `[[switch]]` of the file.
    pub key: String,
}

/// A thing, and where the file says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<T> {
    /// The thing.
    pub is: T,
    /// Where.
    pub at: Place,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where.
    pub at: Place,
    /// What was seen, and what is accepted.
    pub text: String,
}

/// Everything that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults {
    file: String,
    list: Vec<Fault>,
}

impl Faults {
    /// The faults of one file, in the order of its lines. There must be one.
    #[must_use]
    pub fn new(file: &str, mut list: Vec<Fault>) -> Self {
        list.sort();
        Self { file: file.to_owned(), list }
    }

    /// Each of them, by line.
    #[must_use]
    pub fn list(&self) -> &[Fault] {
        &self.list
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Fault { at, text } in &self.list {
            writeln!(f, "{}:{}: {}: {text}", self.file, at.line, at.key)?;
        }
        let noun = if self.list.len() == 1 { "fault" } else { "faults" };
        write!(f, "{} {noun}", self.list.len())
    }
}

/// Finds the line of a byte.
pub(super) struct LineIndex(Vec<usize>);

impl LineIndex {
    pub(super) fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    pub(super) fn line(&self, byte: usize) -> usize {
        self.0.partition_point(|end| *end < byte) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_belongs_to_the_line_that_it_ends() {
        let lines = LineIndex::of("ab\nc\n\nd");
        assert_eq!([0, 2, 3, 4, 5, 6].map(|byte| lines.line(byte)), [1, 1, 2, 2, 3, 4]);
    }
}

//! What was said on a session: bounded, and without the secrets that the session knows.

use crate::machine::{SystemClock, rfc3339};
use switchyard_actors::domain::failure::DriverFailure;
use switchyard_actors::domain::text::Secret;
use switchyard_actors::domain::time::UnixMillis;
use switchyard_actors::ports::Clock as _;

/// Put in the place of a secret.
const REDACTED: &str = "<redacted>";

/// The transcript of one session.
#[derive(Debug)]
pub struct Transcript {
    text: String,
    /// When the first of it was said.
    since: UnixMillis,
    limit_bytes: usize,
    secrets: Vec<Secret>,
}

impl Transcript {
    /// An empty one, which keeps the last `limit_bytes`, and none of `secrets`.
    #[must_use]
    pub fn new(limit_bytes: usize, secrets: Vec<Secret>) -> Self {
        Self { text: String::new(), since: UnixMillis(0), limit_bytes, secrets }
    }

    /// A line of ours.
    pub fn sent(&mut self, line: &str) {
        self.add("> ", line);
    }

    /// Something that only the other side may see.
    pub fn sent_secret(&mut self) {
        self.add("> ", REDACTED);
    }

    /// Lines of the switch.
    pub fn received(&mut self, text: &str) {
        text.lines().filter(|line| !line.trim().is_empty()).for_each(|line| self.add("  ", line));
    }

    /// A remark of the driver.
    pub fn remark(&mut self, text: &str) {
        self.add("# ", text);
    }

    fn add(&mut self, mark: &str, line: &str) {
        if self.text.is_empty() {
            self.since = SystemClock.now();
        }
        let line = harmless(&self.redact(line));
        self.text.push_str(mark);
        self.text.push_str(line.trim_end());
        self.text.push('\n');
        let over = self.text.len().saturating_sub(self.limit_bytes);
        if over > 0 {
            let end = (over..=self.text.len()).find(|at| self.text.is_char_boundary(*at));
            self.text.drain(..end.unwrap_or(0));
        }
    }

    /// The text without any secret.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let known = self.secrets.iter().map(Secret::reveal).filter(|secret| !secret.is_empty());
        known.fold(text.to_owned(), |text, secret| text.replace(secret, REDACTED))
    }

    /// A failure without any secret: what was last seen may be the echo of what we typed.
    #[must_use]
    pub fn redacted(&self, failure: DriverFailure) -> DriverFailure {
        DriverFailure { detail: self.redact(&failure.detail), ..failure }
    }

    /// What was said since the last call, with when it began.
    pub fn take(&mut self) -> String {
        let said = std::mem::take(&mut self.text);
        if said.is_empty() { said } else { format!("# {}\n{said}", rfc3339(self.since)) }
    }
}

/// Whoever prints it must not have his terminal told what to do by a switch.
fn harmless(line: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
    line.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_would_obey_is_kept() {
        let mut transcript = Transcript::new(200, Vec::new());
        transcript.received("a\tb\x1b[31m\u{9b}2J\x07c\n");
        let said = transcript.take();
        assert!(said.ends_with("  a\tb\u{fffd}[31m\u{fffd}2J\u{fffd}c\n"), "{said:?}");
    }

    #[test]
    fn a_secret_is_redacted_wherever_it_stands_and_the_oldest_goes_first() {
        let mut transcript = Transcript::new(60, vec![Secret::new("hunter2")]);
        transcript.sent("enable hunter2");
        transcript.received("you typed hunter2\n\n");
        let said = transcript.take();
        let (since, said) = said.split_once('\n').expect("lines");
        assert_eq!(said, "> enable <redacted>\n  you typed <redacted>\n");
        assert!(since.starts_with("# 2") && since.ends_with('Z') && transcript.take().is_empty(), "{since}");
        (0..100).for_each(|n| transcript.sent(&format!("line {n}")));
        let text = transcript.take();
        assert!(text.len() <= 60 + since.len() + 1 && text.ends_with("> line 99\n"), "{text}");
    }
}

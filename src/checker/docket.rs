//! One invariant's docket: what was looked at, and what was found. It turns both into the verdict.

use std::collections::BTreeMap;

use super::case::Case;
use super::casebook::Casebook;
use super::report::{Finding, Verdict};
use super::story::Story;

/// Findings that get a story. Where everything is broken, a few say how, and the rest is a number.
const TOLD_FINDINGS: usize = 20;

#[derive(Debug)]
pub(super) struct Docket<'b, 'h> {
    pub book: &'b Casebook<'h>,
    looked_at: BTreeMap<&'static str, usize>,
    findings: Vec<Finding>,
    untold: usize,
}

impl<'b, 'h> Docket<'b, 'h> {
    pub fn open(book: &'b Casebook<'h>) -> Self {
        Self { book, looked_at: BTreeMap::new(), findings: Vec::new(), untold: 0 }
    }

    /// Counts, also when there was nothing to count.
    pub fn looked_at(&mut self, what: &'static str, count: usize) {
        *self.looked_at.entry(what).or_default() += count;
    }

    /// A finding about one key.
    pub fn found(&mut self, case: &Case<'h>, what: impl Into<String>) {
        let book = self.book;
        self.found_with(what, || Story::of_case(book, case));
    }

    /// A finding whose story is another's.
    pub fn found_with(&mut self, what: impl Into<String>, story: impl FnOnce() -> Story) {
        if self.findings.len() == TOLD_FINDINGS {
            self.untold += 1;
            return;
        }
        self.findings.push(Finding { what: what.into(), story: story() });
    }

    /// The verdict. `missing`: what the witnesses would have had to see, if they saw nothing that counts.
    pub fn close(self, missing: &str) -> Verdict {
        let saw_something = self.looked_at.values().any(|count| *count > 0);
        self.close_if(saw_something, missing)
    }

    /// As `close`, where it isn't the counts that say whether enough was seen. A finding is one all the same.
    pub fn close_if(self, saw_enough: bool, missing: &str) -> Verdict {
        let Self { looked_at, findings, untold, .. } = self;
        match (findings.is_empty(), saw_enough) {
            (false, _) => Verdict::Violated { looked_at, findings, untold },
            (true, true) => Verdict::Held { looked_at },
            (true, false) => Verdict::NotJudged { why: missing.to_owned() },
        }
    }
}

//! The outside checker: from what clients, switches and receivers saw, it decides whether what must always hold did hold.
//!
//! ```text
//!   clients ───┐
//!   switches ──┼─▶ history ─▶ casebook (one case a key) ─▶ nine invariants ─▶ report, with a story for each finding
//!   receivers ─┘
//! ```
//!
//! It is written from the contract and knows nothing of the implementation: it must never name the actors, the store, the
//! driver or the edge, nor ask the service for its opinion, or it would share the mistakes that it looks for. It must never
//! call something a violation that a right service could do: where the witnesses did not see enough, it says so.

mod case;
mod casebook;
mod docket;
mod event;
pub mod history;
mod invariants;
pub mod moment;
pub mod report;
pub mod request;
pub mod seen;
mod story;
pub mod witness;

#[cfg(test)]
mod tests;

pub use history::History;
pub use report::{Finding, Invariant, Judgement, Report, Verdict};
pub use seen::Seen;
pub use story::{Story, StoryLine, Subject};

use casebook::Casebook;

/// Judges all nine invariants over a history.
#[must_use]
pub fn judge(history: &History) -> Report {
    let book = Casebook::of(history);
    let judgement = |invariant: Invariant| Judgement {
        number: invariant.number(),
        invariant,
        verdict: invariants::judge(invariant, &book),
    };
    let judgements = Invariant::ALL.into_iter().map(judgement).collect();
    Report { seen: Seen::of(&book), judgements }
}

//! A clean history on which everything holds, forged histories in which precisely one thing doesn't, and histories that only
//! look wrong.

mod clean;
mod events;
mod keys;
mod privacy;
mod reports;
mod surroundings;
mod switches;
mod witness;
mod world;

use super::{Finding, Invariant, Verdict, judge};
use world::{World, job_id};

/// The findings of the one invariant that doesn't hold.
#[track_caller]
fn only_violated(world: &World, invariant: Invariant) -> Vec<Finding> {
    let report = judge(&world.history);
    assert_eq!(report.violated(), [invariant], "{report}");
    match report.verdict(invariant) {
        Verdict::Violated { findings, .. } => findings.clone(),
        other => panic!("{other:?}"),
    }
}

/// Precisely this invariant is violated, by this checkout's job, which the story names.
#[track_caller]
fn is_found(world: &World, invariant: Invariant, n: usize) {
    for finding in only_violated(world, invariant) {
        let subject = finding.story.subject.as_ref().unwrap_or_else(|| panic!("nobody's: {finding}"));
        assert!(subject.jobs.contains(&job_id(n)), "{finding}");
        assert!(finding.to_string().contains(&job_id(n).to_string()), "{finding}");
        assert!(!finding.story.lines.is_empty(), "{finding}");
    }
}

/// It only looks wrong.
#[track_caller]
fn nothing_is_found(world: &World) {
    let report = judge(&world.history);
    assert_eq!((report.violated(), report.not_judged()), (vec![], vec![]), "{report}");
}

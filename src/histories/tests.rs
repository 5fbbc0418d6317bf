//! The histories that every run of the tests plays, and those without a safeguard.

use std::collections::BTreeSet;

use switchyard_actors::safeguards::Safeguard;

use super::plan::KINDS;
use super::play;
use super::search::{Found, Search};
use super::strategy::plan_of;

/// Where the run of every day begins.
const FIRST_SEED: u64 = 1;
const HISTORIES: u64 = 3_000;
/// How many histories may go by until a missing safeguard is missed.
const HISTORIES_WITHOUT: u64 = 3_000;

/// Not seen yet to be missed: behind each stands another, the versions of records and the socket that is shut.
const BACKED_UP: [Safeguard; 2] = [Safeguard::Fencing, Safeguard::TenureBeforeWrite];

fn asked_for(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[allow(clippy::print_stdout)] // What a run has played is part of what it says, with `--nocapture`.
fn say(text: &str) {
    println!("{text}");
}

#[test]
fn the_same_seed_is_the_same_history_byte_by_byte() {
    for seed in 0..40 {
        let one = format!("{:?}", play(&plan_of(seed)).history);
        let two = std::thread::spawn(move || format!("{:?}", play(&plan_of(seed)).history));
        assert!(one == two.join().expect("it played"), "seed {seed}");
    }
}

#[test]
fn no_history_is_violated_and_every_kind_of_fault_strikes() {
    let histories = asked_for("SWITCHYARD_HISTORIES").unwrap_or(HISTORIES);
    for first_seed in [Some(FIRST_SEED), asked_for("SWITCHYARD_SEED")].into_iter().flatten() {
        let found = Search { first_seed, histories, threads: threads(), missing: None }.run();
        say(&format!("from seed {first_seed}: {found}"));
        if let Some(failure) = &found.failure {
            panic!("{}", failure.tell(None));
        }
        faults_strike(&found);
    }
}

fn faults_strike(found: &Found) {
    assert!(found.played < HISTORIES || found.mean_strikes() >= 15, "{found}");
    let struck: BTreeSet<_> = found.strikes.keys().copied().collect();
    let missed: Vec<_> = KINDS.iter().filter(|kind| !struck.contains(*kind)).collect();
    assert!(missed.is_empty() || found.played < HISTORIES, "{missed:?} never struck");
}

#[test]
fn without_any_one_safeguard_some_history_is_violated() {
    let histories = asked_for("SWITCHYARD_HISTORIES").unwrap_or(HISTORIES_WITHOUT);
    let mut unmissed = Vec::new();
    for safeguard in Safeguard::ALL.iter().filter(|safeguard| !BACKED_UP.contains(safeguard)) {
        let missing = Some(*safeguard);
        let found = Search { first_seed: FIRST_SEED, histories, threads: threads(), missing }.run();
        match &found.failure {
            Some(failure) => say(&format!(
                "without {safeguard:?}: violated after {} histories, seed {}: {:?}",
                found.played, failure.seed, failure.violated
            )),
            None => {
                say(&format!("without {safeguard:?}: nothing in {} histories", found.played));
                unmissed.push(safeguard);
            }
        }
    }
    assert!(unmissed.is_empty(), "nobody would notice that these are missing: {unmissed:?}");
}

#[test]
fn a_history_that_fails_is_told_in_its_smallest_form() {
    let missing = Some(Safeguard::ReadBack);
    let found = Search { first_seed: FIRST_SEED, histories: 1_000, threads: 1, missing }.run();
    let failure = found.failure.expect("lines that were swallowed are noticed");
    let told = failure.tell(missing);
    assert!(told.contains("Swallow"), "{told}");
    assert!(told.lines().filter(|line| line.contains("checkout: ")).count() <= 2, "{told}");
    assert!(told.contains("VIOLATED"), "{told}");
}

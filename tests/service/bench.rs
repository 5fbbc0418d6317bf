//! The bench, as its command line runs it: short, and whole.

use crate::harness::run;
use serde_json::Value;

#[test]
fn a_short_bench_counts_each_checkout_once_and_its_phases_are_those_of_its_devices() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("figures.json");
    let file = file.to_str().expect("a path in UTF-8");
    let sizes =
        ["--switches", "4", "--jobs", "2", "--arrival", "closed:8", "--latency-ms", "5", "--save-ms", "50"];
    let (code, said) = run(&[&["bench", "switches", "--json", file], &sizes[..]].concat());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("exactly once"), "{said}");
    let whole: Value = serde_json::from_slice(&std::fs::read(file).expect("the figures")).expect("JSON");
    let figures = &whole["runs"][0];
    let counts = &figures["counts"];
    for (count, expected) in
        [("checkouts", 8), ("accepted", 8), ("completed", 8), ("failed", 0), ("unsaved_ports", 0)]
    {
        assert_eq!(counts[count], expected, "{count}: {whole:#}");
    }
    // One session a switch, or two where the first was closed meanwhile; and each saves what it was told.
    assert!(
        counts["sessions_opened"].as_u64() >= Some(4) && counts["saves"].as_u64() >= Some(4),
        "{whole:#}"
    );
    let median = |phase: &str| figures["latency"][phase]["p50_ms"].as_f64().expect("a number");
    assert!(median("save") >= 50.0 && median("dialog") >= 5.0, "{whole:#}");
    assert!(median("whole_way") >= median("dialog") && median("answer") > 0.0, "{whole:#}");
    let makespan = &figures["makespan"];
    assert!(makespan["makespan_ms"].as_f64() > makespan["ideal_ms"].as_f64(), "{whole:#}");
}

#[test]
fn a_share_of_faults_that_is_none_is_wrong_usage() {
    let (code, said) = run(&["bench", "switches", "--faults", "2"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--faults"), "{said}");
}

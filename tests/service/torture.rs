//! The torture run, as its command line runs it: short, and whole.

use crate::harness::run;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn a_short_run_is_clean_and_its_report_says_what_struck() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("report.json");
    let file = file.to_str().expect("a path in UTF-8");
    let (code, said) = run(&["torture", "--seed", "11", "--minutes", "0.15", "--json", file]);
    assert_eq!(code, Some(0), "{said}");
    let report: Value = serde_json::from_slice(&std::fs::read(file).expect("the report")).expect("JSON");
    assert_eq!((&report["seed"], &report["store"]), (&11.into(), &"embedded".into()));
    assert_eq!(report["accepted"], report["checkouts"], "{report:#}");
    let outcomes = report["completed"].as_u64().zip(report["failed"].as_u64()).map(|(done, not)| done + not);
    assert_eq!(outcomes, report["accepted"].as_u64(), "{report:#}");
    assert!(report["kills"].as_u64() > Some(0), "{report:#}");
    let verdicts = report["verdicts"]["judgements"].as_array().expect("verdicts");
    assert!(verdicts.len() == 9 && verdicts.iter().all(|judged| judged["verdict"] == "held"), "{report:#}");
}

#[test]
fn a_run_that_is_interrupted_drains_and_judges_all_the_same() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_switchyard"))
        .args(["torture", "--seed", "12", "--minutes", "60", "--rate", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    let mut news = BufReader::new(child.stderr.take().expect("piped")).lines();
    let has_begun = news.find(|line| line.as_ref().is_ok_and(|line| line.contains(" checkouts, ")));
    assert!(has_begun.is_some(), "it ended before it told how it goes");
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.expect("kill").success());
    news.for_each(drop);
    let output = child.wait_with_output().expect("its end");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("9 held, 0 violated, 0 not judged"), "{said}");
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    let (code, said) = run(&["torture", "--store", "embedded", "--instances", "3"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("one instance"), "{said}");
}

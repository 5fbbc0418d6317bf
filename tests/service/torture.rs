//! The torture run, as its command line runs it: short, and whole.

use crate::harness::run;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

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

/// Told to end, with all that it started, when the test does.
struct Interrupted(Child);

impl Interrupted {
    fn interrupt(&self) {
        let sent = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }
}

impl Drop for Interrupted {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.interrupt();
            let _ = self.0.wait();
        }
    }
}

#[test]
fn a_run_that_is_interrupted_drains_and_judges_all_the_same() {
    // Not for longer, should it not hear the interrupt.
    let child = Command::new(env!("CARGO_BIN_EXE_switchyard"))
        .args(["torture", "--seed", "12", "--minutes", "3", "--rate", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut run = Interrupted(child.expect("the binary"));
    let mut news = BufReader::new(run.0.stderr.take().expect("piped")).lines();
    let has_begun = news.find(|line| line.as_ref().is_ok_and(|line| line.contains(" checkouts, ")));
    assert!(has_begun.is_some(), "it ended before it told how it goes");
    run.interrupt();
    let told: Vec<_> = news.map_while(Result::ok).collect();
    let mut said = String::new();
    run.0.stdout.take().expect("piped").read_to_string(&mut said).expect("text");
    let status = run.0.wait().expect("its end");
    assert!(status.success() && said.contains("9 held, 0 violated, 0 not judged"), "{said}{told:?}");
    let struck = said.split_once("faults for ").and_then(|(_, rest)| rest.split_once(" s"));
    let struck: u64 = struck.and_then(|(seconds, _)| seconds.parse().ok()).expect("how long");
    assert!(struck < 180, "it did not hear the interrupt: {said}");
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    let (code, said) = run(&["torture", "--store", "embedded", "--instances", "3"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("one instance"), "{said}");
}

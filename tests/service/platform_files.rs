//! `switchyard platform test`, as an operator runs it: a platform file against recorded sessions.

use crate::harness::run;
use std::path::Path;
use tempfile::TempDir;

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/platforms/cisco_ios.toml");
const TRANSCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts");

const CASE: &str = "# platform: cisco_ios\n# comments: taken\n# stem: sw\n\
    > shutdown\\n! {nonce}\\n\n< shutdown\\r\\nsw(config-if)#! {nonce}\\r\\nsw(config-if)#\n= fine\n";

fn platform_test(file: &Path, transcripts: &Path) -> (Option<i32>, String) {
    let [file, transcripts] = [file, transcripts].map(|path| path.to_str().expect("text"));
    run(&["platform", "test", file, "--transcript", transcripts])
}

/// A folder with one transcript.
fn folder_with(transcript: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("case.txt"), transcript).expect("a file");
    folder
}

#[test]
fn a_shipped_file_passes_all_of_its_transcripts_and_leaves_out_those_of_others() {
    let (code, said) = platform_test(Path::new(SHIPPED), Path::new(TRANSCRIPTS));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("each came to its verdict: ") && said.contains("left out"), "{said}");
}

#[test]
fn what_a_changed_file_judges_otherwise_is_named_with_its_line_and_both_verdicts() {
    let folder = folder_with(CASE);
    let file = folder.path().join("changed.toml");
    let text = std::fs::read_to_string(SHIPPED).expect("the file");
    let changed = text
        .replace(r"\(config[^)]*\)#\s*$", r"\(cfg\)#\s*$")
        .replace(r"'^[\w+\-.:/\[\]]+(\([^)]+\))?[>#] ?$'", r"'^[\w+\-.:/\[\]]+[>#] ?$'");
    std::fs::write(&file, changed).expect("a file");
    let (code, said) = platform_test(&file, folder.path());
    assert_eq!(code, Some(1), "{said}");
    for part in ["case.txt:6: \"shutdown\": expected fine, judged no prompt", "1 came to something else"] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

#[test]
fn what_can_not_be_used_is_told_from_what_is_judged_otherwise() {
    let faulty = folder_with(&CASE.replace("= fine", "= well"));
    let (code, said) = platform_test(Path::new(SHIPPED), faulty.path());
    assert!(code == Some(78) && said.contains("case.txt:6: \"well\" is no verdict"), "{code:?} {said}");

    let foreign = folder_with(&CASE.replace("cisco_ios", "acme_os"));
    let (code, said) = platform_test(Path::new(SHIPPED), foreign.path());
    assert!(code == Some(78) && said.contains("there are some of [\"acme_os\"]"), "{code:?} {said}");

    let (code, said) = platform_test(&foreign.path().join("none.toml"), foreign.path());
    assert!(code == Some(78) && said.contains("none.toml"), "{code:?} {said}");

    let (code, said) = run(&["platform", "test", SHIPPED]);
    assert!(code == Some(2) && said.contains("--transcript"), "{code:?} {said}");
}

//! The file: whole or refused, private, and never in another's place.

use super::*;
use crate::store::backup::{FileError, Moved, Take};
use async_trait::async_trait;
use std::os::unix::fs::PermissionsExt;

/// Refused, before anything is begun; answers the line and why.
async fn refusal(path: &Path) -> (u64, String) {
    let begin = async || -> Result<EmbeddedIntake, BackupError> { panic!("a store was begun") };
    match import(path, begin).await.expect_err("refused") {
        BackupError::File(FileError::Faulty { path: named, line, why }) if named == path => (line, why),
        other => panic!("a fault of the file was expected, seen was {other:?}"),
    }
}

#[tokio::test]
async fn it_reads_as_documented() {
    let folder = Folder::new();
    let text = std::fs::read_to_string(exported(&folder).await).expect("read");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        r#"{"format":"switchyard-store","version":1,"record_schema":4,"exported_at":"2023-11-14T22:13:20Z"}"#
    );
    assert!(lines.contains(&r#"{"entry":"lease","tag":"switch/s1","epoch":2}"#), "{text}");
    assert!(lines.contains(&r#"{"entry":"member","index":"work/s1","member":"job é","score":5}"#), "{text}");
    let end = lines.last().expect("an end");
    assert!(end.starts_with(&format!(r#"{{"end":{{"entries":{},"sha256":""#, lines.len() - 2)), "{end}");
}

#[tokio::test]
async fn cut_anywhere_it_is_refused() {
    let folder = Folder::new();
    let path = exported(&folder).await;
    let whole = std::fs::read(&path).expect("read");
    let half = folder.path("half");
    for length in 0..whole.len() {
        std::fs::write(&half, &whole[..length]).expect("written");
        let (line, why) = refusal(&half).await;
        let lines = whole[..length].iter().filter(|byte| **byte == b'\n').count() as u64;
        assert_eq!(line, lines + 1, "cut at {length}: {why}");
        let expected = if length == 0 { "is empty" } else { "cut off" };
        assert!(why.contains(expected), "cut at {length}: {why}");
    }
    std::fs::write(&half, [&whole[..], b"\n"].concat()).expect("written");
    assert!(refusal(&half).await.1.contains("more after the end"));
    import_embedded(&path, &folder.path("whole.redb")).await.expect("the whole is accepted");
}

#[tokio::test]
async fn with_any_byte_changed_or_a_line_less_it_is_refused() {
    let folder = Folder::new();
    let path = exported(&folder).await;
    let whole = std::fs::read(&path).expect("read");
    let changed = folder.path("changed");
    for (at, byte) in whole.iter().enumerate() {
        let mut bytes = whole.clone();
        bytes[at] = byte ^ 1;
        std::fs::write(&changed, &bytes).expect("written");
        let (_, why) = refusal(&changed).await;
        assert!(!why.contains("whsec"), "{why}");
    }
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    for left_out in 0..lines.len() {
        let rest = lines.iter().enumerate().filter(|(number, _)| *number != left_out);
        std::fs::write(&changed, rest.map(|(_, line)| *line).collect::<Vec<_>>().concat()).expect("written");
        refusal(&changed).await;
    }
    std::fs::write(&changed, [lines[0], lines[2], lines[1], &lines[3..].concat()].concat()).expect("written");
    assert!(refusal(&changed).await.1.contains("SHA-256"));
}

#[tokio::test]
async fn a_later_version_or_schema_and_another_format_are_refused_by_name() {
    let folder = Folder::new();
    let path = exported(&folder).await;
    let whole = std::fs::read_to_string(&path).expect("read");
    let said = async |from: &str, to: &str| {
        std::fs::write(&path, whole.replacen(from, to, 1)).expect("written");
        refusal(&path).await
    };
    let later = said(r#""version":1,"#, r#""version":2,"unheard":[],"#).await;
    assert_eq!(later, (1, "it has version 2; this release reads version 1".into()));
    let later = said(r#""record_schema":4"#, r#""record_schema":8"#).await;
    assert_eq!(later, (1, "its records have schema 8; this release reads schemas 1 to 4".into()));
    assert!(said("switchyard-store", "other").await.1.contains("not \"switchyard-store\""));
    assert!(said("{", "[").await.1.contains("not a store that was exported"));
}

#[tokio::test]
async fn it_is_its_owners_alone_and_never_in_anothers_place() {
    let folder = Folder::new();
    let path = exported(&folder).await;
    let mode = std::fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = std::fs::read(&path).expect("read");
    let store = folder.store("s.redb");
    let again = export(&store, &path, EXPORTED_AT).await;
    assert_eq!(again, Err(BackupError::File(FileError::Exists { path: path.clone() })));
    assert_eq!(std::fs::read(&path).expect("read"), before);

    std::fs::write(folder.path("other.part"), "half").expect("written");
    let unfinished = export(&store, &folder.path("other"), EXPORTED_AT).await;
    assert_eq!(unfinished, Err(BackupError::File(FileError::Unfinished { path: folder.path("other.part") })));
    assert_eq!(std::fs::read_to_string(folder.path("other.part")).expect("read"), "half");
}

/// Tells one entry, makes its file private, and breaks.
struct Breaking(PathBuf);

#[async_trait]
impl WholeState for Breaking {
    async fn dump(&self, take: &mut Take<'_>) -> Result<(), BackupError> {
        take(Entry::Sequence { partner: PARTNER, last: 1 })?;
        let mode = std::fs::metadata(&self.0).expect("it is being written").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        Err(BackupError::Failed("gone".into()))
    }
}

#[tokio::test]
async fn an_export_that_fails_leaves_nothing() {
    let folder = Folder::new();
    let failed = export(&Breaking(folder.path("state.part")), &folder.path("state"), EXPORTED_AT).await;
    assert_eq!(failed, Err(BackupError::Failed("gone".into())));
    assert!(folder.names().is_empty(), "{:?}", folder.names());
}

#[tokio::test]
async fn a_file_that_comes_while_it_is_written_is_left_alone() {
    struct Racing(PathBuf);
    #[async_trait]
    impl WholeState for Racing {
        async fn dump(&self, _: &mut Take<'_>) -> Result<(), BackupError> {
            std::fs::write(&self.0, "another's").expect("written");
            Ok(())
        }
    }
    let folder = Folder::new();
    let path = folder.path("state");
    let raced = export(&Racing(path.clone()), &path, EXPORTED_AT).await;
    assert_eq!(raced, Err(BackupError::File(FileError::Exists { path: path.clone() })));
    assert_eq!(std::fs::read_to_string(&path).expect("read"), "another's");
    assert_eq!(folder.names(), ["state"]);
}

#[tokio::test]
async fn what_was_moved_is_counted() {
    let folder = Folder::new();
    let path = exported(&folder).await;
    let moved = import_embedded(&path, &folder.path("new.redb")).await.expect("imported");
    assert_eq!(moved, Moved { records: 4, members: 3, leases: 2, sequences: 1 });
    assert_eq!(moved.to_string(), "4 records, 3 members of indexes, 2 leases, 1 sequence numbers");
}

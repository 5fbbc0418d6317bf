use super::{directory, open};
use crate::store::contract::{Draft, port, stored};
use crate::store::embedded::{EmbeddedStore, OpenError, Settings};
use redb::{Database, TableDefinition};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const HELD: &str = "SWITCHYARD_TEST_HELD_STORE";

fn refusal(path: &Path) -> OpenError {
    EmbeddedStore::open(path, Settings::default()).expect_err("it must not open")
}

#[test]
fn a_store_opens_once_at_a_time() {
    let (_directory, path) = directory();
    let store = open(&path);
    assert_eq!(refusal(&path), OpenError::AlreadyOpen { path: path.clone() });
    drop(store);
    open(&path);
}

/// Also its own second process, which finds the file held by the first.
#[test]
fn another_process_is_told_that_the_store_is_open() {
    if let Some(held) = std::env::var_os(HELD) {
        let error = refusal(&PathBuf::from(held)).to_string();
        assert!(error.contains("already open by another process") && error.contains(".redb"), "{error}");
        return;
    }
    let (_directory, path) = directory();
    let _store = open(&path);
    let name = "store::embedded::tests::opening::another_process_is_told_that_the_store_is_open";
    let output = std::process::Command::new(std::env::current_exe().expect("this test's file"))
        .args(["--exact", name])
        .env(HELD, &path)
        .output()
        .expect("the second process runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_as_it_is() {
    let (_directory, path) = directory();
    for content in ["short", &"not a database at all\n".repeat(9_000)] {
        std::fs::write(&path, content).expect("written");
        let error = refusal(&path);
        assert!(matches!(error, OpenError::NotAStore { .. }), "{error:?}");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), *content);
    }
}

#[test]
fn a_database_of_another_program_is_refused() {
    let (_directory, path) = directory();
    let database = Database::create(&path).expect("made");
    let transaction = database.begin_write().expect("begun");
    let table = TableDefinition::<u64, u64>::new("theirs");
    transaction.open_table(table).expect("opened").insert(1, 1).expect("inserted");
    transaction.commit().expect("committed");
    drop(database);
    let why = "it holds other tables".to_owned();
    assert_eq!(refusal(&path), OpenError::NotAStore { path, why });
}

#[test]
fn a_later_schema_is_refused_by_its_number() {
    let (_directory, path) = directory();
    drop(open(&path));
    let database = Database::open(&path).expect("opened");
    let transaction = database.begin_write().expect("begun");
    let table = TableDefinition::<&str, u64>::new("meta");
    transaction.open_table(table).expect("opened").insert("schema", 7).expect("inserted");
    transaction.commit().expect("committed");
    drop(database);
    assert_eq!(refusal(&path), OpenError::UnsupportedSchema { path, found: 7, supported: 1 });
}

#[test]
fn making_a_store_leaves_nothing_beside_it() {
    let (directory, path) = directory();
    drop(open(&path));
    let names =
        std::fs::read_dir(directory.path()).expect("a directory").map(|entry| entry.expect("read").path());
    assert_eq!(names.collect::<Vec<_>>(), [path]);
}

#[test]
fn a_missing_directory_is_named() {
    let (directory, _) = directory();
    let path = directory.path().join("nowhere").join("switchyard.redb");
    let error = refusal(&path);
    assert!(matches!(error, OpenError::Failed { .. }), "{error:?}");
    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[tokio::test]
async fn damage_anywhere_is_found_at_start() {
    let (_directory, path) = directory();
    let keys: Vec<_> = (0..200).map(|number| port("s", &number.to_string())).collect();
    {
        let store = open(&path);
        let draft = Draft::on(keys[0].tag());
        keys.iter().fold(draft, |draft, key| draft.put(key, 1)).apply(&store).await;
    }
    let whole = std::fs::read(&path).expect("read");
    let mut found = 0;
    for page in (0..whole.len()).step_by(4096) {
        std::fs::write(&path, &whole).expect("written");
        overwrite(&path, page, &[0x5a; 2048]);
        match EmbeddedStore::open(&path, Settings::default()) {
            Ok(store) => {
                // A page that holds nothing, or nothing that matters.
                for key in &keys {
                    assert!(stored(&store, key).await.is_some(), "page {page} was lost unseen");
                }
            }
            Err(OpenError::Damaged { .. } | OpenError::NotAStore { .. }) => found += 1,
            Err(other) => panic!("page {page}: {other:?}"),
        }
    }
    assert!(found > 5, "{found} damaged pages were found");
}

fn overwrite(path: &Path, offset: usize, bytes: &[u8]) {
    let mut file = std::fs::OpenOptions::new().write(true).open(path).expect("opened");
    file.seek(SeekFrom::Start(offset as u64)).expect("sought");
    file.write_all(bytes).expect("written");
}

#[tokio::test]
async fn a_file_that_was_cut_short_is_damaged() {
    let (_directory, path) = directory();
    {
        let store = open(&path);
        Draft::putting(&port("s", "1"), 1).apply(&store).await;
    }
    let length = std::fs::metadata(&path).expect("there").len();
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("opened");
    file.set_len(length / 2).expect("cut");
    let error = refusal(&path);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let (_directory, path) = directory();
    let _store = open(&path);
    let mode = std::fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

//! What is in a store's file, read with the database's own library: also what no interface of the service would show.

use crate::harness::PATIENCE;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::path::Path;
use std::time::{Duration, Instant};
use switchyard_actors::domain::record::Record;

const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");
/// Before the record's JSON stands the commit that wrote it.
const VERSION_BYTES: usize = 16;

/// A service that has stopped may have threads that end a moment later, and with them the last that have the file.
fn open_when_free(file: &Path) -> Database {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match Database::open(file) {
            Ok(database) => return database,
            Err(error) => assert!(Instant::now() < deadline, "{}: {error}", file.display()),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Every record of a store that nobody has open any more.
pub struct Records(Vec<(String, Record)>);

impl Records {
    pub fn of(file: &Path) -> Self {
        let database = open_when_free(file);
        let table = database.begin_read().expect("a snapshot").open_table(RECORDS).expect("records");
        let all = table.iter().expect("an iterator").map(|entry| {
            let (key, value) = entry.expect("an entry");
            let envelope: serde_json::Value =
                serde_json::from_slice(&value.value()[VERSION_BYTES..]).expect("JSON");
            (key.value().to_owned(), serde_json::from_value(envelope["record"].clone()).expect("a record"))
        });
        Self(all.collect())
    }

    pub fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(key, _)| key.as_str()).collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.0.iter().map(|(_, record)| record)
    }

    /// As `Debug` shows them.
    pub fn all(&self, is_it: impl Fn(&Record) -> bool) -> Vec<String> {
        self.iter().filter(|record| is_it(record)).map(|record| format!("{record:?}")).collect()
    }
}

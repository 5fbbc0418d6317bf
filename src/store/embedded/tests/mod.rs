//! The engine on real files, on disks that stall, break and lose power.

mod opening;
mod power;
mod writing;

use super::{EmbeddedStore, Settings};
use crate::store::contract::{Draft, Processes, Rows, claim, instance, port, run_all, stored};
use std::path::PathBuf;
use std::sync::Arc;
use switchyard_actors::domain::ids::LeaseEpoch;
use switchyard_actors::ports::store::Store;
use tempfile::TempDir;

fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("switchyard.redb");
    (directory, path)
}

fn open(path: &PathBuf) -> EmbeddedStore {
    EmbeddedStore::open(path, Settings::default()).expect("the store opens")
}

#[tokio::test]
async fn the_embedded_store_keeps_the_contract() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let made = std::cell::Cell::new(0);
    let make = async || {
        made.set(made.get() + 1);
        let store: Arc<dyn Store> = Arc::new(open(&directory.path().join(format!("{}.redb", made.get()))));
        store
    };
    run_all(make, Rows::SpanTags, Processes::One).await;
}

#[tokio::test]
async fn what_was_applied_is_there_after_closing_and_opening() {
    let (_directory, path) = directory();
    let key = port("s", "1");
    let first = Draft::putting(&key, 1).expect(&key, None);
    let (id, repeat) = (first.id(), first.clone());
    {
        let store = open(&path);
        first.apply(&store).await;
        Draft::putting(&port("s", "2"), 2).lazy().apply(&store).await;
        assert_eq!(claim(&store, &key.tag(), instance(1)).await, LeaseEpoch(1));
    }
    let store = open(&path);
    assert_eq!(stored(&store, &key).await, Some((id, 1)));
    assert_eq!(stored(&store, &port("s", "2")).await.map(|(_, value)| value), Some(2));
    assert_eq!(claim(&store, &key.tag(), instance(2)).await, LeaseEpoch(2));
    repeat.apply(&store).await;
}

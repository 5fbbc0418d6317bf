//! The power goes at every sync of a workload in turn, and what the disk is left with is opened again.

use crate::store::contract::{Draft, event, port, stored};
use crate::store::embedded::{EmbeddedStore, Settings};
use crate::store::power_cut::{Cut, PowerCut, Unsynced};
use futures_util::future::join_all;
use std::collections::BTreeSet;
use switchyard_actors::domain::delivery::DeliveryRecord;
use switchyard_actors::domain::ids::PartnerId;
use switchyard_actors::domain::record::{Index, Key, Record};
use switchyard_actors::ports::store::{Commit, Store, Stored};
use uuid::Uuid;

const ROWS: u128 = 16;
const PARTNER: PartnerId = PartnerId(Uuid::nil());

/// One row of the workload: two switches, an index and an event, all or none.
#[derive(Clone)]
struct Row {
    number: u128,
    here: Key,
    there: Key,
    told: Key,
    commits: Vec<Commit>,
}

fn row(number: u128) -> Row {
    let (here, there) = (port("s1", &number.to_string()), port("s2", &number.to_string()));
    let event = event(PARTNER, 1);
    let told = Key::Delivery(PARTNER, event.id);
    let index = Index::Work("s1".to_owned().try_into().expect("a switch name"));
    let first = Draft::putting(&here, number).expect(&here, None).include(&index, &number.to_string(), 1);
    // Long enough that some rows need pages of their own, and the file grows.
    let event = event_with_body(event, usize::try_from(number).expect("small") * 700);
    let second = Draft::putting(&there, number).expect(&there, None).tell(event);
    let second = if number.is_multiple_of(3) { second.lazy() } else { second };
    Row { number, here, there, told, commits: vec![first.commit(), second.commit()] }
}

fn event_with_body(
    event: switchyard_actors::domain::event::Event,
    body_bytes: usize,
) -> switchyard_actors::domain::event::Event {
    switchyard_actors::domain::event::Event { body: "x".repeat(body_bytes), ..event }
}

/// Sends the rows, so many at a time; answers which were acknowledged.
async fn work(store: &EmbeddedStore, rows: &[Row], at_once: usize) -> BTreeSet<u128> {
    let mut acknowledged = BTreeSet::new();
    for together in rows.chunks(at_once) {
        let answers = join_all(together.iter().map(|row| store.commit(row.commits.clone()))).await;
        let applied = together.iter().zip(answers).filter(|(_, answer)| answer.is_ok());
        acknowledged.extend(applied.map(|(row, _)| row.number));
    }
    acknowledged
}

/// What a disk holds on which a store was just made.
fn fresh_store() -> Vec<u8> {
    let disk = PowerCut::empty(Cut::Never, Unsynced::Lost);
    drop(start(&disk).expect("the store is made"));
    disk.durable_bytes()
}

fn start(disk: &PowerCut) -> Option<EmbeddedStore> {
    EmbeddedStore::on_backend(disk.clone(), Settings::default()).ok()
}

/// Runs the workload on a disk that fails as planned; answers what was acknowledged, and what is left on the disk.
async fn run_until(cut: Cut, lose: Unsynced, rows: &[Row], at_once: usize) -> (BTreeSet<u128>, PowerCut) {
    let disk = PowerCut::holding(fresh_store(), cut, lose);
    let acknowledged = match start(&disk) {
        Some(store) => work(&store, rows, at_once).await,
        None => BTreeSet::new(),
    };
    disk.cut_now();
    (acknowledged, disk)
}

async fn delivery(store: &EmbeddedStore, row: &Row) -> Option<DeliveryRecord> {
    match store.read(std::slice::from_ref(&row.told)).await.expect("the store can be read").remove(0) {
        Some(Stored { record: Record::Delivery(delivery), .. }) => Some(delivery),
        None => None,
        other => panic!("a delivery was expected, seen was {other:?}"),
    }
}

/// Every row is there whole or not at all; answers which are.
async fn whole_rows(store: &EmbeddedStore, rows: &[Row]) -> BTreeSet<u128> {
    let mut found = BTreeSet::new();
    let mut sequences = BTreeSet::new();
    for row in rows {
        let here = stored(store, &row.here).await.map(|(_, value)| value);
        let there = stored(store, &row.there).await.map(|(_, value)| value);
        let told = delivery(store, row).await;
        assert_eq!((here, told.is_some()), (there, here.is_some()), "row {} is there in part", row.number);
        found.extend(here);
        sequences.extend(told.map(|told| told.sequence));
    }
    assert_eq!(sequences, (1..=found.len() as u64).collect(), "sequence numbers");
    let due = store.members(&Index::Due(PARTNER), usize::MAX).await.expect("the store can be read");
    assert_eq!(due.len(), found.len(), "the index of what is due");
    found
}

async fn survives(cut: Cut, lose: Unsynced, at_once: usize) -> PowerCut {
    let rows: Vec<Row> = (1..=ROWS).map(row).collect();
    let (acknowledged, disk) = run_until(cut, lose, &rows, at_once).await;
    let after = PowerCut::holding(disk.durable_bytes(), Cut::Never, Unsynced::Lost);
    let store = EmbeddedStore::on_backend(after, Settings::default())
        .unwrap_or_else(|error| panic!("{cut:?} {lose:?}: {error}"));
    let found = whole_rows(&store, &rows).await;
    assert!(found.is_superset(&acknowledged), "{cut:?} {lose:?}: {acknowledged:?} became {found:?}");
    // Who got no answer repeats, under the same ids.
    assert_eq!(work(&store, &rows, at_once).await.len(), rows.len());
    assert_eq!(whole_rows(&store, &rows).await.len(), rows.len());
    disk
}

async fn survives_every_cut(at_once: usize) {
    let syncs = survives(Cut::Never, Unsynced::Lost, at_once).await.syncs();
    assert!(syncs > 3, "{syncs} syncs are no workload");
    for number in 1..=syncs {
        survives(Cut::AfterSync(number), Unsynced::Lost, at_once).await;
        survives(Cut::BeforeSync(number), Unsynced::Lost, at_once).await;
        for seed in 0..4 {
            let seed = seed * 1_000 + number;
            survives(Cut::BeforeSync(number), Unsynced::Torn { seed }, at_once).await;
        }
    }
}

#[tokio::test]
async fn a_power_cut_at_any_sync_loses_nothing_acknowledged_and_halves_nothing() {
    survives_every_cut(1).await;
}

#[tokio::test]
async fn a_power_cut_under_concurrent_commits_loses_nothing_acknowledged_and_halves_nothing() {
    survives_every_cut(8).await;
}

#[tokio::test]
async fn the_disk_really_forgets_what_was_not_synced() {
    use redb::StorageBackend;
    let disk = PowerCut::empty(Cut::BeforeSync(2), Unsynced::Lost);
    disk.write(0, b"kept").expect("written");
    disk.sync_data().expect("synced");
    disk.write(0, b"lost").expect("written");
    disk.sync_data().expect_err("the power goes");
    disk.write(0, b"late").expect_err("the power is off");
    assert_eq!(disk.durable_bytes(), b"kept");
}

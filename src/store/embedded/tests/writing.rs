use super::{directory, open};
use crate::store::contract::{Draft, event, instance, partner, port, stored};
use crate::store::embedded::{EmbeddedStore, Settings};
use crate::store::power_cut::{Cut, PowerCut, Unsynced};
use futures_util::FutureExt;
use futures_util::future::join_all;
use redb::StorageBackend;
use std::io::Result;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use switchyard_actors::domain::record::{Index, Key};
use switchyard_actors::ports::store::{CommitError, Denial, Store};

/// A disk whose syncs wait while the gate is shut, or panic.
#[derive(Debug, Clone)]
struct Gated {
    disk: PowerCut,
    open: Arc<(Mutex<bool>, Condvar)>,
    panics: Arc<AtomicBool>,
}

impl Gated {
    fn new() -> Self {
        let disk = PowerCut::empty(Cut::Never, Unsynced::Lost);
        Self { disk, open: Arc::new((Mutex::new(true), Condvar::new())), panics: Arc::default() }
    }

    fn set(&self, open: bool) {
        *self.open.0.lock().expect("no panic under the lock") = open;
        self.open.1.notify_all();
    }
}

impl StorageBackend for Gated {
    fn len(&self) -> Result<u64> {
        self.disk.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.disk.read(offset, out)
    }
    fn set_len(&self, len: u64) -> Result<()> {
        self.disk.set_len(len)
    }
    fn sync_data(&self) -> Result<()> {
        let open = self.open.0.lock().expect("no panic under the lock");
        drop(self.open.1.wait_while(open, |open| !*open).expect("no panic under the lock"));
        assert!(!self.panics.load(Ordering::SeqCst), "the disk is on fire");
        self.disk.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        self.disk.write(offset, data)
    }
}

fn gated(settings: Settings) -> (EmbeddedStore, Gated) {
    let disk = Gated::new();
    (EmbeddedStore::on_backend(disk.clone(), settings).expect("the store opens"), disk)
}

#[tokio::test]
async fn what_waits_together_is_synced_together() {
    let (store, disk) = gated(Settings::default());
    // A file that grows is synced once more for its new length: it grows here, before anything is counted.
    for value in 0..4 {
        let row = (0..256).map(|number| Draft::putting(&port("s", &number.to_string()), value).commit());
        store.commit(row.collect()).await.expect("nothing speaks against it");
    }
    let before = disk.disk.syncs();
    disk.set(false);
    let mut commits = Vec::new();
    for number in 0..64 {
        let key = port("s", &number.to_string());
        let mut commit = store.commit(vec![Draft::putting(&key, number).commit()]);
        assert!(commit.as_mut().now_or_never().is_none(), "nothing is answered before the sync");
        commits.push(commit);
        // The runtime lets a task do only so much at a time, and each of them must be queued before the gate opens.
        tokio::task::yield_now().await;
    }
    disk.set(true);
    let answers = join_all(commits).await;
    assert!(answers.iter().all(std::result::Result::is_ok), "{answers:?}");
    let syncs = disk.disk.syncs() - before;
    assert!(syncs <= 2, "{syncs} syncs");
}

#[tokio::test]
async fn a_denied_row_leaves_its_neighbours_in_the_batch_alone() {
    let (store, disk) = gated(Settings::default());
    let (key, partner) = (port("s", "1"), partner());
    let contender = |value| {
        let draft = Draft::putting(&key, value).expect(&key, None).tell(event(partner, 1));
        store.commit(vec![draft.commit()])
    };
    disk.set(false);
    let (answers, ()) = tokio::join!(join_all((1..=8).map(contender)), async { disk.set(true) });
    let denied = Err(CommitError::Denied { index: 0, why: Denial::Stale(key.clone()) });
    assert_eq!(answers[0], Ok(()));
    assert!(answers[1..].iter().all(|answer| *answer == denied), "{answers:?}");
    assert_eq!(stored(&store, &key).await.map(|(_, value)| value), Some(1));
    assert_eq!(store.members(&Index::Due(partner), 10).await.map(|due| due.len()), Ok(1));
}

#[tokio::test]
async fn reads_do_not_wait_for_a_sync_and_see_nothing_of_it() {
    let (store, disk) = gated(Settings::default());
    let key = port("s", "1");
    disk.set(false);
    let commit = store.commit(vec![Draft::putting(&key, 1).commit()]);
    let reads = async {
        let seen = stored(&store, &key).await;
        store.ping().await.expect("it answers");
        disk.set(true);
        seen
    };
    let (answer, seen) = tokio::join!(commit, reads);
    assert_eq!((answer, seen), (Ok(()), None));
}

#[tokio::test]
async fn a_full_queue_and_a_slow_writer_are_unknown() {
    let settings = Settings {
        queue_rows: 1,
        batch_rows: 1,
        queue_wait_ms: 20,
        answer_wait_ms: 200,
        ..Settings::default()
    };
    let (store, disk) = gated(settings);
    disk.set(false);
    let commits = (0..4).map(|number| {
        let key = port("s", &number.to_string());
        store.commit(vec![Draft::putting(&key, number).commit()])
    });
    let answers = join_all(commits).await;
    disk.set(true);
    let why = |why: &str| Err(CommitError::Unknown(why.to_owned()));
    assert!(answers.contains(&why("its queue is full")), "{answers:?}");
    assert!(answers.contains(&why("its writer takes too long")), "{answers:?}");
}

#[tokio::test]
async fn a_write_that_fails_ends_the_store() {
    let disk = PowerCut::empty(Cut::Never, Unsynced::Lost);
    let store = EmbeddedStore::on_backend(disk.clone(), Settings::default()).expect("the store opens");
    let key = port("s", "1");
    Draft::putting(&key, 1).apply(&store).await;
    disk.plan(Cut::BeforeSync(1), Unsynced::Lost);
    for _ in 0..2 {
        let answer = store.commit(vec![Draft::putting(&key, 2).commit()]).await;
        let Err(CommitError::Unknown(why)) = answer else { panic!("seen was {answer:?}") };
        assert!(why.contains("the power went off"), "{why}");
    }
    assert!(store.ping().await.is_err());
    assert!(store.read(std::slice::from_ref(&key)).await.is_err());
    assert!(store.claim_lease(&key.tag(), instance(1), None).await.is_err());
    assert!(store.beat(instance(1)).await.is_err());
}

#[tokio::test]
async fn a_writer_that_panics_leaves_nobody_waiting() {
    let (store, disk) = gated(Settings::default());
    disk.panics.store(true, Ordering::SeqCst);
    let commits = (0..8).map(|number| {
        let key = port("s", &number.to_string());
        store.commit(vec![Draft::putting(&key, number).commit()])
    });
    let unknown = Err(CommitError::Unknown("its writer panicked".to_owned()));
    let answers = join_all(commits).await;
    assert!(answers.iter().all(|answer| *answer == unknown), "{answers:?}");
    assert!(store.ping().await.is_err());
}

#[tokio::test]
async fn closing_finishes_what_is_queued() {
    let (_directory, path) = directory();
    let keys: Vec<Key> = (0..100).map(|number| port("s", &number.to_string())).collect();
    {
        let store = open(&path);
        for key in &keys {
            // Asked once and dropped, as when a client hangs up.
            let _ = store.commit(vec![Draft::putting(key, 1).commit()]).now_or_never();
        }
    }
    let read = open(&path).read(&keys).await.expect("the store can be read");
    assert!(read.iter().all(Option::is_some));
}

#[tokio::test]
async fn of_the_applied_commits_the_last_are_known() {
    let settings = Settings { applied_commits: 3, ..Settings::default() };
    let (_directory, path) = directory();
    let store = EmbeddedStore::open(&path, settings).expect("the store opens");
    let keys: Vec<Key> = (0..5).map(|number| port("s", &number.to_string())).collect();
    let drafts: Vec<_> = keys.iter().map(|key| Draft::putting(key, 1).expect(key, None)).collect();
    for draft in &drafts {
        draft.clone().apply(&store).await;
    }
    for draft in &drafts[2..] {
        draft.clone().apply(&store).await;
    }
    for (draft, key) in drafts[..2].iter().zip(&keys) {
        assert_eq!(draft.clone().denial(&store).await, Denial::Stale(key.clone()));
    }
}

//! The embedded engine: one file, one process, ACID, no server.
//!
//! ```text
//!   commit, claim_lease ──▶ bounded queue ──▶ writer thread ──▶ one redb transaction, one sync ──▶ answers
//!   read, members, ping ──▶ redb read transaction, on the caller's thread
//! ```
//!
//! **Every batch is synced**, also one that is lazy only. redb keeps a transaction of `Durability::None` in the memory
//! of this process alone, so it would be lost with the process, which a lazy commit must not be; and skipping the sync
//! of an ordinary one could damage the file in a power cut. So lazy commits get more than they ask for, at the price
//! of a share in one sync of a batch.
//!
//! **Reads run on the caller's thread**: they don't wait for the writer or its sync, and take about 4 µs from
//! the cache; the way to a blocking thread and back alone takes about 30 µs (`benches/store.rs`).
//!
//! **A write that fails ends the store**: whether the file has it can't be known, and after a failed sync not even
//! reading it back tells what the disk has. From then on every operation answers that the store is unavailable, until
//! the process is started again and redb has repaired the file. Nothing is served from a state that may be untrue.
//!
//! **Leases have no holder here**: only one process can open the file, so whoever held one is gone, and a claim always
//! takes. For the same reason the census is kept in memory.
//!
//! It must never answer before the sync, and never answer *denied* for what it can't tell.

mod file;
mod read;
mod row;
mod tables;
#[cfg(test)]
mod tests;
mod whole;
mod writer;

pub use file::OpenError;
pub use whole::EmbeddedIntake;

use async_trait::async_trait;
use redb::{Database, StorageBackend};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use switchyard_actors::domain::ids::{InstanceId, LeaseEpoch, PartnerId, SwitchId};
use switchyard_actors::domain::record::{Index, Key, Tag};
use switchyard_actors::ports::store::{
    Claimed, Commit, CommitError, Heartbeat, Member, Store, StoreUnavailable, Stored,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use writer::{Answer, Request, Work};

/// The engine's limits.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Rows that may wait for the writer; more wait outside, for `queue_wait_ms`.
    pub queue_rows: usize,
    /// Rows that one transaction, and so one sync, may hold.
    pub batch_rows: usize,
    /// Longest wait for a place in the queue.
    pub queue_wait_ms: u64,
    /// Longest wait for the writer's answer, once queued.
    pub answer_wait_ms: u64,
    /// Applied commits whose repeat is recognised: the last so many.
    pub applied_commits: u64,
    /// Memory for pages of the file.
    pub cache_bytes: usize,
    /// Whether opening reads the whole file and checks every page's checksum. Without, damage may come to light only
    /// when the damaged page is read. It costs some 2 s a GiB; after a crash it is always done.
    pub verify_on_open: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue_rows: 4096,
            batch_rows: 512,
            queue_wait_ms: 2_000,
            answer_wait_ms: 10_000,
            applied_commits: 100_000,
            cache_bytes: 64 << 20,
            verify_on_open: true,
        }
    }
}

/// Why the store can't be used any more; empty as long as it can.
#[derive(Default)]
struct Failure(OnceLock<String>);

impl Failure {
    fn set(&self, why: String) {
        // The first one is the cause; what follows are its consequences.
        let _ = self.0.set(why);
    }

    fn check(&self) -> Result<(), StoreUnavailable> {
        self.0.get().map_or(Ok(()), |why| Err(StoreUnavailable(why.clone())))
    }

    fn why(&self) -> String {
        self.0.get().cloned().unwrap_or_else(|| "its writer has stopped".to_owned())
    }
}

/// An open store. Dropping it finishes what is queued, and closes the file; it blocks that long.
pub struct EmbeddedStore {
    database: Arc<Database>,
    failure: Arc<Failure>,
    queue: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
    queue_wait: Duration,
    answer_wait: Duration,
    census: Mutex<BTreeMap<InstanceId, u64>>,
}

impl EmbeddedStore {
    /// Opens the store in the file at `path`, or makes it there, readable by its owner only.
    ///
    /// # Errors
    /// [`OpenError`], which names the file.
    pub fn open(path: impl AsRef<Path>, settings: Settings) -> Result<Self, OpenError> {
        let database = file::open(path.as_ref(), &settings)?;
        Self::start(database, path.as_ref(), &settings)
    }

    /// Opens the store on a backend of the caller's. Making one on an empty backend does not survive a power cut;
    /// making one in a file does.
    ///
    /// # Errors
    /// [`OpenError`], as [`Self::open`].
    pub fn on_backend(backend: impl StorageBackend, settings: Settings) -> Result<Self, OpenError> {
        let path = Path::new("(no file)");
        let database = file::open_backend(backend, path, &settings)?;
        Self::start(database, path, &settings)
    }

    fn start(database: Database, path: &Path, settings: &Settings) -> Result<Self, OpenError> {
        let database = Arc::new(database);
        let failure = Arc::new(Failure::default());
        let (queue, rows) = mpsc::channel(settings.queue_rows.max(1));
        let writer = writer::Writer::new(database.clone(), failure.clone(), settings)
            .spawn(rows)
            .map_err(|error| OpenError::failed(path, &error))?;
        Ok(Self {
            database,
            failure,
            queue: Some(queue),
            writer: Some(writer),
            queue_wait: Duration::from_millis(settings.queue_wait_ms),
            answer_wait: Duration::from_millis(settings.answer_wait_ms),
            census: Mutex::default(),
        })
    }

    /// Hands work to the writer and waits for its answer.
    async fn ask(&self, work: Work) -> Answer {
        let unknown = |why: &str| Err(CommitError::Unknown(why.to_owned()));
        let queue = self.queue.as_ref().expect("only the drop takes the queue");
        let (answer, answered) = oneshot::channel();
        match timeout(self.queue_wait, queue.send(Request { work, answer })).await {
            Err(_) => return unknown("its queue is full"),
            Ok(Err(_)) => return unknown(&self.failure.why()),
            Ok(Ok(())) => {}
        }
        match timeout(self.answer_wait, answered).await {
            Err(_) => unknown("its writer takes too long"),
            Ok(Err(_)) => unknown(&self.failure.why()),
            Ok(Ok(answer)) => answer,
        }
    }

    fn reader(&self) -> Result<read::Reader, StoreUnavailable> {
        self.failure.check()?;
        read::Reader::begin(&self.database)
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreUnavailable> {
        self.reader()?.records(keys)
    }

    async fn commit(&self, row: Vec<Commit>) -> Result<(), CommitError> {
        let in_tag = |commit: &Commit| commit.writes.iter().all(|write| write.tag() == commit.tag);
        debug_assert!(row.iter().all(in_tag), "every write of a commit is under its tag");
        self.ask(Work::Row(row)).await.map(|_| ())
    }

    async fn members(&self, index: &Index, limit: usize) -> Result<Vec<Member>, StoreUnavailable> {
        self.reader()?.members(index, limit)
    }

    async fn switches_with_work(&self) -> Result<Vec<SwitchId>, StoreUnavailable> {
        self.reader()?.switches_with_work()
    }

    async fn partners_with_due(&self) -> Result<Vec<PartnerId>, StoreUnavailable> {
        self.reader()?.partners_with_due()
    }

    async fn claim_lease(
        &self,
        tag: &Tag,
        _: InstanceId,
        _: Option<InstanceId>,
    ) -> Result<Claimed, StoreUnavailable> {
        match self.ask(Work::Lease(tag.clone())).await {
            Ok(epoch) => Ok(Claimed::Taken(epoch.expect("a lease is answered with its epoch"))),
            Err(error) => Err(StoreUnavailable(error.to_string())),
        }
    }

    /// Nothing to do: the next claim takes it, released or not.
    async fn release_lease(&self, _: &Tag, _: LeaseEpoch) -> Result<(), StoreUnavailable> {
        self.failure.check()
    }

    async fn beat(&self, instance: InstanceId) -> Result<Vec<Heartbeat>, StoreUnavailable> {
        self.failure.check()?;
        let mut census = self.census.lock().unwrap_or_else(PoisonError::into_inner);
        *census.entry(instance).or_default() += 1;
        Ok(census.iter().map(|(&instance, &count)| Heartbeat { instance, count }).collect())
    }

    async fn leave(&self, instance: InstanceId) -> Result<(), StoreUnavailable> {
        self.failure.check()?;
        self.census.lock().unwrap_or_else(PoisonError::into_inner).remove(&instance);
        Ok(())
    }

    fn is_shared(&self) -> bool {
        false
    }

    async fn ping(&self) -> Result<(), StoreUnavailable> {
        self.reader()?.schema().map(|_| ())
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        // Without a sender the writer ends once the queue is empty.
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has said so in `failure`; there is no one left to tell.
            let _ = writer.join();
        }
    }
}

impl std::fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedStore").finish_non_exhaustive()
    }
}

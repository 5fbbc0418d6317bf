//! The one writer: takes what waits, applies it in one transaction, syncs once, and only then answers.
//!
//! Nothing is answered before the sync, not even a denial: it may rest on a row of the same batch. When a batch fails,
//! the cause is put on record first, and then the answers are dropped, unsent: to who waits, no answer means unknown.

use super::row;
use super::tables::Tables;
use super::{Failure, Settings};
use redb::Database;
#[cfg(feature = "fail-points")]
use std::io::ErrorKind;
use std::sync::Arc;
use std::thread::JoinHandle;
use switchyard_actors::domain::ids::LeaseEpoch;
use switchyard_actors::domain::record::Tag;
use switchyard_actors::ports::store::{Commit, CommitError};
use tokio::sync::{mpsc, oneshot};

/// What the writer is asked for.
pub enum Work {
    Row(Vec<Commit>),
    Lease(Tag),
}

/// `Ok` with the epoch for a lease, without one for a row.
pub type Answer = Result<Option<LeaseEpoch>, CommitError>;

pub struct Request {
    pub work: Work,
    pub answer: oneshot::Sender<Answer>,
}

pub struct Writer {
    database: Arc<Database>,
    failure: Arc<Failure>,
    batch_rows: usize,
    keep_applied: u64,
}

impl Writer {
    pub fn new(database: Arc<Database>, failure: Arc<Failure>, settings: &Settings) -> Self {
        let (batch_rows, keep_applied) = (settings.batch_rows.max(1), settings.applied_commits);
        Self { database, failure, batch_rows, keep_applied }
    }

    /// Starts the thread. It ends when the queue is closed and empty, or when a batch has failed.
    pub fn spawn(self, rows: mpsc::Receiver<Request>) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || self.run(rows))
    }

    fn run(self, mut queue: mpsc::Receiver<Request>) {
        while let Some(batch) = self.next_batch(&mut queue) {
            match self.apply(&batch) {
                Ok(answers) => answer_all(batch, answers),
                Err(error) => {
                    tracing::error!(%error, "a write to the store failed; it is out of use until a restart");
                    return self.failure.set(format!("a write failed: {error}"));
                }
            }
        }
    }

    fn next_batch(&self, queue: &mut mpsc::Receiver<Request>) -> Option<Vec<Request>> {
        let mut batch = vec![queue.blocking_recv()?];
        while batch.len() < self.batch_rows
            && let Ok(request) = queue.try_recv()
        {
            batch.push(request);
        }
        Some(batch)
    }

    fn apply(&self, batch: &[Request]) -> Result<Vec<Answer>, redb::Error> {
        let _note = PanicNote(&self.failure);
        let transaction = self.database.begin_write()?;
        let mut changed = false;
        let mut tables = Tables::open(&transaction)?;
        let mut answers = Vec::with_capacity(batch.len());
        for request in batch {
            answers.push(self.apply_one(&mut tables, &request.work, &mut changed)?);
        }
        drop(tables);
        if !changed {
            // Denials and repeats alone: what they rest on was synced before.
            transaction.abort()?;
            return Ok(answers);
        }
        fail::fail_point!("store::before_commit");
        fail::fail_point!("store::write_refused", |_| Err(
            std::io::Error::from(ErrorKind::StorageFull).into()
        ));
        transaction.commit()?;
        fail::fail_point!("store::after_commit");
        Ok(answers)
    }

    fn apply_one(
        &self,
        tables: &mut Tables<'_>,
        work: &Work,
        changed: &mut bool,
    ) -> Result<Answer, redb::StorageError> {
        match work {
            Work::Row(row) => {
                let result = row::apply(tables, row, self.keep_applied)?;
                *changed |= result.as_ref().is_ok_and(|fresh| *fresh > 0);
                Ok(result.map(|_| None))
            }
            Work::Lease(tag) => {
                *changed = true;
                Ok(Ok(Some(row::take_lease(tables, tag)?)))
            }
        }
    }
}

fn answer_all(batch: Vec<Request>, answers: Vec<Answer>) {
    for (request, answer) in batch.into_iter().zip(answers) {
        // Who asked may have gone; what was done is done.
        let _ = request.answer.send(answer);
    }
}

/// Puts a panic on record before the batch's answers are dropped.
struct PanicNote<'w>(&'w Failure);

impl Drop for PanicNote<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set("its writer panicked".to_owned());
        }
    }
}

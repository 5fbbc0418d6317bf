//! The whole state of a store as a file: what moves an installation from one engine to another, and its backup.
//!
//! ```text
//!   export   engine ──dump──▶ entries ──▶ FILE.part ──synced, whole──▶ FILE
//!   import   FILE ──read whole and verified──▶ entries, in batches ──▶ intake of the other engine ──finish──▶ a store
//! ```
//!
//! What is taken along: records with their versions, members of indexes with their scores, the last epoch of each lease, so
//! that none is ever given twice, and each partner's last sequence number. What is left: who holds a lease, heartbeats,
//! counts, and which commits were applied, which all belong to processes that are gone.
//!
//! It must never write a byte of a file that isn't whole into a store, and never leave a store, or a file, that is half
//! of one and looks like a whole.

mod entry;
mod file;
#[cfg(test)]
mod tests;

pub use entry::{Entry, Moved};
pub use file::{BackupFile, FORMAT, FileError, VERSION};

use async_trait::async_trait;
use file::BackupWriter;
use std::path::Path;
use switchyard_actors::domain::time::UnixMillis;
use switchyard_actors::ports::store::StoreUnavailable;

/// Entries that an intake is given at once.
const BATCH: usize = 1_000;

/// Why a state was not moved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// It is the file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A rule says no: what is there must be changed first.
    #[error("{0}")]
    Refused(String),
    /// The store could not be read or written.
    #[error("{0}")]
    Failed(String),
}

impl From<StoreUnavailable> for BackupError {
    fn from(error: StoreUnavailable) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Where the entries of a dump go.
pub type Take<'t> = dyn FnMut(Entry) -> Result<(), BackupError> + Send + 't;

/// An engine that can tell everything that it holds.
#[async_trait]
pub trait WholeState: Send + Sync {
    /// Gives every entry once, in no order, as of one moment.
    ///
    /// # Errors
    /// When it can't be read, or is being changed; or the error of `take`, after which it stops.
    async fn dump(&self, take: &mut Take<'_>) -> Result<(), BackupError>;
}

/// A store in the making: nobody can serve on it before it is finished.
#[async_trait]
pub trait Intake: Send {
    /// Writes entries.
    ///
    /// # Errors
    /// When they can't be written: then it must not be finished.
    async fn take(&mut self, batch: Vec<Entry>) -> Result<(), BackupError>;

    /// Makes it a store.
    ///
    /// # Errors
    /// When it did not become one.
    async fn finish(self) -> Result<(), BackupError>;
}

/// Writes the whole state to a new file.
///
/// # Errors
/// [`BackupError`]; then there is no file of that name, or still the one that was there.
pub async fn export(
    store: &dyn WholeState,
    path: &Path,
    exported_at: UnixMillis,
) -> Result<Moved, BackupError> {
    let mut writer = BackupWriter::begin(path, exported_at)?;
    store.dump(&mut |entry| Ok(writer.write(&entry)?)).await?;
    Ok(writer.finish()?)
}

/// Brings the whole state of a file into a new store. Nothing is begun before the file is known to be whole.
///
/// # Errors
/// [`BackupError`]; then there is no store, or none that can be served on.
pub async fn import<I: Intake>(
    path: &Path,
    begin: impl AsyncFnOnce() -> Result<I, BackupError>,
) -> Result<Moved, BackupError> {
    let mut file = BackupFile::open(path)?;
    let moved = file.verify()?;
    let mut intake = begin().await?;
    let mut batch = Vec::with_capacity(BATCH);
    for entry in file.entries()? {
        batch.push(entry?);
        if batch.len() == BATCH {
            intake.take(std::mem::take(&mut batch)).await?;
        }
    }
    intake.take(batch).await?;
    intake.finish().await?;
    Ok(moved)
}

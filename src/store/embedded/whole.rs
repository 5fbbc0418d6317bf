//! The whole state: told in one read transaction, and taken into a file that gets its name only when all of it is there.

use super::file::{draft_name, file_backend, open_backend};
use super::row::include;
use super::tables::{LEASES, MEMBERS, RECORDS, SEQUENCES, Tables};
use super::{EmbeddedStore, Settings};
use crate::store::backup::{BackupError, Entry, Intake, Take, WholeState};
use crate::store::envelope::{decode, encode};
use crate::store::new_file::Draft;
use async_trait::async_trait;
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, StorageError, TableError};
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use switchyard_actors::domain::ids::{LeaseEpoch, PartnerId};
use switchyard_actors::domain::record::Key;

fn failed(error: impl Display) -> BackupError {
    BackupError::Failed(error.to_string())
}

/// Blocks until all of it is told, and stops no commit meanwhile.
#[async_trait]
impl WholeState for EmbeddedStore {
    async fn dump(&self, take: &mut Take<'_>) -> Result<(), BackupError> {
        self.failure.check()?;
        let transaction = self.database.begin_read().map_err(failed)?;
        records(&transaction, take)?;
        members(&transaction, take)?;
        leases(&transaction, take)?;
        sequences(&transaction, take)
    }
}

fn records(transaction: &ReadTransaction, take: &mut Take<'_>) -> Result<(), BackupError> {
    for entry in transaction.open_table(RECORDS).map_err(failed)?.iter().map_err(failed)? {
        let (name, value) = entry.map_err(failed)?;
        let key: Key = name.value().parse().map_err(failed)?;
        let stored = decode(&key, value.value()).map_err(failed)?;
        take(Entry::Record { key, version: stored.version, record: stored.record })?;
    }
    Ok(())
}

fn members(transaction: &ReadTransaction, take: &mut Take<'_>) -> Result<(), BackupError> {
    for entry in transaction.open_table(MEMBERS).map_err(failed)?.iter().map_err(failed)? {
        let (place, _) = entry.map_err(failed)?;
        let (index, score, member) = place.value();
        let (index, member) = (index.parse().map_err(failed)?, member.to_owned());
        take(Entry::Member { index, member, score })?;
    }
    Ok(())
}

fn leases(transaction: &ReadTransaction, take: &mut Take<'_>) -> Result<(), BackupError> {
    for entry in transaction.open_table(LEASES).map_err(failed)?.iter().map_err(failed)? {
        let (tag, epoch) = entry.map_err(failed)?;
        let (tag, epoch) = (tag.value().parse().map_err(failed)?, LeaseEpoch(epoch.value()));
        take(Entry::Lease { tag, epoch })?;
    }
    Ok(())
}

fn sequences(transaction: &ReadTransaction, take: &mut Take<'_>) -> Result<(), BackupError> {
    for entry in transaction.open_table(SEQUENCES).map_err(failed)?.iter().map_err(failed)? {
        let (partner, last) = entry.map_err(failed)?;
        let partner = PartnerId(partner.value().parse().map_err(failed)?);
        take(Entry::Sequence { partner, last: last.value() })?;
    }
    Ok(())
}

/// A store's file in the making, beside where it will be.
pub struct EmbeddedIntake {
    path: PathBuf,
    // Closed before the file gets its name.
    database: Database,
    draft: Draft,
}

impl EmbeddedIntake {
    /// Begins one. Nothing may be where it will be.
    ///
    /// # Errors
    /// When something is, or it can't be made.
    pub fn begin(path: &Path, settings: &Settings) -> Result<Self, BackupError> {
        if path.symlink_metadata().is_ok() {
            return Err(taken(path));
        }
        let unmade = |error: std::io::Error| failed(format!("{}: {error}", path.display()));
        let draft = Draft::begin(draft_name(path)).map_err(unmade)?;
        let file = draft.file().try_clone().map_err(unmade)?;
        let backend = file_backend(file, path).map_err(failed)?;
        let database = open_backend(backend, path, settings).map_err(failed)?;
        Ok(Self { path: path.to_owned(), database, draft })
    }
}

fn taken(path: &Path) -> BackupError {
    BackupError::Refused(format!(
        "{} is there already: an import makes a new store, and never changes one; move that file away first",
        path.display()
    ))
}

#[async_trait]
impl Intake for EmbeddedIntake {
    async fn take(&mut self, batch: Vec<Entry>) -> Result<(), BackupError> {
        let transaction = self.database.begin_write().map_err(failed)?;
        let mut tables = Tables::open(&transaction).map_err(|error: TableError| failed(error))?;
        batch.iter().try_for_each(|entry| write(&mut tables, entry)).map_err(failed)?;
        drop(tables);
        transaction.commit().map_err(failed)
    }

    async fn finish(self) -> Result<(), BackupError> {
        let Self { path, database, draft } = self;
        drop(database);
        draft.name(&path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => taken(&path),
            _ => failed(format!("{}: {error}", path.display())),
        })
    }
}

fn write(tables: &mut Tables<'_>, entry: &Entry) -> Result<(), StorageError> {
    match entry {
        Entry::Record { key, version, record } => {
            tables.records.insert(key.to_string().as_str(), encode(*version, record).as_slice())?;
        }
        Entry::Member { index, member, score } => include(tables, index, member, *score)?,
        Entry::Lease { tag, epoch } => {
            tables.leases.insert(tag.to_string().as_str(), epoch.0)?;
        }
        Entry::Sequence { partner, last } => {
            tables.sequences.insert(partner.to_string().as_str(), *last)?;
        }
    }
    Ok(())
}

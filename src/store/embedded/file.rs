//! Opening: whose file it is, whether it can be trusted, and its schema. Never changes a file that isn't a store.

use super::Settings;
use super::tables::{META, META_SCHEMA, SCHEMA, Tables};
use crate::store::new_file::{private, sync_name};
use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, ReadableDatabase, StorageBackend, StorageError, TableError};
use std::any::Any;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a store could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Someone has it.
    #[error("the store {} is already open by another process (or by this one)", path.display())]
    AlreadyOpen {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else; it was left as it is.
    #[error("{} is not a store: {why}", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The file was a store once.
    #[error("the store {} is damaged: {why}; restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// Another release wrote it.
    #[error("the store {} has schema {found}; this release reads schema {supported}", path.display())]
    UnsupportedSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u64,
        /// Ours.
        supported: u64,
    },
    /// The operating system said no.
    #[error("the store {} can't be opened: {why}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What it said.
        why: String,
    },
}

impl OpenError {
    pub(super) fn failed(path: &Path, why: &dyn std::fmt::Display) -> Self {
        Self::Failed { path: path.to_owned(), why: why.to_string() }
    }

    fn damaged(path: &Path, why: impl ToString) -> Self {
        Self::Damaged { path: path.to_owned(), why: why.to_string() }
    }

    fn not_a_store(path: &Path, why: impl ToString) -> Self {
        Self::NotAStore { path: path.to_owned(), why: why.to_string() }
    }

    fn from_storage(path: &Path, error: StorageError) -> Self {
        match error {
            StorageError::Io(error) if error.kind() == ErrorKind::InvalidData => {
                Self::not_a_store(path, error)
            }
            StorageError::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Self::damaged(path, "it ends too early")
            }
            StorageError::Corrupted(why) => Self::damaged(path, why),
            other => Self::failed(path, &other),
        }
    }

    fn from_database(path: &Path, error: DatabaseError) -> Self {
        match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                Self::AlreadyOpen { path: path.to_owned() }
            }
            DatabaseError::Storage(error) => Self::from_storage(path, error),
            other => Self::failed(path, &other),
        }
    }
}

/// Opens the database in a file. One that isn't there is made under another name first: the power may go while it is
/// made, and half of it would be no store.
pub fn open(path: &Path, settings: &Settings) -> Result<Database, OpenError> {
    let failed = |error: std::io::Error| OpenError::failed(path, &error);
    if !path.try_exists().map_err(failed)? {
        make(path, settings)?;
    }
    let file = open_private(path).map_err(failed)?;
    let database = open_backend(file_backend(file, path)?, path, settings)?;
    // Also a file that was found may have been made by a process that died before it got here.
    sync_name(path).map_err(failed)?;
    Ok(database)
}

fn make(path: &Path, settings: &Settings) -> Result<(), OpenError> {
    let failed = |error: std::io::Error| OpenError::failed(path, &error);
    let draft = draft_name(path);
    let file = open_private(&draft).map_err(failed)?;
    let made = open_backend(file_backend(file, path)?, path, settings).map(drop);
    let named = made.and_then(|()| name(&draft, path).map_err(failed));
    std::fs::remove_file(&draft).map_err(failed)?;
    named
}

/// Unlike renaming, linking never replaces a store that another process has made meanwhile.
fn name(draft: &Path, path: &Path) -> std::io::Result<()> {
    File::open(draft)?.sync_all()?;
    match std::fs::hard_link(draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // Some file systems have no links. There the store is made in its place, and a power cut while it is made
        // leaves a file that has to be removed by hand.
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => Ok(()),
        linked => linked,
    }
}

/// A name beside the store's that no other draft has.
pub fn draft_name(path: &Path) -> PathBuf {
    static DRAFTS: AtomicU64 = AtomicU64::new(0);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".new-{}-{}", std::process::id(), DRAFTS.fetch_add(1, Ordering::Relaxed)));
    PathBuf::from(name)
}

/// A file as the database takes it: held, so that nobody else opens it.
pub fn file_backend(file: File, path: &Path) -> Result<FileBackend, OpenError> {
    FileBackend::new(file).map_err(|error| OpenError::from_database(path, error))
}

fn open_private(path: &Path) -> std::io::Result<File> {
    private(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(path)
}

/// Opens the database on a backend, and checks or writes its schema. `path` is for errors.
pub fn open_backend(
    backend: impl StorageBackend,
    path: &Path,
    settings: &Settings,
) -> Result<Database, OpenError> {
    let opening = AssertUnwindSafe(|| {
        let database = Builder::new()
            .set_cache_size(settings.cache_bytes)
            .set_check_integrity_on_open(settings.verify_on_open)
            .create_with_backend(backend)
            .map_err(|error| OpenError::from_database(path, error))?;
        check_schema(&database, path)?;
        Ok(database)
    });
    // redb panics on some kinds of damage, which must be an error at start like any other.
    catch_unwind(opening).unwrap_or_else(|panic| Err(OpenError::damaged(path, panic_text(&*panic))))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it can't be read").to_owned()
}

fn check_schema(database: &Database, path: &Path) -> Result<(), OpenError> {
    match stored_schema(database, path)? {
        Some(SCHEMA) => Ok(()),
        Some(found) => Err(OpenError::UnsupportedSchema { path: path.to_owned(), found, supported: SCHEMA }),
        None => initialise(database).map_err(|error| OpenError::failed(path, &error)),
    }
}

/// `None` in a database that was just made: one that holds nothing at all.
fn stored_schema(database: &Database, path: &Path) -> Result<Option<u64>, OpenError> {
    let storage = |error| OpenError::from_storage(path, error);
    let transaction = database.begin_read().map_err(|error| OpenError::failed(path, &error))?;
    match transaction.open_table(META) {
        Ok(meta) => {
            let schema = meta.get(META_SCHEMA).map_err(storage)?.map(|schema| schema.value());
            schema.map(Some).ok_or_else(|| OpenError::not_a_store(path, "it has no schema"))
        }
        Err(TableError::TableDoesNotExist(_)) => {
            let mut tables = transaction.list_tables().map_err(storage)?;
            let foreign = tables.next().is_some();
            if foreign { Err(OpenError::not_a_store(path, "it holds other tables")) } else { Ok(None) }
        }
        Err(TableError::Storage(error)) => Err(storage(error)),
        Err(other) => Err(OpenError::not_a_store(path, other)),
    }
}

fn initialise(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(META)?.insert(META_SCHEMA, SCHEMA)?;
    Tables::open(&transaction)?;
    Ok(transaction.commit()?)
}

//! The file: a head that says what it is, one line of JSON an entry, and an end that says how many there were and what
//! all of it hashes to.
//!
//! ```text
//!   {"format":"switchyard-store","version":1,"record_schema":4,"exported_at":"2026-01-31T12:00:00Z"}
//!   {"entry":"record","key":"switch/s1/status","version":"…","record":{…}}
//!   {"entry":"member","index":"work/s1","member":"job …","score":1700000000000}
//!   {"entry":"lease","tag":"switch/s1","epoch":7}
//!   {"entry":"sequence","partner":"…","last":12}
//!   {"end":{"entries":4,"sha256":"…"}}
//! ```
//!
//! The end stands for the whole: it must be byte for byte what a writer of those lines would have written, and the last
//! thing in the file. So a file that was cut anywhere, or that has another byte in it, isn't one.

use super::entry::{Entry, Moved};
use crate::machine::rfc3339;
use crate::store::envelope::RECORD_SCHEMA;
use crate::store::new_file::Draft;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Error, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use switchyard_actors::domain::time::UnixMillis;

/// What a file says that it is.
pub const FORMAT: &str = "switchyard-store";

/// Of the lines; that of the records in them is beside it.
pub const VERSION: u32 = 1;

/// Longest line that is read: far more than any record, far less than the memory.
const LINE_LIMIT_BYTES: u64 = 64 << 20;

/// Why a file was not written, or not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is not what it should be.
    #[error("{}, line {line}: {why}", path.display())]
    Faulty {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: u64,
        /// What is wrong there.
        why: String,
    },
    /// There is one already, and it is left as it is.
    #[error("{} is there already; an export never replaces a file", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// An export to the same name has not come to its end.
    #[error("{} is there: an export to it is running, or was cut off; if none runs, remove it", path.display())]
    Unfinished {
        /// The file that is not whole.
        path: PathBuf,
    },
    /// The operating system said no.
    #[error("{}: {why}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What it said.
        why: String,
    },
}

impl FileError {
    fn failed(path: &Path) -> impl Fn(Error) -> Self {
        move |error| Self::Failed { path: path.to_owned(), why: error.to_string() }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: String,
    version: u32,
    record_schema: u32,
    exported_at: String,
}

/// What every version's head has.
#[derive(Deserialize)]
struct AnyHead {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    end: Total,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Total {
    entries: u64,
    sha256: String,
}

/// How an end begins, and no entry does.
const END: &[u8] = br#"{"end":"#;

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts and numbers, which are always JSON")
}

fn end_line(entries: u64, digest: Sha256) -> Vec<u8> {
    let sha256 = hex::encode(digest.finalize());
    json(&End { end: Total { entries, sha256 } })
}

/// A file in the making. Dropped before it is finished, it leaves nothing.
pub struct BackupWriter {
    path: PathBuf,
    draft: Draft,
    lines: BufWriter<File>,
    digest: Sha256,
    moved: Moved,
}

impl BackupWriter {
    /// Begins one that will be at `path`, and is beside it, as `path.part`, until it is whole.
    pub fn begin(path: &Path, exported_at: UnixMillis) -> Result<Self, FileError> {
        if path.symlink_metadata().is_ok() {
            return Err(FileError::Exists { path: path.to_owned() });
        }
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let draft = Draft::begin(part.clone()).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => FileError::Unfinished { path: part.clone() },
            _ => FileError::failed(&part)(error),
        })?;
        let lines = BufWriter::new(draft.file().try_clone().map_err(FileError::failed(&part))?);
        let (digest, moved) = (Sha256::new(), Moved::default());
        let mut writer = Self { path: path.to_owned(), draft, lines, digest, moved };
        writer.line(json(&Head {
            format: FORMAT.to_owned(),
            version: VERSION,
            record_schema: RECORD_SCHEMA,
            exported_at: rfc3339(exported_at),
        }))?;
        Ok(writer)
    }

    /// Writes an entry.
    pub fn write(&mut self, entry: &Entry) -> Result<(), FileError> {
        self.moved.count(entry);
        self.line(entry.to_line())
    }

    fn line(&mut self, mut line: Vec<u8>) -> Result<(), FileError> {
        line.push(b'\n');
        self.digest.update(&line);
        self.lines.write_all(&line).map_err(FileError::failed(&self.path))
    }

    /// Ends it, and gives it its name.
    pub fn finish(mut self) -> Result<Moved, FileError> {
        self.line(end_line(self.moved.entries(), self.digest.clone()))?;
        self.lines.flush().map_err(FileError::failed(&self.path))?;
        self.draft.name(&self.path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => FileError::Exists { path: self.path.clone() },
            _ => FileError::failed(&self.path)(error),
        })?;
        Ok(self.moved)
    }
}

/// A file that is read: to the end before the first entry is believed, and then once more.
pub struct BackupFile {
    path: PathBuf,
    lines: BufReader<File>,
}

impl BackupFile {
    /// Opens it.
    ///
    /// # Errors
    /// [`FileError::Failed`].
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let file = File::open(path).map_err(FileError::failed(path))?;
        Ok(Self { path: path.to_owned(), lines: BufReader::new(file) })
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// With the first line at fault.
    pub fn verify(&mut self) -> Result<Moved, FileError> {
        let mut moved = Moved::default();
        for entry in self.entries()? {
            moved.count(&entry?);
        }
        Ok(moved)
    }

    /// Its entries, from the first. That the file is whole is known when they end without an error.
    ///
    /// # Errors
    /// When its head is at fault.
    pub fn entries(&mut self) -> Result<Entries<'_>, FileError> {
        self.lines.rewind().map_err(FileError::failed(&self.path))?;
        let mut entries =
            Entries { file: self, line: 0, digest: Sha256::new(), read: 0, schema: 0, over: false };
        entries.head()?;
        Ok(entries)
    }
}

/// The entries of a file.
pub struct Entries<'f> {
    file: &'f mut BackupFile,
    line: u64,
    digest: Sha256,
    read: u64,
    schema: u32,
    over: bool,
}

impl Entries<'_> {
    fn faulty(&self, why: impl Into<String>) -> FileError {
        FileError::Faulty { path: self.file.path.clone(), line: self.line, why: why.into() }
    }

    fn head(&mut self) -> Result<(), FileError> {
        let line = self.next_line()?;
        let not_one = |_| self.faulty(format!("not a store that was exported: no {FORMAT:?} in its head"));
        let AnyHead { format, version } = serde_json::from_slice(&line).map_err(not_one)?;
        if format != FORMAT {
            return Err(self.faulty(format!("its format is {format:?}, not {FORMAT:?}")));
        }
        if version != VERSION {
            return Err(
                self.faulty(format!("it has version {version}; this release reads version {VERSION}"))
            );
        }
        let head: Head = serde_json::from_slice(&line).map_err(|_| self.faulty("its head is faulty"))?;
        if !(1..=RECORD_SCHEMA).contains(&head.record_schema) {
            let found = head.record_schema;
            return Err(self.faulty(format!(
                "its records have schema {found}; this release reads schemas 1 to {RECORD_SCHEMA}"
            )));
        }
        self.schema = head.record_schema;
        self.digest.update(&line);
        Ok(())
    }

    /// The next line, with its end.
    fn next_line(&mut self) -> Result<Vec<u8>, FileError> {
        self.line += 1;
        let mut line = Vec::new();
        let mut limited = (&mut self.file.lines).take(LINE_LIMIT_BYTES);
        limited.read_until(b'\n', &mut line).map_err(FileError::failed(&self.file.path))?;
        match line.last() {
            Some(b'\n') => Ok(line),
            Some(_) if line.len() as u64 == LINE_LIMIT_BYTES => Err(self.faulty("the line is too long")),
            Some(_) => Err(self.faulty("the file was cut off in this line")),
            None if self.line == 1 => Err(self.faulty("the file is empty")),
            None => Err(self.faulty("the file was cut off: it has no end line")),
        }
    }

    fn next_entry(&mut self) -> Result<Option<Entry>, FileError> {
        let line = self.next_line()?;
        if line.starts_with(END) {
            self.end(&line)?;
            return Ok(None);
        }
        let entry = Entry::from_line(&line, self.schema).map_err(|why| self.faulty(why))?;
        self.digest.update(&line);
        self.read += 1;
        Ok(Some(entry))
    }

    fn end(&mut self, line: &[u8]) -> Result<(), FileError> {
        let End { end } = serde_json::from_slice(line).map_err(|_| self.faulty("its end line is faulty"))?;
        if end.entries != self.read {
            let (said, read) = (end.entries, self.read);
            return Err(
                self.faulty(format!("the file was changed: it should have {said} entries, and has {read}"))
            );
        }
        let expected = [end_line(self.read, self.digest.clone()), b"\n".to_vec()].concat();
        if line != expected {
            return Err(self.faulty("the file was changed: its SHA-256 is not what its end line says"));
        }
        let mut more = [0];
        let more = self.file.lines.read(&mut more).map_err(FileError::failed(&self.file.path))?;
        if more == 0 { Ok(()) } else { Err(self.faulty("there is more after the end line")) }
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.next_entry().transpose();
        self.over = !matches!(next, Some(Ok(_)));
        next
    }
}

//! What a state consists of, and one entry as a line of the file.

use crate::store::envelope::record_of_schema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use switchyard_actors::domain::ids::{CommitId, LeaseEpoch, PartnerId};
use switchyard_actors::domain::names::NotAName;
use switchyard_actors::domain::record::{Index, Key, Record, Tag};

/// One thing that a store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A record.
    Record {
        /// Under which key.
        key: Key,
        /// The commit that wrote it.
        version: CommitId,
        /// The record.
        record: Record,
    },
    /// A member of an index.
    Member {
        /// Which index.
        index: Index,
        /// The member.
        member: String,
        /// Where it stands.
        score: u64,
    },
    /// The last epoch that was taken of a lease.
    Lease {
        /// Which lease.
        tag: Tag,
        /// Its epoch.
        epoch: LeaseEpoch,
    },
    /// The last number that was given in a partner's stream.
    Sequence {
        /// Whose.
        partner: PartnerId,
        /// The number.
        last: u64,
    },
}

/// An entry as it is written.
#[derive(Serialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
enum Written<'e> {
    Record { key: String, version: CommitId, record: &'e Record },
    Member { index: String, member: &'e str, score: u64 },
    Lease { tag: String, epoch: LeaseEpoch },
    Sequence { partner: PartnerId, last: u64 },
}

/// An entry as it is read: its record may be of an older schema.
#[derive(Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case", deny_unknown_fields)]
enum Read {
    Record { key: String, version: CommitId, record: Value },
    Member { index: String, member: String, score: u64 },
    Lease { tag: String, epoch: LeaseEpoch },
    Sequence { partner: PartnerId, last: u64 },
}

impl Entry {
    /// Its line, without an end.
    pub(super) fn to_line(&self) -> Vec<u8> {
        let written = match self {
            Self::Record { key, version, record } => {
                Written::Record { key: key.to_string(), version: *version, record }
            }
            Self::Member { index, member, score } => {
                Written::Member { index: index.to_string(), member, score: *score }
            }
            Self::Lease { tag, epoch } => Written::Lease { tag: tag.to_string(), epoch: *epoch },
            Self::Sequence { partner, last } => Written::Sequence { partner: *partner, last: *last },
        };
        serde_json::to_vec(&written)
            .expect("records hold texts, numbers and maps by text, which are always JSON")
    }

    /// Reads a line. The error has no word of a record, which may hold a secret.
    pub(super) fn from_line(line: &[u8], schema: u32) -> Result<Self, String> {
        let unreadable = |error: serde_json::Error| {
            format!("not an entry: {:?} error at byte {}", error.classify(), error.column())
        };
        let unnamed = |error: NotAName| error.to_string();
        Ok(match serde_json::from_slice(line).map_err(unreadable)? {
            Read::Record { key, version, record } => {
                let key = key.parse().map_err(unnamed)?;
                let record = record_of_schema(schema, record)
                    .map_err(|why| format!("the record {key} should have {why}"))?;
                Self::Record { key, version, record }
            }
            Read::Member { index, member, score } => {
                Self::Member { index: index.parse().map_err(unnamed)?, member, score }
            }
            Read::Lease { tag, epoch } => Self::Lease { tag: tag.parse().map_err(unnamed)?, epoch },
            Read::Sequence { partner, last } => Self::Sequence { partner, last },
        })
    }
}

/// How much was moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Records.
    pub records: u64,
    /// Members of indexes.
    pub members: u64,
    /// Leases, by their last epoch.
    pub leases: u64,
    /// Partners' sequence numbers.
    pub sequences: u64,
}

impl Moved {
    /// Counts one more.
    pub(super) fn count(&mut self, entry: &Entry) {
        let of_its_kind = match entry {
            Entry::Record { .. } => &mut self.records,
            Entry::Member { .. } => &mut self.members,
            Entry::Lease { .. } => &mut self.leases,
            Entry::Sequence { .. } => &mut self.sequences,
        };
        *of_its_kind += 1;
    }

    /// All of it.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.records + self.members + self.leases + self.sequences
    }
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, members, leases, sequences } = self;
        write!(
            f,
            "{records} records, {members} members of indexes, {leases} leases, {sequences} sequence numbers"
        )
    }
}

//! Reads: one redb read transaction, so one snapshot, for each call. Never waits for the writer.

use super::tables::{MEMBERS, META, META_SCHEMA, RECORDS};
use crate::store::envelope::decode;
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, StorageError};
use std::fmt::Display;
use switchyard_actors::domain::ids::{PartnerId, SwitchId};
use switchyard_actors::domain::record::{Index, Key};
use switchyard_actors::ports::store::{Member, StoreUnavailable, Stored};

/// The start of each index of a kind, as [`Index`] displays it.
const WORK: &str = "work/";
const DUE: &str = "due/";

pub struct Reader(ReadTransaction);

fn unavailable(error: impl Display) -> StoreUnavailable {
    StoreUnavailable(error.to_string())
}

impl Reader {
    pub fn begin(database: &Database) -> Result<Self, StoreUnavailable> {
        database.begin_read().map(Self).map_err(unavailable)
    }

    pub fn schema(&self) -> Result<u64, StoreUnavailable> {
        let meta = self.0.open_table(META).map_err(unavailable)?;
        let schema = meta.get(META_SCHEMA).map_err(unavailable)?;
        schema.map(|schema| schema.value()).ok_or_else(|| unavailable("it has no schema"))
    }

    pub fn records(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreUnavailable> {
        let table = self.0.open_table(RECORDS).map_err(unavailable)?;
        let one = |key: &Key| match table.get(key.to_string().as_str()).map_err(unavailable)? {
            Some(value) => decode(key, value.value()).map(Some).map_err(StoreUnavailable),
            None => Ok(None),
        };
        keys.iter().map(one).collect()
    }

    pub fn members(&self, index: &Index, limit: usize) -> Result<Vec<Member>, StoreUnavailable> {
        let index = index.to_string();
        let table = self.0.open_table(MEMBERS).map_err(unavailable)?;
        let mut found = Vec::new();
        for entry in table.range((index.as_str(), 0, "")..).map_err(unavailable)?.take(limit) {
            let (key, _) = entry.map_err(unavailable)?;
            let (of, score, member) = key.value();
            if of != index {
                break;
            }
            found.push(Member { member: member.to_owned(), score });
        }
        Ok(found)
    }

    pub fn switches_with_work(&self) -> Result<Vec<SwitchId>, StoreUnavailable> {
        self.not_empty(WORK)?.iter().map(|id| SwitchId::parse(id).map_err(unavailable)).collect()
    }

    pub fn partners_with_due(&self) -> Result<Vec<PartnerId>, StoreUnavailable> {
        self.not_empty(DUE)?.iter().map(|id| id.parse().map(PartnerId).map_err(unavailable)).collect()
    }

    /// What follows `kind` in the names of the indexes that aren't empty: one look into the tree for each of them,
    /// however many members it has.
    fn not_empty(&self, kind: &str) -> Result<Vec<String>, StoreUnavailable> {
        let table = self.0.open_table(MEMBERS).map_err(unavailable)?;
        let mut found = Vec::new();
        let mut from = kind.to_owned();
        while let Some(index) = first_index(&table, &from).map_err(unavailable)? {
            let Some(owner) = index.strip_prefix(kind) else { break };
            found.push(owner.to_owned());
            // The least text that is greater than the index's name, and so leaps over all its members.
            from = index + "\0";
        }
        Ok(found)
    }
}

fn first_index(
    table: &impl ReadableTable<(&'static str, u64, &'static str), ()>,
    from: &str,
) -> Result<Option<String>, StorageError> {
    let first = table.range((from, 0, "")..)?.next().transpose()?;
    Ok(first.map(|(key, _)| key.value().0.to_owned()))
}

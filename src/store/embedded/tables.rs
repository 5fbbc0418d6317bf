//! The file's layout: its tables, and how a record is written into one. Changing either is a new [`SCHEMA`].
//!
//! | table | key | value |
//! |---|---|---|
//! | meta | name | number |
//! | records | key | version (16 bytes), then the record in its envelope, as JSON |
//! | members | (index, score, member) | – |
//! | scores | (index, member) | score |
//! | leases | tag | last epoch taken |
//! | sequences | partner | last number given |
//! | applied | commit id | its place |
//! | `applied_order` | place | commit id |

use crate::store::envelope;
use redb::{StorageError, Table, TableDefinition, TableError, WriteTransaction};
use switchyard_actors::domain::ids::CommitId;

/// Of the file's layout.
pub const SCHEMA: u64 = 1;

/// The name of [`SCHEMA`] among [`META`].
pub const META_SCHEMA: &str = "schema";
pub const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
pub const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");
pub const MEMBERS: TableDefinition<'_, (&str, u64, &str), ()> = TableDefinition::new("members");
const SCORES: TableDefinition<'_, (&str, &str), u64> = TableDefinition::new("scores");
pub const LEASES: TableDefinition<'_, &str, u64> = TableDefinition::new("leases");
pub const SEQUENCES: TableDefinition<'_, &str, u64> = TableDefinition::new("sequences");
const APPLIED: TableDefinition<'_, u128, u64> = TableDefinition::new("applied");
const APPLIED_ORDER: TableDefinition<'_, u64, u128> = TableDefinition::new("applied_order");

/// The tables of one write transaction.
pub struct Tables<'t> {
    pub records: Table<'t, &'static str, &'static [u8]>,
    pub members: Table<'t, (&'static str, u64, &'static str), ()>,
    pub scores: Table<'t, (&'static str, &'static str), u64>,
    pub leases: Table<'t, &'static str, u64>,
    pub sequences: Table<'t, &'static str, u64>,
    pub applied: Table<'t, u128, u64>,
    pub applied_order: Table<'t, u64, u128>,
}

impl<'t> Tables<'t> {
    /// Opens them; a table that isn't there is made.
    pub fn open(transaction: &'t WriteTransaction) -> Result<Self, TableError> {
        Ok(Self {
            records: transaction.open_table(RECORDS)?,
            members: transaction.open_table(MEMBERS)?,
            scores: transaction.open_table(SCORES)?,
            leases: transaction.open_table(LEASES)?,
            sequences: transaction.open_table(SEQUENCES)?,
            applied: transaction.open_table(APPLIED)?,
            applied_order: transaction.open_table(APPLIED_ORDER)?,
        })
    }

    /// The version of the record under a key, if there is one.
    pub fn version(&self, key: &str) -> Result<Option<CommitId>, StorageError> {
        use redb::ReadableTable;
        let Some(value) = self.records.get(key)? else { return Ok(None) };
        let corrupted = || StorageError::Corrupted(format!("the record {key} has no version"));
        envelope::version(value.value()).map(Some).ok_or_else(corrupted)
    }
}

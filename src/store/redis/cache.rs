//! Records of the inventory, for a short time: each checkout needs four of them, and they hardly ever change.
//!
//! Only records that are there are kept. A change of ours, or one that is announced, empties it; the time limit bounds
//! what a lost announcement can do.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use switchyard_actors::domain::record::{Key, Tag};
use switchyard_actors::ports::store::Stored;

/// Most records kept; a full cache is emptied.
const RECORDS: usize = 100_000;

pub struct InventoryCache {
    keep: Duration,
    records: Mutex<HashMap<Key, (Instant, Stored)>>,
}

impl InventoryCache {
    pub fn new(keep: Duration) -> Self {
        Self { keep, records: Mutex::default() }
    }

    pub fn get(&self, key: &Key) -> Option<Stored> {
        if self.keep.is_zero() || key.tag() != Tag::Inventory {
            return None;
        }
        let records = self.records();
        let (read_at, stored) = records.get(key)?;
        (read_at.elapsed() < self.keep).then(|| stored.clone())
    }

    pub fn put(&self, key: &Key, stored: Option<&Stored>) {
        let Some(stored) = stored else { return };
        if self.keep.is_zero() || key.tag() != Tag::Inventory {
            return;
        }
        let mut records = self.records();
        if records.len() >= RECORDS {
            records.clear();
        }
        records.insert(key.clone(), (Instant::now(), stored.clone()));
    }

    pub fn clear(&self) {
        self.records().clear();
    }

    fn records(&self) -> MutexGuard<'_, HashMap<Key, (Instant, Stored)>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

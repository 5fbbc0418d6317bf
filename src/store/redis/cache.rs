//! Records of the inventory, for a short time: each checkout needs four of them, and they hardly ever change.
//!
//! Only records that are there are kept. A change of ours, or one that is announced, empties it; the time limit bounds
//! what a lost announcement can do.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use switchyard_actors::domain::record::{Key, Tag};
use switchyard_actors::ports::store::Stored;

/// Most records kept; a full cache is emptied.
const RECORDS: usize = 100_000;

pub struct InventoryCache {
    keep: Duration,
    records: Mutex<HashMap<Key, (Instant, Stored)>>,
    emptied: AtomicUsize,
}

/// When a record was asked for: an answer from before a change isn't kept after it.
#[derive(Clone, Copy)]
pub struct AskedFor {
    at: Instant,
    emptied: usize,
}

impl InventoryCache {
    pub fn new(keep: Duration) -> Self {
        Self { keep, records: Mutex::default(), emptied: AtomicUsize::new(0) }
    }

    pub fn get(&self, key: &Key) -> Option<Stored> {
        if self.keep.is_zero() || key.tag() != Tag::Inventory {
            return None;
        }
        let records = self.records();
        let (read_at, stored) = records.get(key)?;
        (read_at.elapsed() < self.keep).then(|| stored.clone())
    }

    /// Now, before a question is sent.
    pub fn ask(&self) -> AskedFor {
        AskedFor { at: Instant::now(), emptied: self.emptied.load(Ordering::SeqCst) }
    }

    pub fn put(&self, asked: AskedFor, key: &Key, stored: Option<&Stored>) {
        let Some(stored) = stored else { return };
        if self.keep.is_zero() || key.tag() != Tag::Inventory {
            return;
        }
        let mut records = self.records();
        if self.emptied.load(Ordering::SeqCst) != asked.emptied {
            return;
        }
        if records.len() >= RECORDS {
            records.clear();
        }
        records.insert(key.clone(), (asked.at, stored.clone()));
    }

    pub fn clear(&self) {
        let mut records = self.records();
        self.emptied.fetch_add(1, Ordering::SeqCst);
        records.clear();
    }

    fn records(&self) -> MutexGuard<'_, HashMap<Key, (Instant, Stored)>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::{Draft, port};
    use switchyard_actors::domain::ids::SwitchId;
    use switchyard_actors::ports::store::Write;

    #[test]
    fn an_answer_from_before_a_change_is_not_kept_after_it() {
        let cache = InventoryCache::new(Duration::from_secs(60));
        let key = Key::Switch(SwitchId::parse("s").expect("a name"));
        let commit = Draft::putting(&port("s", "1"), 1).commit();
        let Some(Write::Put(_, record)) = commit.writes.into_iter().next() else {
            unreachable!("it puts one")
        };
        let stored = Stored { record, version: commit.id };
        let before = cache.ask();
        cache.clear();
        cache.put(before, &key, Some(&stored));
        assert_eq!(cache.get(&key), None);
        cache.put(cache.ask(), &key, Some(&stored));
        assert_eq!(cache.get(&key), Some(stored));
    }
}

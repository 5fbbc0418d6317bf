//! What the recording store keeps, and what one row of commits does to it: all of it, or nothing.

use crate::domain::delivery::DeliveryRecord;
use crate::domain::event::Event;
use crate::domain::ids::{CommitId, InstanceId, LeaseEpoch, PartnerId};
use crate::domain::record::{Index, Key, Record, Tag};
use crate::ports::store::{Commit, CommitError, Denial, Stored, Write};
use std::collections::{BTreeMap, HashMap, HashSet};

#[derive(Default)]
pub(super) struct Lease {
    pub epoch: u64,
    pub holder: Option<InstanceId>,
}

#[derive(Default)]
pub(super) struct State {
    pub records: BTreeMap<Key, Stored>,
    pub indexes: BTreeMap<Index, BTreeMap<String, u64>>,
    pub leases: HashMap<Tag, Lease>,
    pub census: BTreeMap<InstanceId, u64>,
    sequences: HashMap<PartnerId, u64>,
    applied: HashSet<CommitId>,
    undo: Vec<Undo>,
}

/// How it was before one change. Whoever takes them all back from the last to the first has undone a row, without a copy of
/// everything for each.
enum Undo {
    Record(Key, Option<Stored>),
    Member(Index, String, Option<u64>),
    Sequence(PartnerId, u64),
    Applied(CommitId),
}

impl State {
    /// Applies a row, and says which of it was new.
    pub fn apply_row<'r>(&mut self, row: &'r [Commit]) -> Result<Vec<&'r Commit>, CommitError> {
        self.undo.clear();
        let mut fresh = Vec::new();
        for (index, commit) in row.iter().enumerate() {
            if self.applied.contains(&commit.id) {
                continue;
            }
            if let Err(why) = self.apply(commit) {
                self.roll_back();
                return Err(CommitError::Denied { index, why });
            }
            fresh.push(commit);
        }
        Ok(fresh)
    }

    fn roll_back(&mut self) {
        while let Some(undo) = self.undo.pop() {
            match undo {
                Undo::Record(key, Some(stored)) => drop(self.records.insert(key, stored)),
                Undo::Record(key, None) => drop(self.records.remove(&key)),
                Undo::Member(index, member, Some(score)) => {
                    self.indexes.entry(index).or_default().insert(member, score);
                }
                Undo::Member(index, member, None) => {
                    self.indexes.entry(index).or_default().remove(&member);
                }
                Undo::Sequence(partner, sequence) => drop(self.sequences.insert(partner, sequence)),
                Undo::Applied(commit) => drop(self.applied.remove(&commit)),
            }
        }
    }

    fn apply(&mut self, commit: &Commit) -> Result<(), Denial> {
        if let (Some(lease), Some(last)) = (commit.lease, self.leases.get(&commit.tag))
            && last.epoch > lease.0
        {
            return Err(Denial::Fenced { current: LeaseEpoch(last.epoch) });
        }
        for expected in &commit.expect {
            if self.records.get(&expected.key).map(|stored| stored.version) != expected.version {
                return Err(Denial::Stale(expected.key.clone()));
            }
        }
        for write in &commit.writes {
            assert_eq!(write.tag(), commit.tag, "a commit stays under its tag");
            self.write(commit.id, write.clone());
        }
        commit.events.iter().for_each(|event| self.append(commit.id, event));
        self.applied.insert(commit.id);
        self.undo.push(Undo::Applied(commit.id));
        Ok(())
    }

    fn append(&mut self, version: CommitId, event: &Event) {
        let key = Key::Delivery(event.partner, event.id);
        if self.records.contains_key(&key) {
            return;
        }
        let sequence = self.sequences.entry(event.partner).or_default();
        self.undo.push(Undo::Sequence(event.partner, *sequence));
        *sequence += 1;
        let record = Record::Delivery(DeliveryRecord::new(event.clone(), *sequence));
        self.write(version, Write::Put(key, record));
        let (index, member) = (Index::Due(event.partner), event.id.to_string());
        self.write(version, Write::Include { index, member, score: event.at.0 });
    }

    fn write(&mut self, version: CommitId, write: Write) {
        let undo = match write {
            Write::Put(key, record) => {
                let before = self.records.insert(key.clone(), Stored { version, record });
                Undo::Record(key, before)
            }
            Write::Delete(key) => {
                let before = self.records.remove(&key);
                Undo::Record(key, before)
            }
            Write::Include { index, member, score } => {
                let before = self.indexes.entry(index.clone()).or_default().insert(member.clone(), score);
                Undo::Member(index, member, before)
            }
            Write::Exclude { index, member } => {
                let before = self.indexes.entry(index.clone()).or_default().remove(&member);
                Undo::Member(index, member, before)
            }
        };
        self.undo.push(undo);
    }
}

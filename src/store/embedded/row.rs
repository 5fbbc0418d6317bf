//! One row in an open transaction: first judged as a whole, then written as a whole, so that a denial anywhere leaves
//! nothing behind and needs no savepoint. Holds no rule but those of the commit itself: versions, lease, repeats.

use super::tables::Tables;
use crate::store::envelope::encode;
use redb::{ReadableTable, StorageError};
use std::collections::{HashMap, HashSet};
use switchyard_actors::domain::delivery::DeliveryRecord;
use switchyard_actors::domain::event::Event;
use switchyard_actors::domain::ids::{CommitId, LeaseEpoch};
use switchyard_actors::domain::record::{Index, Key, Record, Tag};
use switchyard_actors::ports::store::{Commit, CommitError, Denial, Write};

enum Verdict {
    Apply,
    Repeat,
    Denied(Denial),
}

/// The transaction's state with the effects of the row's commits so far, as far as a later one is judged by them.
struct Judge<'a, 't> {
    tables: &'a Tables<'t>,
    versions: HashMap<String, Option<CommitId>>,
    applied: HashSet<CommitId>,
}

impl Judge<'_, '_> {
    fn judge(&mut self, commit: &Commit) -> Result<Verdict, StorageError> {
        let known = self.tables.applied.get(commit.id.0.as_u128())?.is_some();
        if known || self.applied.contains(&commit.id) {
            return Ok(Verdict::Repeat);
        }
        if let Some(denial) = self.fenced(commit)? {
            return Ok(Verdict::Denied(denial));
        }
        for expected in &commit.expect {
            if self.version(&expected.key)? != expected.version {
                return Ok(Verdict::Denied(Denial::Stale(expected.key.clone())));
            }
        }
        self.foresee(commit)?;
        Ok(Verdict::Apply)
    }

    fn fenced(&self, commit: &Commit) -> Result<Option<Denial>, StorageError> {
        let Some(lease) = commit.lease else { return Ok(None) };
        let current = current_lease(self.tables, &commit.tag)?;
        Ok((current > lease).then_some(Denial::Fenced { current }))
    }

    fn version(&self, key: &Key) -> Result<Option<CommitId>, StorageError> {
        let key = key.to_string();
        match self.versions.get(&key) {
            Some(version) => Ok(*version),
            None => self.tables.version(&key),
        }
    }

    fn foresee(&mut self, commit: &Commit) -> Result<(), StorageError> {
        self.applied.insert(commit.id);
        for write in &commit.writes {
            match write {
                Write::Put(key, _) => self.versions.insert(key.to_string(), Some(commit.id)),
                Write::Delete(key) => self.versions.insert(key.to_string(), None),
                Write::Include { .. } | Write::Exclude { .. } => None,
            };
        }
        for event in &commit.events {
            let key = delivery_key(event);
            // An event that is there already stays what it is.
            if self.version(&key)?.is_none() {
                self.versions.insert(key.to_string(), Some(commit.id));
            }
        }
        Ok(())
    }
}

fn delivery_key(event: &Event) -> Key {
    Key::Delivery(event.partner, event.id)
}

fn current_lease(tables: &Tables<'_>, tag: &Tag) -> Result<LeaseEpoch, StorageError> {
    let epoch = tables.leases.get(tag.to_string().as_str())?;
    Ok(LeaseEpoch(epoch.map_or(0, |epoch| epoch.value())))
}

/// Takes the tag's next lease; the first is 1.
pub fn take_lease(tables: &mut Tables<'_>, tag: &Tag) -> Result<LeaseEpoch, StorageError> {
    let next = LeaseEpoch(current_lease(tables, tag)?.0 + 1);
    tables.leases.insert(tag.to_string().as_str(), next.0)?;
    Ok(next)
}

/// Applies a row, all or nothing. Answers how many of its commits were new.
pub fn apply(
    tables: &mut Tables<'_>,
    row: &[Commit],
    keep_applied: u64,
) -> Result<Result<usize, CommitError>, StorageError> {
    let mut judge = Judge { tables, versions: HashMap::new(), applied: HashSet::new() };
    let mut fresh = Vec::new();
    for (index, commit) in row.iter().enumerate() {
        match judge.judge(commit)? {
            Verdict::Apply => fresh.push(commit),
            Verdict::Repeat => {}
            Verdict::Denied(why) => return Ok(Err(CommitError::Denied { index, why })),
        }
    }
    for commit in &fresh {
        write(tables, commit)?;
        remember(tables, commit.id, keep_applied)?;
    }
    Ok(Ok(fresh.len()))
}

fn write(tables: &mut Tables<'_>, commit: &Commit) -> Result<(), StorageError> {
    for write in &commit.writes {
        match write {
            Write::Put(key, record) => put(tables, key, commit.id, record)?,
            Write::Delete(key) => drop(tables.records.remove(key.to_string().as_str())?),
            Write::Include { index, member, score } => include(tables, index, member, *score)?,
            Write::Exclude { index, member } => exclude(tables, index, member)?,
        }
    }
    commit.events.iter().try_for_each(|event| append(tables, commit.id, event))
}

fn put(tables: &mut Tables<'_>, key: &Key, version: CommitId, record: &Record) -> Result<(), StorageError> {
    tables.records.insert(key.to_string().as_str(), encode(version, record).as_slice())?;
    Ok(())
}

/// Makes a member, or moves it to another score.
pub fn include(tables: &mut Tables<'_>, index: &Index, member: &str, score: u64) -> Result<(), StorageError> {
    exclude(tables, index, member)?;
    let index = index.to_string();
    tables.scores.insert((index.as_str(), member), score)?;
    tables.members.insert((index.as_str(), score, member), ())?;
    Ok(())
}

fn exclude(tables: &mut Tables<'_>, index: &Index, member: &str) -> Result<(), StorageError> {
    let index = index.to_string();
    let score = tables.scores.remove((index.as_str(), member))?.map(|score| score.value());
    if let Some(score) = score {
        tables.members.remove((index.as_str(), score, member))?;
    }
    Ok(())
}

fn append(tables: &mut Tables<'_>, version: CommitId, event: &Event) -> Result<(), StorageError> {
    let key = delivery_key(event);
    if tables.version(&key.to_string())?.is_some() {
        return Ok(());
    }
    let sequence = next_sequence(tables, event)?;
    let delivery = DeliveryRecord::new(event.clone(), sequence);
    put(tables, &key, version, &Record::Delivery(delivery))?;
    include(tables, &Index::Due(event.partner), &event.id.to_string(), event.at.0)
}

fn next_sequence(tables: &mut Tables<'_>, event: &Event) -> Result<u64, StorageError> {
    let partner = event.partner.to_string();
    let last = tables.sequences.get(partner.as_str())?.map_or(0, |last| last.value());
    tables.sequences.insert(partner.as_str(), last + 1)?;
    Ok(last + 1)
}

/// Remembers a commit as applied, and forgets those that came `keep` or more before it.
fn remember(tables: &mut Tables<'_>, id: CommitId, keep: u64) -> Result<(), StorageError> {
    let place = tables.applied_order.last()?.map_or(0, |(place, _)| place.value() + 1);
    tables.applied.insert(id.0.as_u128(), place)?;
    tables.applied_order.insert(place, id.0.as_u128())?;
    while let Some((oldest, id)) = oldest_applied(tables)?
        && place - oldest >= keep.max(1)
    {
        tables.applied_order.remove(oldest)?;
        tables.applied.remove(id)?;
    }
    Ok(())
}

fn oldest_applied(tables: &Tables<'_>) -> Result<Option<(u64, u128)>, StorageError> {
    Ok(tables.applied_order.first()?.map(|(place, id)| (place.value(), id.value())))
}

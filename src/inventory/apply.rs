//! Brings the store to what a file asks for.
//!
//! Everything is checked before the first write. What fits one commit is applied in one; a larger file goes in several,
//! each whole in itself, in an order in which nothing refers to what isn't there yet. A crash between two of them
//! leaves the first ones applied: applying the same file again finds those unchanged, and does the rest.

use super::current::Current;
use super::fault::Faults;
use super::item::Item;
use super::plan::{Change, faults_against, plan_changes};
use super::wanted::Wanted;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;
use switchyard_actors::domain::ids::{CommitId, PartnerId, SwitchId};
use switchyard_actors::domain::inventory::ApiKeyHash;
use switchyard_actors::domain::record::{Key, Record, Tag};
use switchyard_actors::ports::Entropy;
use switchyard_actors::ports::store::{
    Commit, CommitError, Denial, Durability, Expectation, Order, Store, StoreUnavailable, Write,
};

/// The limits of applying an inventory.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Records read at a time.
    pub read_max_keys: usize,
    /// Writes in one commit; a file that needs more is applied in several.
    pub commit_max_writes: usize,
    /// Changes that are listed line by line; the rest is counted.
    pub report_max_lines: usize,
    /// How often the file is compared anew after somebody else changed the same records meanwhile.
    pub stale_max_attempts: u32,
    /// How often a commit is repeated, under the same id, while the store gives no answer.
    pub unknown_max_attempts: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            read_max_keys: 10_000,
            commit_max_writes: 20_000,
            report_max_lines: 1_000,
            stale_max_attempts: 5,
            unknown_max_attempts: 3,
        }
    }
}

/// What applying a file did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// A line for each change, as many as are listed.
    pub lines: Vec<String>,
    /// Records that are new.
    pub added: usize,
    /// Records that became different.
    pub updated: usize,
    /// Records that are gone.
    pub removed: usize,
    /// Records that the file states and that already were so.
    pub unchanged: usize,
    /// Switches whose own record is another now: their sessions must be opened anew.
    pub updated_switches: Vec<SwitchId>,
}

impl Applied {
    fn note(&mut self, changes: &[Change], max_lines: usize) {
        for change in changes {
            match change {
                Change::Added(_) => self.added += 1,
                Change::Removed { .. } => self.removed += 1,
                Change::Updated { .. } => self.updated += 1,
            }
            if let (Item::Switch(switch), Change::Updated { .. } | Change::Removed { .. }) =
                (change.item(), change)
            {
                self.updated_switches.push(switch.id.clone());
            }
            if self.lines.len() < max_lines {
                self.lines.push(change.to_string());
            }
        }
    }
}

/// What the command line prints.
impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changes = self.added + self.updated + self.removed;
        if changes == 0 {
            return write!(f, "nothing changed ({} as stated)", self.unchanged);
        }
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        if changes > self.lines.len() {
            writeln!(f, "… and {} more", changes - self.lines.len())?;
        }
        let Self { added, updated, removed, unchanged, .. } = self;
        write!(f, "{added} added, {updated} changed, {removed} removed, {unchanged} unchanged")
    }
}

/// Why a file was not applied, or not known to be.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It has faults; nothing was applied.
    #[error("{0}; nothing was applied")]
    Faulty(Faults),
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreUnavailable),
    /// The store did not say whether a commit was done. Applying the file again is safe, and finds out.
    #[error("the store did not answer ({0}); apply the file again to complete it")]
    Unknown(String),
    /// Somebody else changes the same records again and again.
    #[error("somebody else is changing the same records ({0}); apply the file again")]
    Contended(Key),
}

impl From<Faults> for ApplyError {
    fn from(faults: Faults) -> Self {
        Self::Faulty(faults)
    }
}

/// Applies what a file asks for.
///
/// # Errors
/// [`ApplyError`]; after `Faulty` nothing has changed, after the others a part of a large file may have.
pub async fn apply(
    store: &dyn Store,
    entropy: &dyn Entropy,
    wanted: &Wanted,
    settings: &Settings,
) -> Result<Applied, ApplyError> {
    let mut applied = Applied::default();
    let mut stale = 0;
    loop {
        let (current, changes) = compare(store, wanted, settings).await?;
        let stated = changes.iter().filter(|change| !matches!(change, Change::Removed { .. })).count();
        applied.unchanged = wanted.items.len() - stated;
        match commit_all(store, entropy, wanted, &current, &changes, settings, &mut applied).await {
            Ok(()) => return Ok(applied),
            Err(Refused::Unknown(why)) => return Err(ApplyError::Unknown(why)),
            Err(Refused::Stale(key)) => {
                stale += 1;
                if stale >= settings.stale_max_attempts {
                    return Err(ApplyError::Contended(key));
                }
            }
        }
    }
}

/// Says what a file would change, and changes nothing.
///
/// # Errors
/// [`ApplyError::Faulty`] and [`ApplyError::Store`].
pub async fn compare(
    store: &dyn Store,
    wanted: &Wanted,
    settings: &Settings,
) -> Result<(Current, Vec<Change>), ApplyError> {
    let current = Current::read(store, wanted, settings.read_max_keys).await?;
    let faults = faults_against(&current, wanted);
    if faults.is_empty() {
        let changes = plan_changes(&current, wanted);
        Ok((current, changes))
    } else {
        Err(Faults::new(&wanted.file, faults).into())
    }
}

enum Refused {
    Stale(Key),
    Unknown(String),
}

async fn commit_all(
    store: &dyn Store,
    entropy: &dyn Entropy,
    wanted: &Wanted,
    current: &Current,
    changes: &[Change],
    settings: &Settings,
    applied: &mut Applied,
) -> Result<(), Refused> {
    let draft = Draft::new(current, wanted, changes);
    let mut rest = changes;
    while !rest.is_empty() {
        let (commit, taken) = draft.commit(CommitId(entropy.uuid()), rest, settings.commit_max_writes);
        commit_one(store, commit, settings.unknown_max_attempts).await?;
        applied.note(&rest[..taken], settings.report_max_lines);
        rest = &rest[taken..];
    }
    Ok(())
}

async fn commit_one(store: &dyn Store, commit: Commit, max_attempts: u32) -> Result<(), Refused> {
    let mut attempt = 1;
    loop {
        match store.commit(vec![commit.clone()]).await {
            Ok(()) => return Ok(()),
            Err(CommitError::Denied { why: Denial::Stale(key), .. }) => return Err(Refused::Stale(key)),
            Err(CommitError::Denied { why: Denial::Fenced { .. }, .. }) => {
                unreachable!("the inventory is written without a lease")
            }
            Err(CommitError::Unknown(why)) if attempt >= max_attempts => return Err(Refused::Unknown(why)),
            Err(CommitError::Unknown(_)) => attempt += 1,
        }
    }
}

/// Turns changes into writes.
struct Draft<'a> {
    current: &'a Current,
    /// API keys that somebody has afterwards: never deleted as somebody's old one.
    kept_api_keys: HashSet<ApiKeyHash>,
    /// Records that these changes write: their versions are ours to change.
    touched: HashSet<Key>,
}

impl<'a> Draft<'a> {
    fn new(current: &'a Current, wanted: &Wanted, changes: &[Change]) -> Self {
        let kept_api_keys = wanted.items.iter().filter_map(|statement| statement.is.api_key()).collect();
        let touched = changes.iter().map(|change| change.item().key()).collect();
        Self { current, kept_api_keys, touched }
    }

    /// A commit of as many of the first changes as fit, one at least; and how many they are.
    fn commit(&self, id: CommitId, changes: &[Change], max_writes: usize) -> (Commit, usize) {
        let mut commit = Commit {
            id,
            tag: Tag::Inventory,
            lease: None,
            expect: Vec::new(),
            writes: Vec::new(),
            events: Vec::new(),
            durability: Durability::Durable,
            order: Order::InTurn,
        };
        let mut expected = HashSet::new();
        let mut taken = 0;
        for change in changes {
            if taken > 0 && commit.writes.len() >= max_writes {
                break;
            }
            self.write(change, &mut commit.writes);
            let expect = self.expectations(change).into_iter().filter(|e| expected.insert(e.key.clone()));
            commit.expect.extend(expect);
            taken += 1;
        }
        (commit, taken)
    }

    fn write(&self, change: &Change, writes: &mut Vec<Write>) {
        let key = change.item().key();
        if let Change::Updated { before: item, .. } | Change::Removed { item, .. } = change {
            let old = item.api_key().filter(|hash| !self.kept_api_keys.contains(hash));
            writes.extend(old.map(|hash| Write::Delete(Key::ApiKey(hash))));
        }
        match change {
            Change::Removed { item, .. } => {
                writes.push(Write::Delete(key));
                let membership = item.membership();
                writes.extend(membership.map(|(index, member)| Write::Exclude { index, member }));
            }
            Change::Added(item) => {
                writes.push(Write::Put(key, item.to_record()));
                // A set is only a list here: every member stands at 0, so they are read by name.
                let membership = item.membership();
                writes.extend(membership.map(|(index, member)| Write::Include { index, member, score: 0 }));
            }
            Change::Updated { after, .. } => writes.push(Write::Put(key, after.to_record())),
        }
        let put = |(hash, owner)| Write::Put(Key::ApiKey(hash), Record::ApiKey(owner));
        writes.extend(new_api_key(change).map(put));
    }

    /// The record is as it was read, and so are the API key that it takes and the record that it refers to.
    fn expectations(&self, change: &Change) -> Vec<Expectation> {
        let (own, stays) = match change {
            Change::Added(_) => (None, true),
            Change::Updated { version, .. } => (Some(*version), true),
            Change::Removed { version, .. } => (Some(*version), false),
        };
        let api_key = new_api_key(change).map(|(hash, _)| Expectation {
            key: Key::ApiKey(hash),
            version: self.current.api_keys.get(&hash).map(|(version, _)| *version),
        });
        let mut expect = vec![Expectation { key: change.item().key(), version: own }];
        expect.extend(api_key);
        if stays {
            let reference = change.item().refers_to().filter(|key| !self.touched.contains(key));
            expect.extend(reference.map(|key| {
                let version = self.current.items.get(&key).map(|kept| kept.version);
                Expectation { key, version }
            }));
        }
        expect
    }
}

/// The API key that a partner has from now on, and not before.
fn new_api_key(change: &Change) -> Option<(ApiKeyHash, PartnerId)> {
    let (before, after) = match change {
        Change::Added(item) => (None, item),
        Change::Updated { before, after, .. } => (before.api_key(), after),
        Change::Removed { .. } => return None,
    };
    let Item::Partner(partner) = after else { return None };
    let hash = partner.api_key.filter(|hash| before != Some(*hash))?;
    Some((hash, partner.id))
}

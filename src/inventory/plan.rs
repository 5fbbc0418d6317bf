//! What must change, and what forbids it: pure functions of what is stored and what a file asks for.

use super::current::{Current, Kept};
use super::fault::Fault;
use super::item::Item;
use super::wanted::{Removal, Statement, Wanted};
use std::collections::{HashMap, HashSet};
use std::fmt;
use switchyard_actors::domain::ids::{CommitId, PartnerId};
use switchyard_actors::domain::inventory::ApiKeyHash;
use switchyard_actors::domain::record::Key;

/// One record that becomes different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added(Item),
    /// It is another.
    Updated {
        /// As it was read.
        version: CommitId,
        /// What it was.
        before: Item,
        /// What it becomes.
        after: Item,
    },
    /// It goes.
    Removed {
        /// As it was read.
        version: CommitId,
        /// What it was.
        item: Item,
    },
}

impl Change {
    /// The item, as it becomes, or as it was.
    #[must_use]
    pub fn item(&self) -> &Item {
        match self {
            Self::Added(item) | Self::Updated { after: item, .. } | Self::Removed { item, .. } => item,
        }
    }
}

/// A line for people. No secret's value is in it.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added(item) => write!(f, "+ {}", item.title()),
            Self::Updated { before, after, .. } => {
                write!(f, "~ {} ({})", after.title(), after.differences(before).join(", "))
            }
            Self::Removed { item, .. } => write!(f, "- {}", item.title()),
        }
    }
}

/// What must change, in an order in which nothing ever refers to what isn't there.
#[must_use]
pub fn plan_changes(current: &Current, wanted: &Wanted) -> Vec<Change> {
    let stated = wanted.items.iter().filter_map(|statement| change_to(current, &statement.is));
    let mut gone = HashSet::new();
    let along = |removal: &Removal| {
        let mut keys = current.hanging.get(&removal.key()).cloned().unwrap_or_default();
        keys.push(removal.key());
        keys
    };
    let removed = wanted.removals.iter().flat_map(|removal| along(&removal.is));
    let removed = removed.filter(|key| gone.insert(key.clone())).filter_map(|key| {
        let Kept { version, item } = current.items.get(&key)?.clone();
        Some(Change::Removed { version, item })
    });
    stated.chain(removed).collect()
}

fn change_to(current: &Current, after: &Item) -> Option<Change> {
    match current.items.get(&after.key()) {
        None => Some(Change::Added(after.clone())),
        Some(kept) if kept.item == *after => None,
        Some(Kept { version, item }) => {
            Some(Change::Updated { version: *version, before: item.clone(), after: after.clone() })
        }
    }
}

/// What forbids the changes, where only the store can tell.
#[must_use]
pub fn faults_against(current: &Current, wanted: &Wanted) -> Vec<Fault> {
    let stated: HashSet<Key> = wanted.items.iter().map(|statement| statement.is.key()).collect();
    let owners = ApiKeyOwners::after(wanted);
    let removed = wanted.removals.iter().filter_map(|removal| {
        let why = current.in_use.get(&removal.is.key())?;
        Some(Fault { at: removal.at.clone(), text: format!("is still in use: {why}") })
    });
    let wrong = wanted.items.iter().flat_map(|statement| {
        let reference = missing_reference(current, &stated, statement);
        let taken = owners.taken(current, statement);
        let on_reference = [reference, taken].into_iter().flatten();
        let on_reference = on_reference.map(|text| Fault { at: statement.reference_place().clone(), text });
        let moved = fixed_part_changed(current, &statement.is);
        on_reference.chain(moved.map(|text| Fault { at: statement.at.clone(), text })).collect::<Vec<_>>()
    });
    wrong.chain(removed).collect()
}

fn missing_reference(current: &Current, stated: &HashSet<Key>, statement: &Statement) -> Option<String> {
    let key = statement.is.refers_to()?;
    if stated.contains(&key) || current.items.contains_key(&key) {
        return None;
    }
    let missing = match key {
        Key::Partner(id) => format!("partner {id}"),
        Key::Unit(id) => format!("unit {id}"),
        // A location stands within its port, which is stated with it.
        other => other.to_string(),
    };
    Some(format!("{missing} is neither in this file nor in the store"))
}

/// A token that partners hold never comes to mean another port, nor a plan another seller's, by a slip.
fn fixed_part_changed(current: &Current, item: &Item) -> Option<String> {
    match (&current.items.get(&item.key())?.item, item) {
        (Item::Location(now), Item::Location(wanted)) if now.port != wanted.port => Some(format!(
            "{} stands for port {} already: remove it first, then state it anew",
            now.hash, now.port
        )),
        (Item::Plan(now), Item::Plan(wanted)) if now.partner != wanted.partner => {
            Some(format!("the plan is partner {}'s, and can't change hands: give it a new id", now.partner))
        }
        _ => None,
    }
}

/// Which API key each partner of the file has afterwards.
struct ApiKeyOwners(HashMap<PartnerId, Option<ApiKeyHash>>);

impl ApiKeyOwners {
    fn after(wanted: &Wanted) -> Self {
        let stated = wanted.items.iter().filter_map(|statement| match &statement.is {
            Item::Partner(partner) => Some((partner.id, partner.api_key)),
            _ => None,
        });
        let removed = wanted.removals.iter().filter_map(|removal| match removal.is {
            Removal::Partner(id) => Some((id, None)),
            _ => None,
        });
        Self(stated.chain(removed).collect())
    }

    /// Says so if another partner has the key, and keeps it.
    fn taken(&self, current: &Current, statement: &Statement) -> Option<String> {
        let Item::Partner(partner) = &statement.is else { return None };
        let hash = partner.api_key?;
        let (_, owner) = current.api_keys.get(&hash)?;
        let keeps = self.0.get(owner).is_none_or(|after| *after == Some(hash));
        (*owner != partner.id && keeps).then(|| format!("partner {owner} has the same API key"))
    }
}

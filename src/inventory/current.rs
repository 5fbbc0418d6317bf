//! What the store holds of what a file names: read in batches, each record with its version.

use super::item::Item;
use super::usage;
use super::wanted::{Removal, Wanted};
use std::collections::{HashMap, HashSet};
use switchyard_actors::domain::ids::{CommitId, PartnerId, PortName, PortRef, SwitchId};
use switchyard_actors::domain::inventory::ApiKeyHash;
use switchyard_actors::domain::record::{Index, Key, Record};
use switchyard_actors::domain::text::LocationHash;
use switchyard_actors::ports::store::{Store, StoreUnavailable, Stored};

/// An item as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its version.
    pub version: CommitId,
    /// The item.
    pub item: Item,
}

/// What the store holds of what a file names.
#[derive(Debug, Default)]
pub struct Current {
    /// Items by their keys; what isn't stored isn't here.
    pub items: HashMap<Key, Kept>,
    /// Whose each API key is that the file states.
    pub api_keys: HashMap<ApiKeyHash, (CommitId, PartnerId)>,
    /// What goes along with a removal, before it.
    pub hanging: HashMap<Key, Vec<Key>>,
    /// Why a record that the file removes can't go.
    pub in_use: HashMap<Key, String>,
}

impl Current {
    /// Reads what a file needs, at most `batch_keys` records at a time.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    pub async fn read(
        store: &dyn Store,
        wanted: &Wanted,
        batch_keys: usize,
    ) -> Result<Self, StoreUnavailable> {
        let mut current = Self::default();
        current.fetch(store, named_keys(wanted), batch_keys).await?;
        let present = wanted.removals.iter().filter(|r| current.items.contains_key(&r.is.key()));
        let going: Vec<Removal> = present.map(|removal| removal.is.clone()).collect();
        for removal in &going {
            current.follow(store, removal, batch_keys).await?;
        }
        current.in_use = usage::why_in_use(store, &current, wanted, &going, batch_keys).await?;
        Ok(current)
    }

    async fn fetch(
        &mut self,
        store: &dyn Store,
        keys: Vec<Key>,
        batch: usize,
    ) -> Result<(), StoreUnavailable> {
        for keys in keys.chunks(batch.max(1)) {
            for (key, stored) in keys.iter().zip(store.read(keys).await?) {
                if let Some(stored) = stored {
                    self.keep(key, stored);
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, key: &Key, Stored { version, record }: Stored) {
        if let (Key::ApiKey(hash), Record::ApiKey(partner)) = (key, &record) {
            self.api_keys.insert(*hash, (version, *partner));
        } else if let Some(item) = Item::from_record(record) {
            self.items.insert(key.clone(), Kept { version, item });
        }
    }

    /// Reads what hangs on something that goes.
    async fn follow(
        &mut self,
        store: &dyn Store,
        gone: &Removal,
        batch: usize,
    ) -> Result<(), StoreUnavailable> {
        let hanging = match gone {
            Removal::Switch(switch) => {
                let mut keys = locations_of(store, switch).await?;
                let ports = ports_of(store, switch).await?;
                keys.extend(ports.into_iter().map(Key::InventoryPort));
                keys
            }
            Removal::Port(at) => locations_of(store, &at.switch).await?,
            _ => return Ok(()),
        };
        self.fetch(store, hanging.clone(), batch).await?;
        let hangs = |key: &Key| match (gone, self.items.get(key).map(|kept| &kept.item)) {
            (Removal::Port(at), Some(Item::Location(location))) => location.port == *at,
            (_, found) => found.is_some(),
        };
        let hanging = hanging.into_iter().filter(hangs).collect();
        self.hanging.insert(gone.key(), hanging);
        Ok(())
    }
}

fn named_keys(wanted: &Wanted) -> Vec<Key> {
    let mut seen = HashSet::new();
    let stated = wanted.items.iter().flat_map(|statement| {
        let api_key = statement.is.api_key().map(Key::ApiKey);
        [Some(statement.is.key()), statement.is.refers_to(), api_key].into_iter().flatten()
    });
    let removed = wanted.removals.iter().map(|removal| removal.is.key());
    stated.chain(removed).filter(|key| seen.insert(key.clone())).collect()
}

/// Larger than any switch, and than any fleet that one file could name.
const LIST_MAX: usize = 1_000_000;

/// The ports of a switch.
pub(super) async fn ports_of(store: &dyn Store, switch: &SwitchId) -> Result<Vec<PortRef>, StoreUnavailable> {
    let members = store.members(&Index::Ports(switch.clone()), LIST_MAX).await?;
    let ports = members.iter().filter_map(|member| PortName::parse(&member.member).ok());
    Ok(ports.map(|port| PortRef { switch: switch.clone(), port }).collect())
}

async fn locations_of(store: &dyn Store, switch: &SwitchId) -> Result<Vec<Key>, StoreUnavailable> {
    let members = store.members(&Index::Locations(switch.clone()), LIST_MAX).await?;
    let hashes = members.iter().filter_map(|member| LocationHash::parse(&member.member).ok());
    Ok(hashes.map(Key::Location).collect())
}

/// Every switch.
pub(super) async fn switches(store: &dyn Store) -> Result<Vec<SwitchId>, StoreUnavailable> {
    let members = store.members(&Index::Switches, LIST_MAX).await?;
    Ok(members.iter().filter_map(|member| SwitchId::parse(&member.member).ok()).collect())
}

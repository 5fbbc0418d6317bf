//! The distributed engine: Redis, alone or as a cluster, shared by any number of instances.
//!
//! ```text
//!   commit, one server    row ──────────────▶ one script: judged whole, written whole
//!   commit, cluster       row ──tag by tag──▶ one script each; events wait in the tag's outbox ──relay──▶ partner's tag
//!   read                  one MGET a tag, tags at once; the inventory from a short-lived cache
//!   claim_lease, beat     scripts
//!   hints                 publish and subscribe, lossy
//! ```
//!
//! Every rule stays the caller's: the scripts know versions, lease epochs and repeats. A commit's id is the version of
//! all that it wrote, and its marker says for `applied_ms` that it was applied; after that the versions say it, so a
//! repeat is never applied twice, however late it comes. **A missing answer is unknown, never denied.**
//!
//! Lazy commits get the same as durable ones: what the server's `appendfsync` gives. Scores are kept as doubles, exact
//! up to 2^53, which is the year 287396 in milliseconds.
//!
//! It must never answer *denied* for what it can't tell, and never serve on a server that may forget.

mod bulk;
mod cache;
mod census;
mod connect;
mod counts;
mod durability;
mod hints;
mod intake;
mod link;
mod names;
mod outbox;
mod pool;
mod read;
mod row;
mod scripts;
mod settings;
mod whole;

pub use counts::SharedCounts;
pub use hints::RedisHints;
pub use intake::RedisIntake;
pub use settings::{Durability, Settings};

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use cache::InventoryCache;
use futures_util::future::join_all;
use link::{Link, NoAnswer};
use names::Names;
use outbox::Outboxes;
use redis::{FromRedisValue, Value, from_redis_value};
use row::{Events, Program};
use scripts::{Script, ScriptInput};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use switchyard_actors::domain::ids::{InstanceId, LeaseEpoch, PartnerId, SwitchId};
use switchyard_actors::domain::record::{Index, Key, Tag};
use switchyard_actors::domain::text::Secret;
use switchyard_actors::ports::store::{
    Claimed, Commit, CommitError, Denial, Durability as Demand, Heartbeat, Member, Order, Store,
    StoreUnavailable, Stored, Write,
};
use uuid::Uuid;

/// Why the store could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("redis at {urls}: {why}")]
pub struct OpenError {
    urls: String,
    why: String,
}

/// An open store.
pub struct RedisStore {
    shared: Arc<Shared>,
    outboxes: Option<Outboxes>,
    password: Option<Secret>,
}

/// What the store and its background tasks share.
struct Shared {
    settings: Settings,
    names: Names,
    link: Link,
    cache: InventoryCache,
    registered: Mutex<Registered>,
}

/// Owners that are in a registry for sure: put there by this process, on the connection that is up. What a server may have
/// lost while it was away is put there again, or no sweep would ever find what comes later.
#[derive(Default)]
struct Registered {
    generation: usize,
    entries: HashSet<String>,
}

impl Registered {
    /// Those of this connection.
    fn on(&mut self, generation: usize) -> &mut HashSet<String> {
        if self.generation != generation {
            self.entries.clear();
            self.generation = generation;
        }
        &mut self.entries
    }
}

impl RedisStore {
    /// Connects, and waits until it is up.
    ///
    /// # Errors
    /// [`OpenError`], when it isn't within `start_wait_ms`: with the line of the server's configuration to change, where
    /// that is the reason.
    pub async fn open(settings: Settings, password: Option<Secret>) -> Result<Self, OpenError> {
        let urls = settings.urls.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let failed = |why: String| OpenError { urls: urls.clone(), why };
        settings.check().map_err(failed)?;
        let names = Names::new(&settings.prefix);
        let link = Link::start(settings.clone(), password.clone(), names.clone())
            .map_err(|e| failed(e.to_string()))?;
        link.up(Duration::from_millis(settings.start_wait_ms)).await.map_err(failed)?;
        let cache = InventoryCache::new(Duration::from_millis(settings.inventory_cache_ms));
        let shared = Arc::new(Shared { names, link, cache, registered: Mutex::default(), settings });
        let outboxes = shared.settings.cluster.then(|| Outboxes::watch(&shared));
        Ok(Self { shared, outboxes, password })
    }

    /// The way of hints between the instances on this store.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn hints(&self) -> std::io::Result<RedisHints> {
        RedisHints::start(Arc::clone(&self.shared), self.password.clone())
    }

    /// Counts that the instances on this store share.
    #[must_use]
    pub fn counts(&self) -> SharedCounts {
        SharedCounts(Arc::clone(&self.shared))
    }
}

/// Whatever kept a read from its answer.
fn unavailable(error: impl ToString) -> StoreUnavailable {
    StoreUnavailable(error.to_string())
}

fn parsed<T: FromRedisValue>(value: Value) -> Result<T, StoreUnavailable> {
    from_redis_value(value).map_err(unavailable)
}

/// The commit script's answer.
fn words(answer: Value) -> Result<Vec<String>, CommitError> {
    from_redis_value(answer).map_err(|error| CommitError::Unknown(error.to_string()))
}

impl Shared {
    /// The commits of a row in one step, or tag by tag.
    async fn commit(&self, row: &[Commit]) -> Result<(), CommitError> {
        self.register(row).await.map_err(|error| CommitError::Unknown(error.to_string()))?;
        if !self.settings.cluster {
            return self.commit_in_one_step(row, Events::Deliver, 0).await;
        }
        let mut index = 0;
        while index < row.len() {
            let beside = row[index..].iter().take_while(|commit| commit.order == Order::BesideNext).count();
            let until = row.len().min(index + beside + 1);
            let group = row[index..until].iter().zip(index..);
            for applied in join_all(group.map(|(commit, at)| self.commit_under_its_tag(commit, at))).await {
                applied?;
                fail::fail_point!("store::committed_under_a_tag");
            }
            index = until;
        }
        Ok(())
    }

    async fn commit_under_its_tag(&self, commit: &Commit, index: usize) -> Result<(), CommitError> {
        if commit.events.is_empty() {
            return self.commit_in_one_step(std::slice::from_ref(commit), Events::Outbox, index).await;
        }
        let announced = outbox::announce(self, commit).await?;
        let applied = self.commit_in_one_step(std::slice::from_ref(commit), Events::Outbox, index).await;
        if !matches!(applied, Err(CommitError::Unknown(_))) {
            // What can't be relayed now is announced, and is relayed by whoever sweeps.
            let _ = outbox::relay(self, &commit.tag, &announced).await;
        }
        applied
    }

    async fn commit_in_one_step(
        &self,
        row: &[Commit],
        events: Events,
        first: usize,
    ) -> Result<(), CommitError> {
        let program = Program::new(&self.names, row, events, self.settings.applied_ms);
        let unknown = |error: NoAnswer| CommitError::Unknown(error.to_string());
        let waits = row.iter().any(|commit| commit.durability == Demand::Durable);
        let replicas = if waits { self.settings.wait_replicas } else { 0 };
        if replicas == 0 {
            let answer = self.link.run_script(Script::Commit, program.input()).await.map_err(unknown)?;
            return program.outcome(&words(answer)?, first);
        }
        let asked = self.link.run_script_and_wait(Script::Commit, program.input(), replicas).await;
        let (answer, reached) = asked.map_err(unknown)?;
        program.outcome(&words(answer)?, first)?;
        match from_redis_value::<u32>(reached) {
            Ok(reached) if reached >= replicas => Ok(()),
            Ok(reached) => Err(CommitError::Unknown(format!("{reached} of {replicas} replicas have it"))),
            Err(error) => Err(CommitError::Unknown(error.to_string())),
        }
    }

    /// Puts the owners of indexes that the row adds to into their registries, before the row.
    async fn register(&self, row: &[Commit]) -> Result<(), StoreUnavailable> {
        let work = row.iter().flat_map(|commit| &commit.writes).filter_map(|write| match write {
            Write::Include { index, .. } => self.names.registry(index),
            _ => None,
        });
        let due = row.iter().flat_map(|commit| &commit.events);
        let due = due.filter_map(|event| self.names.registry(&Index::Due(event.partner)));
        for (registry, owner) in work.chain(due) {
            let entry = format!("{registry} {owner}");
            let generation = self.link.generation();
            if self.registered().on(generation).contains(&entry) {
                continue;
            }
            let add = redis::cmd("SADD").arg(&registry).arg(&owner).to_owned();
            self.link.run(&add).await.map_err(unavailable)?;
            if self.link.generation() == generation {
                self.registered().on(generation).insert(entry);
            }
        }
        Ok(())
    }

    fn registered(&self) -> MutexGuard<'_, Registered> {
        self.registered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a commit, or a denial, says about the inventory that is cached.
    fn mind_the_inventory(&self, row: &[Commit], outcome: &Result<(), CommitError>) {
        let changed = row.iter().any(|commit| commit.tag == Tag::Inventory);
        let stale = matches!(
            outcome,
            Err(CommitError::Denied { why: Denial::Stale(key), .. }) if key.tag() == Tag::Inventory
        );
        if changed || stale {
            self.cache.clear();
        }
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreUnavailable> {
        self.shared.read(keys).await
    }

    async fn commit(&self, row: Vec<Commit>) -> Result<(), CommitError> {
        if row.is_empty() {
            return Ok(());
        }
        let outcome = self.shared.commit(&row).await;
        self.shared.mind_the_inventory(&row, &outcome);
        outcome
    }

    async fn members(&self, index: &Index, limit: usize) -> Result<Vec<Member>, StoreUnavailable> {
        self.shared.members(index, limit).await
    }

    async fn switches_with_work(&self) -> Result<Vec<SwitchId>, StoreUnavailable> {
        let owners = self.shared.owners(&self.shared.names.with_work()).await?;
        let switches = owners.iter().map(|id| SwitchId::parse(id).map_err(unavailable));
        let switches = switches.collect::<Result<Vec<_>, _>>()?;
        self.shared.with_members(switches, |id| Index::Work(id.clone())).await
    }

    async fn partners_with_due(&self) -> Result<Vec<PartnerId>, StoreUnavailable> {
        let owners = self.shared.owners(&self.shared.names.with_due()).await?;
        let partners = owners.iter().map(|id| id.parse().map(PartnerId).map_err(unavailable));
        let partners = partners.collect::<Result<Vec<_>, _>>()?;
        self.shared.with_members(partners, |id| Index::Due(*id)).await
    }

    async fn claim_lease(
        &self,
        tag: &Tag,
        claimant: InstanceId,
        displaced: Option<InstanceId>,
    ) -> Result<Claimed, StoreUnavailable> {
        let key = self.shared.names.lease(tag);
        let displaced = displaced.map_or_else(String::new, |instance| instance.to_string());
        let input = ScriptInput::of_one(key, &[&claimant.to_string(), &displaced]);
        let answer = self.shared.link.run_script(Script::ClaimLease, &input).await.map_err(unavailable)?;
        let (what, which): (String, String) = parsed(answer)?;
        match what.as_str() {
            "taken" => which.parse().map(|epoch| Claimed::Taken(LeaseEpoch(epoch))).map_err(unavailable),
            _ => which.parse().map(|by: Uuid| Claimed::Held { by: InstanceId(by) }).map_err(unavailable),
        }
    }

    async fn release_lease(&self, tag: &Tag, epoch: LeaseEpoch) -> Result<(), StoreUnavailable> {
        let key = self.shared.names.lease(tag);
        let input = ScriptInput::of_one(key, &[&epoch.0.to_string()]);
        self.shared.link.run_script(Script::ReleaseLease, &input).await.map_err(unavailable)?;
        Ok(())
    }

    async fn beat(&self, instance: InstanceId) -> Result<Vec<Heartbeat>, StoreUnavailable> {
        let key = self.shared.names.instances();
        let input = ScriptInput::of_one(key, &[&instance.to_string()]);
        let answer = self.shared.link.run_script(Script::Beat, &input).await.map_err(unavailable)?;
        let counts: Vec<(String, u64)> = parsed(answer)?;
        let heartbeat = |(id, count): (String, u64)| {
            let instance = id.parse().map(InstanceId).map_err(unavailable)?;
            Ok(Heartbeat { instance, count })
        };
        counts.into_iter().map(heartbeat).collect()
    }

    async fn leave(&self, instance: InstanceId) -> Result<(), StoreUnavailable> {
        let key = self.shared.names.instances();
        let cmd = redis::cmd("HDEL").arg(key).arg(instance.to_string()).to_owned();
        self.shared.link.run(&cmd).await.map(drop).map_err(unavailable)
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn ping(&self) -> Result<(), StoreUnavailable> {
        self.shared.link.run(&redis::cmd("PING")).await.map(drop).map_err(unavailable)
    }
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        drop(self.outboxes.take());
    }
}

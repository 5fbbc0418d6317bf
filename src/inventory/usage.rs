//! Why something can't be removed: who holds a port, what waits for it, who has a plan.
//!
//! A subscription is found through the port that it holds. One that waits for its install has no port yet, and is not
//! found; taking a plan off sale (`active = false`) long before removing it is the way around that.

use super::current::{Current, ports_of, switches};
use super::item::Item;
use super::wanted::{Removal, Wanted};
use std::collections::{HashMap, HashSet};
use switchyard_actors::domain::ids::{PartnerId, PortRef, SubscriptionId, SwitchId};
use switchyard_actors::domain::record::{Index, Key, Record, Tag};
use switchyard_actors::domain::visit::WorkItem;
use switchyard_actors::ports::store::{Store, StoreUnavailable};

/// Jobs of one switch that are looked at; a queue is shorter.
const QUEUE_MAX: usize = 100_000;

/// For each of the removals that can't be: its key, and why.
pub(super) async fn why_in_use(
    store: &dyn Store,
    current: &Current,
    wanted: &Wanted,
    going: &[Removal],
    batch: usize,
) -> Result<HashMap<Key, String>, StoreUnavailable> {
    let mut reasons = HashMap::new();
    let leaving: HashSet<Key> =
        current.hanging.values().flatten().cloned().chain(going.iter().map(Removal::key)).collect();
    for removal in going {
        let reason = match removal {
            Removal::Switch(switch) => busy_port(store, switch, |_| true, batch).await?,
            Removal::Port(at) => busy_port(store, &at.switch, |port| port == at, batch).await?,
            Removal::Partner(partner) => partner_business(store, *partner, &leaving).await?,
            Removal::Plan(_) | Removal::Unit(_) | Removal::Location(_) => None,
        };
        reasons.extend(reason.map(|reason| (removal.key(), reason)));
    }
    let far =
        |removal: &&Removal| matches!(removal, Removal::Partner(_) | Removal::Plan(_) | Removal::Unit(_));
    if going.iter().any(|removal| far(&removal)) {
        let census = Census::take(store, wanted, &leaving, batch).await?;
        for key in going.iter().filter(far).map(Removal::key) {
            if let Some(reason) = census.0.get(&key) {
                reasons.entry(key).or_insert_with(|| reason.clone());
            }
        }
    }
    Ok(reasons)
}

/// A port of the switch that is held, or that a job waits for.
async fn busy_port(
    store: &dyn Store,
    switch: &SwitchId,
    matters: impl Fn(&PortRef) -> bool,
    batch: usize,
) -> Result<Option<String>, StoreUnavailable> {
    let ports: Vec<_> = ports_of(store, switch).await?.into_iter().filter(&matters).collect();
    if let Some((at, holder)) = holders(store, &ports, batch).await?.first() {
        return Ok(Some(format!("port {at} is held by subscription {holder}: cancel that first")));
    }
    let members = store.members(&Index::Work(switch.clone()), QUEUE_MAX).await?;
    let jobs = members.iter().filter_map(|member| match WorkItem::from_member(&member.member)? {
        WorkItem::Job(id) => Some(Key::Job(switch.clone(), id)),
        WorkItem::Port(_) | WorkItem::Check => None,
    });
    for stored in read_all(store, jobs.collect(), batch).await? {
        if let Record::Job(job) = stored
            && matters(&job.port)
        {
            return Ok(Some(format!("job {} on port {} isn't done yet: wait for it", job.id, job.port)));
        }
    }
    Ok(None)
}

/// What a partner still has, apart from subscriptions.
async fn partner_business(
    store: &dyn Store,
    partner: PartnerId,
    leaving: &HashSet<Key>,
) -> Result<Option<String>, StoreUnavailable> {
    let plans = store.members(&Index::Plans(partner), QUEUE_MAX).await?;
    let stays =
        |id: &str| !leaving.iter().any(|key| matches!(key, Key::Plan(plan) if plan.to_string() == id));
    if let Some(plan) = plans.iter().find(|plan| stays(&plan.member)) {
        return Ok(Some(format!("the partner has plan {}: remove that with it", plan.member)));
    }
    let due = store.members(&Index::Due(partner), 1).await?;
    Ok(due.first().map(|event| format!("webhook {} isn't delivered yet: wait for it", event.member)))
}

/// What ports and their holders make use of: the record's key, and the sentence.
struct Census(HashMap<Key, String>);

impl Census {
    async fn take(
        store: &dyn Store,
        wanted: &Wanted,
        leaving: &HashSet<Key>,
        batch: usize,
    ) -> Result<Self, StoreUnavailable> {
        let restated: HashSet<Key> = wanted.items.iter().map(|statement| statement.is.key()).collect();
        let mut census = Self(HashMap::new());
        for switch in switches(store).await? {
            let ports = ports_of(store, &switch).await?;
            let own = |at: &&PortRef| {
                let key = Key::InventoryPort(PortRef::clone(at));
                !leaving.contains(&key) && !restated.contains(&key)
            };
            let keys = ports.iter().filter(own).cloned().map(Key::InventoryPort).collect();
            census.note_units(read_all(store, keys, batch).await?);
            let held = holders(store, &ports, batch).await?;
            let subscription =
                |(_, id): &(PortRef, SubscriptionId)| Key::Subscription(Tag::Switch(switch.clone()), *id);
            census.note_subscriptions(read_all(store, held.iter().map(subscription).collect(), batch).await?);
        }
        Ok(census)
    }

    fn note_units(&mut self, ports: Vec<Record>) {
        for port in ports {
            if let Some(Item::Port(port)) = Item::from_record(port)
                && let Some(unit) = port.unit
            {
                self.0.insert(
                    Key::Unit(unit),
                    format!("port {} leads to it: state that without it first", port.at),
                );
            }
        }
    }

    fn note_subscriptions(&mut self, subscriptions: Vec<Record>) {
        for record in subscriptions {
            if let Record::Subscription(held) = record {
                let reason =
                    format!("subscription {} is {}: cancel that first", held.id, held.state.status());
                self.0.insert(Key::Plan(held.plan), reason.clone());
                self.0.insert(Key::Partner(held.key.partner), reason);
            }
        }
    }
}

async fn holders(
    store: &dyn Store,
    ports: &[PortRef],
    batch: usize,
) -> Result<Vec<(PortRef, SubscriptionId)>, StoreUnavailable> {
    let records = read_all(store, ports.iter().cloned().map(Key::Port).collect(), batch).await?;
    let held = records.into_iter().filter_map(|record| match record {
        Record::Port(port) => port.holder.map(|holder| (port.at, holder)),
        _ => None,
    });
    Ok(held.collect())
}

async fn read_all(store: &dyn Store, keys: Vec<Key>, batch: usize) -> Result<Vec<Record>, StoreUnavailable> {
    let mut records = Vec::new();
    for keys in keys.chunks(batch.max(1)) {
        records.extend(store.read(keys).await?.into_iter().flatten().map(|stored| stored.record));
    }
    Ok(records)
}

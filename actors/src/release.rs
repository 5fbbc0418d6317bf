//! An operator's release of a switch: its quarantine ends, and the ports that were set aside are repaired again. It needs no
//! lease: it is nobody's word but the operator's. What its commit rests on is read first, so that a supervisor which
//! has just set a port aside is not overruled unseen.

use crate::domain::ids::{CommitId, PortName, PortRef, SwitchId};
use crate::domain::port::PortState;
use crate::domain::record::{Index, Key, PortRecord, Record, SwitchStatus, Tag};
use crate::domain::time::UnixMillis;
use crate::domain::visit::WorkItem;
use crate::outside::{put, unchanged};
use crate::ports::store::{Commit, CommitError, Denial, Durability, Order, Store, Stored, Write};
use crate::ports::{Clock, Entropy};

/// How often it is tried when the records change in between, before the operator is told to try again.
const ROUNDS: u32 = 16;

/// What becomes of the host key that was trusted on first use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKeyOnRecord {
    /// It must be shown again.
    Stays,
    /// The next one may be another, as after the hardware was replaced.
    IsForgotten,
}

/// Puts the release on record.
///
/// # Errors
/// [`CommitError`].
pub async fn release(
    store: &dyn Store,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    switch: &SwitchId,
    host_key: HostKeyOnRecord,
) -> Result<(), CommitError> {
    let mut round = 1;
    loop {
        let mut commit = build(store, clock.now(), CommitId(entropy.uuid()), switch).await?;
        if host_key == HostKeyOnRecord::IsForgotten {
            commit.writes.push(Write::Delete(Key::FirstSeenHostKey(switch.clone())));
        }
        let row = vec![commit];
        match store.commit(row).await {
            Err(CommitError::Denied { why: Denial::Stale(_), .. }) if round < ROUNDS => round += 1,
            known => return known,
        }
    }
}

async fn read(store: &dyn Store, keys: &[Key]) -> Result<Vec<Option<Stored>>, CommitError> {
    store.read(keys).await.map_err(|error| CommitError::Unknown(error.to_string()))
}

async fn build(
    store: &dyn Store,
    now: UnixMillis,
    id: CommitId,
    switch: &SwitchId,
) -> Result<Commit, CommitError> {
    let key = Key::SwitchStatus(switch.clone());
    let stored = read(store, std::slice::from_ref(&key)).await?.pop().flatten();
    let set_aside: Vec<PortName> = match stored.as_ref().map(|stored| &stored.record) {
        Some(Record::SwitchStatus(status)) => status.set_aside.iter().cloned().collect(),
        _ => Vec::new(),
    };
    let status = SwitchStatus::in_service(switch.clone(), now);
    let mut commit = Commit {
        id,
        tag: Tag::Switch(switch.clone()),
        lease: None,
        expect: vec![unchanged(key.clone(), stored.as_ref())],
        writes: vec![put(key, Record::SwitchStatus(status))],
        events: Vec::new(),
        durability: Durability::Durable,
        order: Order::InTurn,
    };
    let at = |port: PortName| Key::Port(PortRef { switch: switch.clone(), port });
    let keys: Vec<_> = set_aside.into_iter().map(at).collect();
    for (key, stored) in keys.iter().zip(read(store, &keys).await?) {
        take_up_again(&mut commit, key, stored, now);
    }
    Ok(commit)
}

/// Unless nothing is to be done about it any more: another order may have made it good.
fn take_up_again(commit: &mut Commit, key: &Key, stored: Option<Stored>, now: UnixMillis) {
    let Some(Stored { record: Record::Port(port), .. }) = &stored else { return };
    if port.state == PortState::Clean {
        return;
    }
    let (index, member) =
        (Index::Work(port.at.switch.clone()), WorkItem::Port(port.at.port.clone()).to_member());
    commit.expect.push(unchanged(key.clone(), stored.as_ref()));
    commit.writes.push(Write::Include { index, member, score: now.0 });
    commit.writes.push(put(key.clone(), Record::Port(PortRecord { panics: 0, ..port.clone() })));
}

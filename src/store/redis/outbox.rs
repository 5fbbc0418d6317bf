//! A cluster's outboxes: events that were committed under one tag, on their way to their partner's.
//!
//! ```text
//!   announce (outboxes) ──▶ commit, event in the tag's outbox ──▶ relay: deliver under the partner's tag
//!                                                                      ──▶ out of the outbox ──▶ announcement gone
//! ```
//!
//! The announcement comes first, so a process that dies anywhere after the commit leaves an outbox that is found; it has
//! the commit's id in it, so that one commit's relay never takes another's announcement away. A sweep takes one away only
//! when its commit was applied before the outbox was read, or is too old to come: a commit may be slower than the sweep. A
//! delivery is made once, however often an event is relayed.

use super::row::{Events, OutboxEntry};
use super::{Shared, parsed, unavailable};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use switchyard_actors::domain::event::Event;
use switchyard_actors::domain::ids::{CommitId, PartnerId};
use switchyard_actors::domain::record::Tag;
use switchyard_actors::ports::store::{Commit, CommitError, Durability, Order, StoreUnavailable};
use tokio::sync::oneshot;
use uuid::Uuid;

/// Announcements looked at in one sweep.
const SWEEP_LIMIT: usize = 1_000;

/// An outbox may hold an event of one commit.
pub struct Announcement(String);

/// Announces the commit's outbox.
pub async fn announce(shared: &Shared, commit: &Commit) -> Result<Announcement, CommitError> {
    let tag = serde_json::to_string(&commit.tag).expect("a tag is texts, always JSON");
    let member = format!("{} {tag}", commit.id);
    let add = redis::cmd("ZADD").arg(shared.names.outboxes()).arg(now_ms()).arg(&member).to_owned();
    match shared.link.run(&add).await {
        Ok(_) => Ok(Announcement(member)),
        // Nothing of the commit was sent.
        Err(error) => Err(CommitError::Unknown(error.to_string())),
    }
}

/// Brings the outbox's events to their partners' streams, and takes the announcement back: its commit was judged.
pub async fn relay(shared: &Shared, tag: &Tag, announced: &Announcement) -> Result<(), StoreUnavailable> {
    empty(shared, tag).await?;
    let remove = redis::cmd("ZREM").arg(shared.names.outboxes()).arg(&announced.0).to_owned();
    shared.link.run(&remove).await.map(drop).map_err(unavailable)
}

/// The same for whoever doesn't know whether the commit was judged. Answers whether the announcement is gone.
async fn relay_swept(shared: &Shared, swept: &Swept) -> Result<bool, StoreUnavailable> {
    let marker = redis::cmd("EXISTS").arg(shared.names.applied(&swept.tag, swept.commit)).to_owned();
    let applied: bool = parsed(shared.link.run(&marker).await.map_err(unavailable)?)?;
    if applied || now_ms().saturating_sub(swept.at) > shared.settings.applied_ms {
        relay(shared, &swept.tag, &Announcement(swept.member.clone())).await?;
        return Ok(true);
    }
    empty(shared, &swept.tag).await?;
    Ok(false)
}

async fn empty(shared: &Shared, tag: &Tag) -> Result<(), StoreUnavailable> {
    let outbox = shared.names.outbox(tag);
    let entries = redis::cmd("LRANGE").arg(&outbox).arg(0).arg(-1).to_owned();
    let entries: Vec<Vec<u8>> = parsed(shared.link.run(&entries).await.map_err(unavailable)?)?;
    let mut by_partner: BTreeMap<PartnerId, Vec<(Vec<u8>, Event)>> = BTreeMap::new();
    for entry in entries {
        let opened: OutboxEntry = serde_json::from_slice(&entry).map_err(unavailable)?;
        by_partner.entry(opened.event.partner).or_default().push((entry, opened.event));
    }
    for (partner, entries) in by_partner {
        let (entries, events): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        deliver(shared, partner, events).await?;
        for entry in entries {
            let remove = redis::cmd("LREM").arg(&outbox).arg(1).arg(entry).to_owned();
            shared.link.run(&remove).await.map_err(unavailable)?;
        }
    }
    Ok(())
}

async fn deliver(shared: &Shared, partner: PartnerId, events: Vec<Event>) -> Result<(), StoreUnavailable> {
    let commit = Commit {
        // A delivery that is there stays what it is: the relay needs no id that outlives it.
        id: CommitId(Uuid::new_v4()),
        tag: Tag::Partner(partner),
        lease: None,
        expect: Vec::new(),
        writes: Vec::new(),
        events,
        durability: Durability::Durable,
        order: Order::InTurn,
    };
    shared.commit_in_one_step(&[commit], Events::Deliver, 0).await.map_err(unavailable)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The sweep for what was left behind. Dropped, it ends.
pub struct Outboxes {
    _stop: oneshot::Sender<()>,
}

impl Outboxes {
    /// Starts sweeping, on a thread of its own.
    pub fn watch(shared: &Arc<Shared>) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let every = Duration::from_millis(shared.settings.outbox_sweep_ms);
        let shared = Arc::downgrade(shared);
        let sweeping = async move {
            let mut ticks = tokio::time::interval(every);
            loop {
                tokio::select! {
                    _ = &mut stopped => return,
                    _ = ticks.tick() => {}
                }
                if !sweep(&shared, every).await {
                    return;
                }
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let started = runtime.and_then(|runtime| {
            let thread = std::thread::Builder::new().name("store-outboxes".to_owned());
            thread.spawn(move || runtime.block_on(sweeping))
        });
        started.expect("a process that can't have a thread can't serve");
        Self { _stop: stop }
    }
}

/// Relays everything that is announced. Nobody is at work: what was not judged by now never is.
pub async fn relay_all(shared: &Shared) -> Result<(), StoreUnavailable> {
    loop {
        let announced = announced_before(shared, u64::MAX, 0).await?;
        if announced.is_empty() {
            return Ok(());
        }
        for (member, at) in announced {
            let unread = || StoreUnavailable(format!("an announcement of an outbox can't be read: {member}"));
            let swept = Swept::read(&member, at).ok_or_else(unread)?;
            relay(shared, &swept.tag, &Announcement(member)).await?;
        }
    }
}

/// Announcements of before that time, by when, from a place on.
async fn announced_before(
    shared: &Shared,
    before: u64,
    from: usize,
) -> Result<Vec<(String, f64)>, StoreUnavailable> {
    let old = redis::cmd("ZRANGEBYSCORE")
        .arg(shared.names.outboxes())
        .arg("-inf")
        .arg(before)
        .arg("WITHSCORES")
        .arg("LIMIT")
        .arg(from)
        .arg(SWEEP_LIMIT)
        .to_owned();
    parsed(shared.link.run(&old).await.map_err(unavailable)?)
}

/// An announcement that was found.
struct Swept {
    member: String,
    commit: CommitId,
    tag: Tag,
    at: u64,
}

impl Swept {
    fn read(member: &str, at: f64) -> Option<Self> {
        let (commit, tag) = member.split_once(' ')?;
        let (commit, tag) = (CommitId(commit.parse().ok()?), serde_json::from_str(tag).ok()?);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // scores were written as u64
        Some(Self { member: member.to_owned(), commit, tag, at: at as u64 })
    }
}

/// Relays what was announced a while ago. Answers whether the store is still there.
async fn sweep(shared: &Weak<Shared>, age: Duration) -> bool {
    let Some(shared) = shared.upgrade() else { return false };
    let before = now_ms().saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    let mut kept = 0;
    loop {
        let announced = announced_before(&shared, before, kept).await.unwrap_or_default();
        for (member, at) in &announced {
            kept += usize::from(!sweep_one(&shared, member, *at).await);
        }
        if announced.len() < SWEEP_LIMIT {
            return true;
        }
    }
}

/// Answers whether the announcement is gone.
async fn sweep_one(shared: &Shared, member: &str, at: f64) -> bool {
    let Some(swept) = Swept::read(member, at) else {
        tracing::error!(member, "an announcement of an outbox that can't be read is left alone");
        return false;
    };
    relay_swept(shared, &swept).await.unwrap_or_else(|error| {
        tracing::debug!(%error, tag = %swept.tag, "an outbox is relayed again later");
        false
    })
}

//! The archivist: turns what has ended long ago into tombstones.
//!
//! What is due is in the store, so it holds nothing; several of them may do the same work at once, and the versions of
//! the records keep them from doing it twice. A burial is a row whose order is safe to be cut anywhere: the tombstone
//! comes first, the entry that leads there goes last.

use crate::domain::claim::CheckoutRecord;
use crate::domain::ids::{JobId, SubscriptionId};
use crate::domain::record::{Index, Key, Record, SubscriptionRecord, Tag};
use crate::domain::retention::{Tombstone, Verdict, judge};
use crate::domain::time::UnixMillis;
use crate::fail_points::{FailPoint, reach};
use crate::outside::{Outside, put};
use crate::ports::store::{Commit, Expectation, Member, StoreUnavailable, Stored, Write};
use actix::{Actor, ActorFutureExt, AsyncContext, Context, WrapFuture};
use std::sync::Arc;
use std::time::Duration;

/// Entries looked at in one go.
const LOOK_AHEAD: usize = 256;

/// The actor.
pub struct Archivist {
    outside: Arc<Outside>,
    sweeping: bool,
}

impl Archivist {
    /// One that has not looked yet.
    #[must_use]
    pub fn new(outside: Arc<Outside>) -> Self {
        Self { outside, sweeping: false }
    }

    fn sweep(&mut self, context: &mut Context<Self>) {
        reach(FailPoint::ArchivistSweeping);
        if std::mem::replace(&mut self.sweeping, true) {
            return;
        }
        let outside = Arc::clone(&self.outside);
        let swept = async move { bury_all_due(&outside).await };
        context.spawn(swept.into_actor(self).map(|buried, archivist, _| {
            archivist.sweeping = false;
            match buried {
                Ok(0) => {}
                Ok(buried) => tracing::info!(buried, "ended subscriptions are tombstones now"),
                Err(error) => tracing::debug!(%error, "the sweep for what has ended is asked again"),
            }
        }));
    }
}

impl Actor for Archivist {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.sweep(context);
        let every = Duration::from_millis(self.outside.settings.retention.sweep_ms);
        context.run_interval(every, Self::sweep);
    }
}

/// The entry of a subscription that ends, due when it is to be forgotten: its end, and the days that it is kept. It is
/// committed before the end is.
#[must_use]
pub fn entry_among_the_ended(subscription: SubscriptionId, due: UnixMillis) -> Write {
    Write::Include { index: Index::Ended, member: subscription.to_string(), score: due.0 }
}

/// Buries what is due, oldest first. Answers how many.
///
/// # Errors
/// [`StoreUnavailable`].
pub async fn bury_all_due(outside: &Outside) -> Result<usize, StoreUnavailable> {
    let mut buried = 0;
    loop {
        let now = outside.clock.now();
        let members = outside.store.members(&Index::Ended, LOOK_AHEAD).await?;
        let due: Vec<_> = members.into_iter().filter(|member| member.score <= now.0).collect();
        if due.is_empty() {
            return Ok(buried);
        }
        for Member { member, .. } in due {
            let Ok(subscription) = member.parse().map(SubscriptionId) else {
                tracing::error!(member, "an entry among the ended that is none is left out");
                leave_out(outside, member).await?;
                continue;
            };
            buried += usize::from(see_to(outside, subscription, now).await?);
        }
    }
}

async fn leave_out(outside: &Outside, member: String) -> Result<(), StoreUnavailable> {
    let mut commit = outside.commit(Tag::Retention);
    commit.writes.push(Write::Exclude { index: Index::Ended, member });
    outside.store.commit(vec![commit]).await.map_err(|error| StoreUnavailable(error.to_string()))
}

/// Buries one, or puts its entry off. Answers whether it was buried.
async fn see_to(
    outside: &Outside,
    subscription: SubscriptionId,
    now: UnixMillis,
) -> Result<bool, StoreUnavailable> {
    let found = find(outside, subscription).await?;
    let state = found.as_ref().map(|(_, record)| &record.state);
    let row = match judge(state, now, outside.settings.retention.keep_ms()) {
        Verdict::KeepUntil(until) => {
            let mut put_off = outside.commit(Tag::Retention);
            put_off.writes.push(entry_among_the_ended(subscription, until));
            vec![put_off]
        }
        Verdict::Bury => burial(outside, subscription, found).await?,
    };
    let buried = row.len() > 1;
    outside.store.commit(row).await.map_err(|error| StoreUnavailable(error.to_string()))?;
    Ok(buried)
}

async fn find(
    outside: &Outside,
    subscription: SubscriptionId,
) -> Result<Option<(Tag, SubscriptionRecord)>, StoreUnavailable> {
    let home = outside.store.read(&[Key::Directory(subscription.0)]).await?.pop().flatten();
    let Some(Stored { record: Record::Directory(home), .. }) = home else { return Ok(None) };
    let key = Key::Subscription(home.clone(), subscription);
    match outside.store.read(&[key]).await?.pop().flatten().map(|stored| stored.record) {
        Some(Record::Subscription(record)) => Ok(Some((home, record))),
        _ => Ok(None),
    }
}

/// Tombstone, then all that leads from it, then the entry.
async fn burial(
    outside: &Outside,
    subscription: SubscriptionId,
    found: Option<(Tag, SubscriptionRecord)>,
) -> Result<Vec<Commit>, StoreUnavailable> {
    let mut row = Vec::new();
    if let Some((home, record)) = found {
        let key = Key::Checkout(record.key.clone());
        let checkout = outside.store.read(std::slice::from_ref(&key)).await?.pop().flatten();
        let mut jobs: Vec<JobId> = record.install_job.into_iter().collect();
        match checkout {
            Some(Stored { record: Record::Checkout(checkout), version }) => {
                jobs.extend(checkout.receipt.job());
                row.push(tombstone(
                    outside,
                    key,
                    &checkout,
                    Expectation { key: Key::Checkout(record.key.clone()), version: Some(version) },
                ));
            }
            // A burial that was cut off after its first step.
            Some(Stored { record: Record::Tombstone(tombstone), .. }) => jobs.extend(tombstone.receipt.job()),
            _ => {}
        }
        row.push(remains(outside, &home, subscription, &jobs));
        let ids = jobs.iter().map(|job| job.0).chain([subscription.0]);
        row.extend(ids.map(|id| {
            let mut entry = outside.commit(Tag::Directory(id));
            entry.writes.push(Write::Delete(Key::Directory(id)));
            entry
        }));
    }
    let mut last = outside.commit(Tag::Retention);
    last.writes.push(Write::Exclude { index: Index::Ended, member: subscription.to_string() });
    row.push(last);
    Ok(row)
}

fn tombstone(outside: &Outside, key: Key, checkout: &CheckoutRecord, unchanged: Expectation) -> Commit {
    let mut commit = outside.commit(key.tag());
    commit.expect.push(unchanged);
    commit.writes.push(put(key, Record::Tombstone(Tombstone::of(checkout))));
    commit
}

fn remains(outside: &Outside, home: &Tag, subscription: SubscriptionId, jobs: &[JobId]) -> Commit {
    let mut commit = outside.commit(home.clone());
    commit.writes.push(Write::Delete(Key::Subscription(home.clone(), subscription)));
    if let Tag::Switch(switch) = home {
        for job in jobs {
            commit.writes.push(Write::Delete(Key::Job(switch.clone(), *job)));
            commit.writes.push(Write::Delete(Key::Transcript(switch.clone(), *job)));
        }
    }
    commit
}

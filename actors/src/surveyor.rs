//! The surveyor: sees to it that each switch is checked for drift when its time has come.
//!
//! When is in the store, one entry a switch, spread by chance over the whole period, so that no supervisor has to live and
//! no lease has to be held in between. It puts a check into the switch's queue and moves the entry on; the check itself is
//! the supervisor's. Every instance sees to the switches that it owns; two that think so put in the same entry.

use crate::domain::drift::{CheckOrder, SwitchDrift};
use crate::domain::ids::{CommitId, SwitchId};
use crate::domain::record::{Index, Key, Record, SwitchStatus, Tag};
use crate::domain::time::UnixMillis;
use crate::domain::visit::WorkItem;
use crate::fail_points::{FailPoint, reach};
use crate::outside::{Outside, Wakes, put, unchanged};
use crate::ports::Entropy;
use crate::ports::store::{
    Commit, CommitError, Denial, Durability, Order, Store, StoreUnavailable, Stored, Write,
};
use actix::{Actor, ActorFutureExt, AsyncContext, Context, WrapFuture};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// The most switches of an inventory.
const SWITCHES_MAX: usize = 100_000;

/// Entries looked at in one go: those of others may stand before ours.
const LOOK_AHEAD: usize = 1_024;

/// The actor.
pub struct Surveyor {
    outside: Arc<Outside>,
    wakes: Arc<dyn Wakes>,
    sweeping: bool,
}

impl Surveyor {
    /// One that has not looked yet.
    #[must_use]
    pub fn new(outside: Arc<Outside>, wakes: Arc<dyn Wakes>) -> Self {
        Self { outside, wakes, sweeping: false }
    }

    fn sweep(&mut self, context: &mut Context<Self>) {
        reach(FailPoint::SurveyorSweeping);
        if std::mem::replace(&mut self.sweeping, true) {
            return;
        }
        let (outside, wakes) = (Arc::clone(&self.outside), Arc::clone(&self.wakes));
        let swept = async move { queue_all_due(&outside, &*wakes).await };
        context.spawn(swept.into_actor(self).map(|queued, surveyor, _| {
            surveyor.sweeping = false;
            match queued {
                Ok(0) => {}
                Ok(queued) => tracing::debug!(queued, "switches are to be checked for drift"),
                Err(error) => tracing::debug!(%error, "the sweep for checks is asked again"),
            }
        }));
    }

    fn enrol(&mut self, context: &mut Context<Self>) {
        let outside = Arc::clone(&self.outside);
        let enrolled = async move { enrol_all(&outside).await };
        context.spawn(enrolled.into_actor(self).map(|enrolled, _, _| {
            if let Err(error) = enrolled {
                tracing::debug!(%error, "switches are entered for their checks later");
            }
        }));
    }
}

impl Actor for Surveyor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let drift = &self.outside.settings.drift;
        if drift.check_ms == 0 {
            return;
        }
        let (sweep, enrol) = (drift.sweep_ms, drift.enrol_ms);
        self.enrol(context);
        self.sweep(context);
        context.run_interval(Duration::from_millis(sweep), Self::sweep);
        context.run_interval(Duration::from_millis(enrol), Self::enrol);
    }
}

fn entry(switch: &SwitchId, at: UnixMillis) -> Write {
    Write::Include { index: Index::Checks, member: switch.to_string(), score: at.0 }
}

/// Makes the switch's next check due then.
pub async fn schedule(outside: &Outside, switch: &SwitchId, at: UnixMillis) {
    if let Err(error) = move_on(outside, vec![entry(switch, at)]).await {
        tracing::debug!(%switch, %error, "the next check comes when it was to come");
    }
}

async fn move_on(outside: &Outside, writes: Vec<Write>) -> Result<(), StoreUnavailable> {
    let mut commit = outside.commit(Tag::Checks);
    commit.writes = writes;
    // A restart would enter or queue it once more.
    commit.durability = Durability::Lazy;
    outside.store.commit(vec![commit]).await.map_err(|error| StoreUnavailable(error.to_string()))
}

/// Enters every switch that has no entry yet, at some moment of the coming period.
async fn enrol_all(outside: &Outside) -> Result<(), StoreUnavailable> {
    let entered = outside.store.members(&Index::Checks, SWITCHES_MAX).await?;
    let entered: HashSet<_> = entered.into_iter().map(|member| member.member).collect();
    let switches = outside.store.members(&Index::Switches, SWITCHES_MAX).await?;
    let now = outside.clock.now();
    let new = switches.iter().filter(|switch| !entered.contains(&switch.member));
    let writes: Vec<_> = new
        .filter_map(|switch| SwitchId::parse(&switch.member).ok())
        .map(|switch| entry(&switch, now.plus_millis(share_of(outside.settings.drift.check_ms, outside))))
        .collect();
    if writes.is_empty() { Ok(()) } else { move_on(outside, writes).await }
}

/// Some part of so many milliseconds, by chance.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn share_of(millis: u64, outside: &Outside) -> u64 {
    (millis as f64 * outside.entropy.jitter().clamp(0.0, 1.0)) as u64
}

/// Queues a check for each switch of ours that is due, oldest first, so many at most. Answers how many.
async fn queue_all_due(outside: &Outside, wakes: &dyn Wakes) -> Result<usize, StoreUnavailable> {
    let now = outside.clock.now();
    let members = outside.store.members(&Index::Checks, LOOK_AHEAD).await?;
    let due = members.into_iter().filter(|member| member.score <= now.0);
    let ours = due
        .filter_map(|member| SwitchId::parse(&member.member).ok())
        .filter(|switch| outside.owns(&Tag::Switch(switch.clone())));
    let mut queued = 0;
    for switch in ours.take(outside.settings.drift.max_checks_per_sweep) {
        queued += usize::from(queue_one(outside, &switch, wakes).await?);
    }
    Ok(queued)
}

/// First the check, then the entry: cut off in between, it is queued twice, which is once.
async fn queue_one(
    outside: &Outside,
    switch: &SwitchId,
    wakes: &dyn Wakes,
) -> Result<bool, StoreUnavailable> {
    let keys = [Key::Switch(switch.clone()), Key::SwitchStatus(switch.clone())];
    let mut read = outside.store.read(&keys).await?.into_iter();
    if read.next().flatten().is_none() {
        let gone = Write::Exclude { index: Index::Checks, member: switch.to_string() };
        return move_on(outside, vec![gone]).await.map(|()| false);
    }
    // A quarantined one can't be read; it comes again with the next period, or is asked for.
    let is_quarantined = matches!(
        read.next().flatten().map(|stored| stored.record),
        Some(Record::SwitchStatus(SwitchStatus { quarantined: Some(_), .. }))
    );
    if !is_quarantined {
        let mut commit = outside.commit(Tag::Switch(switch.clone()));
        commit.writes.push(check_in_queue(switch, outside.clock.now()));
        outside.store.commit(vec![commit]).await.map_err(|error| StoreUnavailable(error.to_string()))?;
        wakes.switch(switch);
    }
    // Up to a tenth earlier each time, so that what was queued together, after an outage, drifts apart again.
    let period = outside.settings.drift.check_ms;
    let next = outside.clock.now().plus_millis(period - share_of(period / 10, outside));
    move_on(outside, vec![entry(switch, next)]).await.map(|()| !is_quarantined)
}

fn check_in_queue(switch: &SwitchId, now: UnixMillis) -> Write {
    let member = WorkItem::Check.to_member();
    Write::Include { index: Index::Work(switch.clone()), member, score: now.0 }
}

/// A check could not be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// The store can't be read.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
    /// It is not known whether the store has it.
    #[error(transparent)]
    Commit(CommitError),
}

/// Puts an operator's wish for a check on record and into the queue. It needs no lease: the operator's word is nobody's
/// but theirs.
///
/// # Errors
/// [`OrderError`].
pub async fn order(
    store: &dyn Store,
    entropy: &dyn Entropy,
    switch: &SwitchId,
    order: CheckOrder,
) -> Result<(), OrderError> {
    loop {
        let key = Key::Drift(switch.clone());
        let stored = store.read(std::slice::from_ref(&key)).await?.pop().flatten();
        let drift = match &stored {
            Some(Stored { record: Record::Drift(drift), .. }) => drift.clone(),
            _ => SwitchDrift::new(switch.clone()),
        };
        let drift = drift.ordered(order);
        let commit = Commit {
            id: CommitId(entropy.uuid()),
            tag: Tag::Switch(switch.clone()),
            lease: None,
            expect: vec![unchanged(key.clone(), stored.as_ref())],
            writes: vec![put(key, Record::Drift(drift)), check_in_queue(switch, order.at)],
            events: Vec::new(),
            durability: Durability::Durable,
            order: Order::InTurn,
        };
        match store.commit(vec![commit]).await {
            Ok(()) => return Ok(()),
            // A check came to its end meanwhile.
            Err(CommitError::Denied { why: Denial::Stale(_), .. }) => {}
            Err(error) => return Err(OrderError::Commit(error)),
        }
    }
}

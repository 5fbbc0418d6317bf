//! Where a job in the queue stands with its acceptance, and what its switch's owner does about it: it runs what is
//! decided, decides what nobody came back for, and drops what will never be accepted, with its hold on the port.

use super::task::Duty;
use crate::checkout::{finish_claim, finish_install};
use crate::domain::claim::CheckoutRecord;
use crate::domain::proof::{Proof, proof};
use crate::domain::record::{Index, JobRecord, Key, PortRecord, Record, Tag};
use crate::domain::time::UnixMillis;
use crate::domain::visit::WorkItem;
use crate::outside::{Outside, put, unchanged};
use crate::ports::store::{Commit, CommitError, Denial, StoreUnavailable, Stored, Write};

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It may run.
    Decided,
    /// Whoever proposed it has until then.
    Undecided {
        /// When.
        until: UnixMillis,
    },
    /// Something was done about it: look again.
    Changed,
    /// Someone else owns the switch by now.
    Fenced,
}

/// What the proof rests on, as read.
struct Grounds {
    checkout: Option<(CheckoutRecord, Stored)>,
    home: Option<(Tag, Stored)>,
}

impl Grounds {
    fn proof_of(&self, job: &JobRecord) -> Proof {
        let checkout = self.checkout.as_ref().map(|(record, _)| record);
        proof(job, checkout, self.home.as_ref().map(|(home, _)| home))
    }
}

async fn read_grounds(outside: &Outside, job: &JobRecord) -> Result<Grounds, StoreUnavailable> {
    let key = [Key::Checkout(job.key.clone())];
    let checkout = outside.store.read(&key).await?.pop().flatten().and_then(|stored| {
        let Record::Checkout(record) = stored.record.clone() else { return None };
        Some((record, stored))
    });
    // The way of a direct one ends here, with one read.
    let installs = checkout.as_ref().is_some_and(|(record, _)| record.receipt.job().is_none());
    let home = if installs { read_home(outside, job).await? } else { None };
    Ok(Grounds { checkout, home })
}

async fn read_home(outside: &Outside, job: &JobRecord) -> Result<Option<(Tag, Stored)>, StoreUnavailable> {
    let read = outside.store.read(&[Key::Directory(job.subscription.0)]).await?.pop().flatten();
    Ok(read.and_then(|stored| {
        let Record::Directory(home) = stored.record.clone() else { return None };
        Some((home, stored))
    }))
}

/// Finds out, and does what is to be done about a job that is not decided.
///
/// # Errors
/// [`StoreUnavailable`].
pub async fn standing(outside: &Outside, duty: &Duty, job: &JobRecord) -> Result<Standing, StoreUnavailable> {
    let grounds = read_grounds(outside, job).await?;
    match grounds.proof_of(job) {
        Proof::Decided => Ok(Standing::Decided),
        Proof::Undecided { since } => {
            let now = outside.clock.now();
            let until = outside.due(since.plus_millis(outside.settings.checkout.claim_ms), now);
            if now < until {
                return Ok(Standing::Undecided { until });
            }
            tracing::info!(job = %job.id, "nobody came back for a claim: its switch's owner decides it");
            decide(outside, job, grounds).await?;
            Ok(Standing::Changed)
        }
        Proof::Orphan => drop_orphan(outside, duty, job).await,
    }
}

/// Finishes what whoever proposed the job has left undone; or lets it go, when it can't be any more.
async fn decide(outside: &Outside, job: &JobRecord, grounds: Grounds) -> Result<(), StoreUnavailable> {
    let decided = match grounds {
        Grounds { checkout: Some((claim, stored)), .. } if !claim.is_accepted() => {
            finish_claim(outside, &claim, &stored).await
        }
        Grounds { home: Some((home, stored)), .. } => finish_install(outside, job, &home, &stored).await,
        Grounds { .. } => unreachable!("what is undecided is a claim, or a home that has not moved"),
    };
    decided.map_err(|unavailable| StoreUnavailable(unavailable.to_string()))
}

/// Drops a proposal that will never be accepted: the job, its subscription, and the hold on the port, in one commit. The
/// grounds are read once more, after the records that the commit rests on.
async fn drop_orphan(outside: &Outside, duty: &Duty, job: &JobRecord) -> Result<Standing, StoreUnavailable> {
    let subscription = Key::Subscription(duty.tag(), job.subscription);
    let keys = [Key::Job(duty.switch.id.clone(), job.id), subscription, Key::Port(job.port.clone())];
    let read = outside.store.read(&keys).await?;
    if read[0].is_none() || read_grounds(outside, job).await?.proof_of(job) != Proof::Orphan {
        return Ok(Standing::Changed);
    }
    tracing::info!(job = %job.id, port = %job.port, "a proposal that was never accepted is dropped");
    let commit = without(outside, duty, job, &keys, &read);
    match outside.commit_surely(vec![commit]).await {
        Err(CommitError::Denied { why: Denial::Fenced { .. }, .. }) => Ok(Standing::Fenced),
        Ok(()) | Err(_) => Ok(Standing::Changed),
    }
}

fn without(
    outside: &Outside,
    duty: &Duty,
    job: &JobRecord,
    keys: &[Key; 3],
    read: &[Option<Stored>],
) -> Commit {
    let mut commit = duty.commit(outside);
    for (key, stored) in keys.iter().zip(read) {
        commit.expect.push(unchanged(key.clone(), stored.as_ref()));
    }
    let [job_key, subscription, port_key] = keys;
    let (index, member) = (Index::Work(duty.switch.id.clone()), WorkItem::Job(job.id).to_member());
    commit.writes.push(Write::Exclude { index, member });
    commit.writes.push(Write::Delete(job_key.clone()));
    commit.writes.push(Write::Delete(subscription.clone()));
    if let Some(Stored { record: Record::Port(port), .. }) = &read[2]
        && port.holder == Some(job.subscription)
    {
        let free = PortRecord { holder: None, ..port.clone() };
        commit.writes.push(put(port_key.clone(), Record::Port(free)));
    }
    commit
}

/// Which of the jobs, in one look, are not plainly decided.
///
/// # Errors
/// [`StoreUnavailable`].
pub async fn doubtful<'a>(
    outside: &Outside,
    jobs: impl Iterator<Item = &'a JobRecord>,
) -> Result<Vec<&'a JobRecord>, StoreUnavailable> {
    let jobs: Vec<_> = jobs.collect();
    let keys: Vec<_> = jobs.iter().map(|job| Key::Checkout(job.key.clone())).collect();
    let read = outside.store.read(&keys).await?;
    let plain = |job: &JobRecord, stored: &Option<Stored>| match stored {
        Some(Stored { record: Record::Checkout(record), .. }) => {
            proof(job, Some(record), None) == Proof::Decided
        }
        _ => false,
    };
    Ok(jobs.into_iter().zip(&read).filter(|(job, stored)| !plain(job, stored)).map(|(job, _)| job).collect())
}

//! The recording store: the trait's meaning in the fewest lines, in memory, with every commit remembered.

use super::records::{Lease, State};
use crate::domain::ids::{CommitId, InstanceId, LeaseEpoch, PartnerId, SwitchId};
use crate::domain::record::{Index, Key, Record, Tag};
use crate::ports::store::{Claimed, Commit, CommitError, Heartbeat, Member, Store, StoreUnavailable, Stored};
use async_trait::async_trait;
use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What happens to the next row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    LostBefore,
    LostAfter,
    /// Of the next row with several commits so many are done, and whoever asked is never heard of again.
    ProcessLost {
        after: usize,
    },
    /// The next row with several commits takes so long before each of them.
    Slow {
        each: Duration,
    },
}

/// The store.
#[derive(Default)]
pub struct RecordingStore {
    state: Mutex<State>,
    log: Mutex<Vec<Commit>>,
    faults: Mutex<VecDeque<Fault>>,
    slow_reads: Mutex<Vec<(Key, Duration)>>,
    unreadable: Mutex<Vec<Key>>,
    reads: AtomicUsize,
    shared: AtomicBool,
    tag_by_tag: bool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RecordingStore {
    /// One that several graphs may use at once.
    #[must_use]
    pub fn shared() -> Self {
        Self { shared: AtomicBool::new(true), ..Self::default() }
    }

    /// From now on a row goes commit by commit, as on an engine that can't span tags, and others come in between.
    #[must_use]
    pub fn rows_go_tag_by_tag(self) -> Self {
        Self { tag_by_tag: true, ..self }
    }

    /// The process that sends the next row of several commits is lost when so many of them are done.
    pub fn lose_process_after(&self, commits: usize) {
        locked(&self.faults).push_back(Fault::ProcessLost { after: commits });
    }

    /// The next row of several commits takes so long before each of them.
    pub fn slow_next_row(&self, each: Duration) {
        locked(&self.faults).push_back(Fault::Slow { each });
    }

    /// The next time that the key is read, it takes so long, and what is asked for together with it before it is read earlier.
    pub fn slow_next_read_of(&self, key: Key, wait: Duration) {
        locked(&self.slow_reads).push((key, wait));
    }

    /// From now on no request that asks for this record, alone or among others, gets an answer.
    pub fn make_unreadable(&self, key: Key) {
        locked(&self.unreadable).push(key);
    }

    fn wait_before(&self, key: &Key) -> Option<Duration> {
        let mut slow = locked(&self.slow_reads);
        let place = slow.iter().position(|(of, _)| of == key)?;
        Some(slow.swap_remove(place).1)
    }

    /// Takes a record out without a commit, as an inventory would.
    pub fn unseed(&self, key: &Key) {
        locked(&self.state).records.remove(key);
    }

    /// Puts a record without a commit, as an inventory would.
    pub fn seed(&self, key: Key, record: Record) {
        let version = CommitId(uuid::Uuid::nil());
        locked(&self.state).records.insert(key, Stored { version, record });
    }

    /// The next row gets lost on the way to the store: unknown, and not applied.
    pub fn lose_next_request(&self) {
        locked(&self.faults).push_back(Fault::LostBefore);
    }

    /// The next answer gets lost: unknown, and applied.
    pub fn lose_next_answer(&self) {
        locked(&self.faults).push_back(Fault::LostAfter);
    }

    /// Every commit that was applied, in order.
    #[must_use]
    pub fn commits(&self) -> Vec<Commit> {
        locked(&self.log).clone()
    }

    /// How often it was asked for records.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    /// A record, if it is there.
    #[must_use]
    pub fn record(&self, key: &Key) -> Option<Record> {
        locked(&self.state).records.get(key).map(|stored| stored.record.clone())
    }

    /// Who holds a tag's lease.
    #[must_use]
    pub fn holder(&self, tag: &Tag) -> Option<InstanceId> {
        locked(&self.state).leases.get(tag)?.holder
    }

    /// How many instances are in the census.
    #[must_use]
    pub fn in_the_census(&self) -> usize {
        locked(&self.state).census.len()
    }

    /// Every record.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        locked(&self.state).records.values().map(|stored| stored.record.clone()).collect()
    }

    fn apply_row(&self, row: &[Commit]) -> Result<(), CommitError> {
        let fresh = locked(&self.state).apply_row(row)?;
        locked(&self.log).extend(fresh.into_iter().cloned());
        Ok(())
    }

    async fn apply_by_its_mode(&self, row: &[Commit], each: Duration) -> Result<(), CommitError> {
        if !self.tag_by_tag {
            return self.apply_row(row);
        }
        for (index, commit) in row.iter().enumerate() {
            tokio::task::yield_now().await;
            if !each.is_zero() {
                tokio::time::sleep(each).await;
            }
            self.apply_row(std::slice::from_ref(commit)).map_err(|error| error.at(index))?;
        }
        Ok(())
    }

    fn next_fault(&self, row: &[Commit]) -> Option<Fault> {
        let mut faults = locked(&self.faults);
        let for_several = matches!(faults.front(), Some(Fault::ProcessLost { .. } | Fault::Slow { .. }));
        let fits = !for_several || row.len() > 1;
        if fits { faults.pop_front() } else { None }
    }
}

#[async_trait]
impl Store for RecordingStore {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreUnavailable> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if keys.iter().any(|key| locked(&self.unreadable).contains(key)) {
            return Err(StoreUnavailable("as ordered: a record can't be read".into()));
        }
        let mut read = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some(wait) = self.wait_before(key) {
                tokio::time::sleep(wait).await;
            }
            read.push(locked(&self.state).records.get(key).cloned());
        }
        Ok(read)
    }

    async fn commit(&self, row: Vec<Commit>) -> Result<(), CommitError> {
        tokio::task::yield_now().await;
        match self.next_fault(&row) {
            Some(Fault::LostBefore) => Err(CommitError::Unknown("the request was lost".into())),
            Some(Fault::LostAfter) => {
                self.apply_by_its_mode(&row, Duration::ZERO).await?;
                Err(CommitError::Unknown("the answer was lost".into()))
            }
            Some(Fault::ProcessLost { after }) => {
                self.apply_by_its_mode(&row[..after.min(row.len())], Duration::ZERO).await?;
                std::future::pending().await
            }
            Some(Fault::Slow { each }) => self.apply_by_its_mode(&row, each).await,
            None => self.apply_by_its_mode(&row, Duration::ZERO).await,
        }
    }

    async fn members(&self, index: &Index, limit: usize) -> Result<Vec<Member>, StoreUnavailable> {
        let state = locked(&self.state);
        let members = state.indexes.get(index).into_iter().flatten();
        let ordered: BTreeSet<_> = members.map(|(member, score)| (*score, member.clone())).collect();
        Ok(ordered.into_iter().take(limit).map(|(score, member)| Member { member, score }).collect())
    }

    async fn switches_with_work(&self) -> Result<Vec<SwitchId>, StoreUnavailable> {
        let state = locked(&self.state);
        let busy = state.indexes.iter().filter(|(_, members)| !members.is_empty());
        Ok(busy
            .filter_map(|(index, _)| match index {
                Index::Work(switch) => Some(switch.clone()),
                _ => None,
            })
            .collect())
    }

    async fn partners_with_due(&self) -> Result<Vec<PartnerId>, StoreUnavailable> {
        let state = locked(&self.state);
        let busy = state.indexes.iter().filter(|(_, members)| !members.is_empty());
        Ok(busy
            .filter_map(|(index, _)| match index {
                Index::Due(partner) => Some(*partner),
                _ => None,
            })
            .collect())
    }

    async fn claim_lease(
        &self,
        tag: &Tag,
        claimant: InstanceId,
        displaced: Option<InstanceId>,
    ) -> Result<Claimed, StoreUnavailable> {
        let mut state = locked(&self.state);
        let lease = state.leases.entry(tag.clone()).or_default();
        match lease.holder {
            Some(by) if self.is_shared() && by != claimant && Some(by) != displaced => {
                Ok(Claimed::Held { by })
            }
            _ => {
                *lease = Lease { epoch: lease.epoch + 1, holder: Some(claimant) };
                Ok(Claimed::Taken(LeaseEpoch(lease.epoch)))
            }
        }
    }

    async fn release_lease(&self, tag: &Tag, epoch: LeaseEpoch) -> Result<(), StoreUnavailable> {
        if let Some(lease) = locked(&self.state).leases.get_mut(tag)
            && lease.epoch == epoch.0
        {
            lease.holder = None;
        }
        Ok(())
    }

    async fn beat(&self, instance: InstanceId) -> Result<Vec<Heartbeat>, StoreUnavailable> {
        let mut state = locked(&self.state);
        *state.census.entry(instance).or_default() += 1;
        Ok(state.census.iter().map(|(&instance, &count)| Heartbeat { instance, count }).collect())
    }

    async fn leave(&self, instance: InstanceId) -> Result<(), StoreUnavailable> {
        locked(&self.state).census.remove(&instance);
        Ok(())
    }

    fn is_shared(&self) -> bool {
        self.shared.load(Ordering::Relaxed)
    }

    async fn ping(&self) -> Result<(), StoreUnavailable> {
        Ok(())
    }
}

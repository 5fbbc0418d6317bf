//! One instance's way to the recording store, which can be cut: that instance alone finds the store away.

use super::RecordingStore;
use crate::domain::ids::{InstanceId, LeaseEpoch, PartnerId, SwitchId};
use crate::domain::record::{Index, Key, Tag};
use crate::ports::store::{Claimed, Commit, CommitError, Heartbeat, Member, Store, StoreUnavailable, Stored};
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// The way.
pub struct StoreLink {
    store: Arc<RecordingStore>,
    cut: AtomicBool,
    mute: AtomicBool,
    claims_to_lose: AtomicUsize,
    refused: AtomicUsize,
    claims_held: AtomicBool,
    claims_begun: AtomicUsize,
}

impl StoreLink {
    /// One that is whole.
    #[must_use]
    pub fn to(store: Arc<RecordingStore>) -> Self {
        Self {
            store,
            cut: AtomicBool::default(),
            mute: AtomicBool::default(),
            claims_to_lose: AtomicUsize::default(),
            refused: AtomicUsize::default(),
            claims_held: AtomicBool::default(),
            claims_begun: AtomicUsize::default(),
        }
    }

    /// Cuts it, or mends it.
    pub fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }

    /// Lets no beat through, and all the rest; or beats again.
    pub fn mute(&self, mute: bool) {
        self.mute.store(mute, Ordering::SeqCst);
    }

    /// The next so many claims of leases are done, and their answers lost.
    pub fn lose_next_claims(&self, claims: usize) {
        self.claims_to_lose.store(claims, Ordering::SeqCst);
    }

    /// From now on no claim of a lease is answered.
    pub fn hold_claims(&self) {
        self.claims_held.store(true, Ordering::SeqCst);
    }

    /// How many leases were claimed.
    #[must_use]
    pub fn claims_begun(&self) -> usize {
        self.claims_begun.load(Ordering::SeqCst)
    }

    /// How many calls were refused because it was cut.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    /// A refusal takes its time, as that of a connection does.
    async fn open(&self) -> Result<&RecordingStore, StoreUnavailable> {
        if self.cut.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(1)).await;
            Err(StoreUnavailable("the link is cut".into()))
        } else {
            Ok(&self.store)
        }
    }
}

#[async_trait]
impl Store for StoreLink {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreUnavailable> {
        self.open().await?.read(keys).await
    }

    async fn commit(&self, row: Vec<Commit>) -> Result<(), CommitError> {
        match self.open().await {
            Ok(store) => store.commit(row).await,
            Err(error) => Err(CommitError::Unknown(error.to_string())),
        }
    }

    async fn members(&self, index: &Index, limit: usize) -> Result<Vec<Member>, StoreUnavailable> {
        self.open().await?.members(index, limit).await
    }

    async fn switches_with_work(&self) -> Result<Vec<SwitchId>, StoreUnavailable> {
        self.open().await?.switches_with_work().await
    }

    async fn partners_with_due(&self) -> Result<Vec<PartnerId>, StoreUnavailable> {
        self.open().await?.partners_with_due().await
    }

    async fn claim_lease(
        &self,
        tag: &Tag,
        claimant: InstanceId,
        displaced: Option<InstanceId>,
    ) -> Result<Claimed, StoreUnavailable> {
        self.claims_begun.fetch_add(1, Ordering::SeqCst);
        if self.claims_held.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let claimed = self.open().await?.claim_lease(tag, claimant, displaced).await;
        let fewer = |claims: usize| claims.checked_sub(1);
        if self.claims_to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer).is_ok() {
            return Err(StoreUnavailable("the answer was lost".into()));
        }
        claimed
    }

    async fn release_lease(&self, tag: &Tag, epoch: LeaseEpoch) -> Result<(), StoreUnavailable> {
        self.open().await?.release_lease(tag, epoch).await
    }

    async fn beat(&self, instance: InstanceId) -> Result<Vec<Heartbeat>, StoreUnavailable> {
        if self.mute.load(Ordering::SeqCst) {
            return Err(StoreUnavailable("no beat comes through".into()));
        }
        self.open().await?.beat(instance).await
    }

    async fn leave(&self, instance: InstanceId) -> Result<(), StoreUnavailable> {
        self.open().await?.leave(instance).await
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    async fn ping(&self) -> Result<(), StoreUnavailable> {
        self.open().await?.ping().await
    }
}

//! A store on which nobody ever gets a switch's lease.
//!
//! Each accepted checkout wakes its switch's supervisor, as always. Its first step is to claim the lease, and here that
//! claim is never answered: the supervisor stands at the door, and further wakes find it there. So jobs pile up and nobody
//! reads them, connects anywhere, or writes. A quarantined switch would not do: its supervisor still reads its queue at
//! each wake.

use async_trait::async_trait;
use std::sync::Arc;
use switchyard_actors::domain::ids::{InstanceId, LeaseEpoch, PartnerId, SwitchId};
use switchyard_actors::domain::record::{Index, Key, Tag};
use switchyard_actors::ports::store::{
    Claimed, Commit, CommitError, Heartbeat, Member, Store, StoreUnavailable, Stored,
};

/// The store behind it, but for leases, which are never granted.
pub struct NoLeases(pub Arc<dyn Store>);

#[async_trait]
impl Store for NoLeases {
    async fn claim_lease(
        &self,
        _: &Tag,
        _: InstanceId,
        _: Option<InstanceId>,
    ) -> Result<Claimed, StoreUnavailable> {
        std::future::pending().await
    }

    /// Nor is there anything that the regular look would find: it would read every queue.
    async fn switches_with_work(&self) -> Result<Vec<SwitchId>, StoreUnavailable> {
        Ok(Vec::new())
    }

    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreUnavailable> {
        self.0.read(keys).await
    }

    async fn commit(&self, row: Vec<Commit>) -> Result<(), CommitError> {
        self.0.commit(row).await
    }

    async fn members(&self, index: &Index, limit: usize) -> Result<Vec<Member>, StoreUnavailable> {
        self.0.members(index, limit).await
    }

    async fn partners_with_due(&self) -> Result<Vec<PartnerId>, StoreUnavailable> {
        self.0.partners_with_due().await
    }

    async fn release_lease(&self, tag: &Tag, epoch: LeaseEpoch) -> Result<(), StoreUnavailable> {
        self.0.release_lease(tag, epoch).await
    }

    async fn beat(&self, instance: InstanceId) -> Result<Vec<Heartbeat>, StoreUnavailable> {
        self.0.beat(instance).await
    }

    async fn leave(&self, instance: InstanceId) -> Result<(), StoreUnavailable> {
        self.0.leave(instance).await
    }

    fn is_shared(&self) -> bool {
        self.0.is_shared()
    }

    async fn ping(&self) -> Result<(), StoreUnavailable> {
        self.0.ping().await
    }
}

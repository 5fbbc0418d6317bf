//! A store that never answers, for what stands before it.

use crate::domain::ids::{InstanceId, LeaseEpoch, PartnerId, SwitchId};
use crate::domain::record::{Index, Key, Tag};
use crate::ports::store::{Claimed, Commit, CommitError, Heartbeat, Member, Store, StoreUnavailable, Stored};
use async_trait::async_trait;

/// The store.
pub struct AbsentStore;

fn away<T>() -> Result<T, StoreUnavailable> {
    Err(StoreUnavailable("it is away".into()))
}

#[async_trait]
impl Store for AbsentStore {
    async fn read(&self, _: &[Key]) -> Result<Vec<Option<Stored>>, StoreUnavailable> {
        away()
    }

    async fn commit(&self, _: Vec<Commit>) -> Result<(), CommitError> {
        Err(CommitError::Unknown("it is away".into()))
    }

    async fn members(&self, _: &Index, _: usize) -> Result<Vec<Member>, StoreUnavailable> {
        away()
    }

    async fn switches_with_work(&self) -> Result<Vec<SwitchId>, StoreUnavailable> {
        away()
    }

    async fn partners_with_due(&self) -> Result<Vec<PartnerId>, StoreUnavailable> {
        away()
    }

    async fn claim_lease(
        &self,
        _: &Tag,
        _: InstanceId,
        _: Option<InstanceId>,
    ) -> Result<Claimed, StoreUnavailable> {
        away()
    }

    async fn release_lease(&self, _: &Tag, _: LeaseEpoch) -> Result<(), StoreUnavailable> {
        away()
    }

    async fn beat(&self, _: InstanceId) -> Result<Vec<Heartbeat>, StoreUnavailable> {
        away()
    }

    async fn leave(&self, _: InstanceId) -> Result<(), StoreUnavailable> {
        away()
    }

    fn is_shared(&self) -> bool {
        false
    }

    async fn ping(&self) -> Result<(), StoreUnavailable> {
        away()
    }
}

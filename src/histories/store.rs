//! One process's way to the store: slow, lossy, or gone, as the plan says; and where a process is lost in a commit.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use switchyard_actors::domain::ids::{InstanceId, LeaseEpoch, PartnerId, SwitchId};
use switchyard_actors::domain::record::{Index, Key, Tag};
use switchyard_actors::ports::store::{
    Claimed, Commit, CommitError, Heartbeat, Member, Store, StoreUnavailable, Stored,
};
use switchyard_actors::testing::RecordingStore;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::chance::Chance;
use super::plan::{Reached, StoreFault};
use super::process::Doom;
use super::strikes::Strikes;

/// How long a request or an answer is on its way at most, unless the store is slow.
const TRANSIT_MS: u64 = 4;
/// How long a call takes when the store is slow.
const SLOW: Duration = Duration::from_millis(1_200);
/// How late a commit comes that was on its way when its process was lost: after the lease of the process.
const LATE: Duration = Duration::from_secs(6);

#[derive(Default)]
struct Weather {
    faults: VecDeque<StoreFault>,
    away_until: Option<Instant>,
    was_missed: bool,
    /// After so many commits, the process is lost.
    crash: Option<(usize, Reached)>,
    /// After so many commits, whoever waits for that is told.
    stop: Option<(usize, Arc<Notify>)>,
}

/// What stands between one instance and the store. It outlives the instance's processes.
#[derive(Clone, Default)]
pub struct StoreWeather(Arc<Mutex<Weather>>);

impl StoreWeather {
    fn weather(&self) -> MutexGuard<'_, Weather> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn order(&self, fault: StoreFault, times: usize) {
        self.weather().faults.extend(std::iter::repeat_n(fault, times));
    }

    pub fn away_until(&self, until: Instant) {
        let mut weather = self.weather();
        weather.away_until = Some(until);
        weather.was_missed = false;
    }

    pub fn crash_after(&self, commits: usize, reached: Reached) {
        self.weather().crash = Some((commits, reached));
    }

    /// Tells when so many commits were sent.
    pub fn stop_after(&self, commits: usize) -> Arc<Notify> {
        let told = Arc::new(Notify::new());
        self.weather().stop = Some((commits, Arc::clone(&told)));
        told
    }

    fn stops_now(&self) -> bool {
        let mut weather = self.weather();
        let Some((left, told)) = weather.stop.take() else { return false };
        match left.checked_sub(1) {
            Some(left) => weather.stop = Some((left, told)),
            None => told.notify_one(),
        }
        weather.stop.is_none()
    }

    /// Nothing goes wrong that was ordered and has not struck yet.
    pub fn clear(&self) {
        *self.weather() = Weather::default();
    }

    /// Whether it is away now; counted when that is noticed first.
    fn is_away(&self, strikes: &Strikes) -> bool {
        let mut weather = self.weather();
        let is_away = weather.away_until.is_some_and(|until| Instant::now() < until);
        if is_away && !std::mem::replace(&mut weather.was_missed, true) {
            strikes.add("store: away");
        }
        is_away
    }

    fn next_fault(&self) -> Option<StoreFault> {
        self.weather().faults.pop_front()
    }

    fn crashes_now(&self) -> Option<Reached> {
        let mut weather = self.weather();
        let (left, reached) = weather.crash?;
        weather.crash = left.checked_sub(1).map(|left| (left, reached));
        (left == 0).then_some(reached)
    }
}

/// The way.
pub struct WayToStore {
    pub store: Arc<RecordingStore>,
    pub weather: StoreWeather,
    pub chance: Chance,
    pub strikes: Strikes,
    pub doom: Doom,
    pub tag_by_tag: bool,
}

impl WayToStore {
    async fn reach(&self) -> Result<&RecordingStore, StoreUnavailable> {
        self.chance.delay(TRANSIT_MS).await;
        if self.weather.is_away(&self.strikes) {
            return Err(StoreUnavailable("it is away".into()));
        }
        Ok(&self.store)
    }

    async fn apply(&self, row: Vec<Commit>) -> Result<(), CommitError> {
        if !self.tag_by_tag {
            return self.apply_or_die(row).await;
        }
        for (index, commit) in row.into_iter().enumerate() {
            self.chance.delay(TRANSIT_MS).await;
            self.apply_or_die(vec![commit]).await.map_err(|error| error.at(index))?;
        }
        Ok(())
    }

    async fn apply_or_die(&self, row: Vec<Commit>) -> Result<(), CommitError> {
        let Some(reached) = self.weather.crashes_now() else { return self.store.commit(row).await };
        self.strikes.add("process: killed in a commit");
        match reached {
            Reached::Sent => {}
            Reached::AppliedLater if self.store.is_shared() => {
                let store = Arc::clone(&self.store);
                // No task of the process: the network delivers what was sent.
                drop(tokio::spawn(async move {
                    tokio::time::sleep(LATE).await;
                    let _ = store.commit(row).await;
                }));
            }
            // A file has no network before it.
            Reached::Applied | Reached::AppliedLater => drop(self.store.commit(row).await),
        }
        self.doom.strike().await
    }
}

#[async_trait]
impl Store for WayToStore {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreUnavailable> {
        self.reach().await?.read(keys).await
    }

    async fn commit(&self, row: Vec<Commit>) -> Result<(), CommitError> {
        self.reach().await.map_err(|error| CommitError::Unknown(error.to_string()))?;
        if self.weather.stops_now() {
            // On its way for as long as it takes to stop whoever sent it.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let answer = match self.weather.next_fault() {
            Some(StoreFault::LostRequest) => {
                self.strikes.add("store: request lost");
                Err(CommitError::Unknown("the request was lost".into()))
            }
            Some(StoreFault::LostAnswer) => {
                self.strikes.add("store: answer lost");
                let _ = self.apply(row).await;
                Err(CommitError::Unknown("the answer was lost".into()))
            }
            Some(StoreFault::Slow) => {
                self.strikes.add("store: slow");
                tokio::time::sleep(SLOW).await;
                self.apply(row).await
            }
            None => self.apply(row).await,
        };
        self.chance.delay(TRANSIT_MS).await;
        answer
    }

    async fn members(&self, index: &Index, limit: usize) -> Result<Vec<Member>, StoreUnavailable> {
        self.reach().await?.members(index, limit).await
    }

    async fn switches_with_work(&self) -> Result<Vec<SwitchId>, StoreUnavailable> {
        self.reach().await?.switches_with_work().await
    }

    async fn partners_with_due(&self) -> Result<Vec<PartnerId>, StoreUnavailable> {
        self.reach().await?.partners_with_due().await
    }

    async fn claim_lease(
        &self,
        tag: &Tag,
        claimant: InstanceId,
        displaced: Option<InstanceId>,
    ) -> Result<Claimed, StoreUnavailable> {
        let claimed = self.reach().await?.claim_lease(tag, claimant, displaced).await;
        self.chance.delay(TRANSIT_MS).await;
        claimed
    }

    async fn release_lease(&self, tag: &Tag, epoch: LeaseEpoch) -> Result<(), StoreUnavailable> {
        self.reach().await?.release_lease(tag, epoch).await
    }

    async fn beat(&self, instance: InstanceId) -> Result<Vec<Heartbeat>, StoreUnavailable> {
        self.reach().await?.beat(instance).await
    }

    async fn leave(&self, instance: InstanceId) -> Result<(), StoreUnavailable> {
        self.reach().await?.leave(instance).await
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    async fn ping(&self) -> Result<(), StoreUnavailable> {
        self.reach().await?.ping().await
    }
}

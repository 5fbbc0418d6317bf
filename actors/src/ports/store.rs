//! The store, as the graph sees it: versioned records, sets of members, and one generic commit.
//!
//! "If the versions and the lease are still these, write these records and append these events." Every rule is the
//! caller's; an engine holds none. An engine must never lose a durable commit that it acknowledged, and never answer
//! *denied* for one that it can't tell.

use crate::domain::event::Event;
use crate::domain::ids::{CommitId, InstanceId, LeaseEpoch, PartnerId, SwitchId};
pub use crate::domain::liveness::Heartbeat;
use crate::domain::record::{Index, Key, Record, Tag};
use async_trait::async_trait;

/// A record and its version: the commit that wrote it. Versions are never used twice, so a record that was deleted and
/// made again is not mistaken for the one that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The commit that wrote it.
    pub version: CommitId,
    /// The record.
    pub record: Record,
}

/// What must still be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Of this record:
    pub key: Key,
    /// this is the version, or there is none.
    pub version: Option<CommitId>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Makes or replaces a record.
    Put(Key, Record),
    /// Removes a record, if it is there.
    Delete(Key),
    /// Makes a member of a set, or moves it to another score.
    Include {
        /// The set.
        index: Index,
        /// The member.
        member: String,
        /// Where it stands; members are read in ascending order.
        score: u64,
    },
    /// Takes a member out, if it is in.
    Exclude {
        /// The set.
        index: Index,
        /// The member.
        member: String,
    },
}

impl Write {
    /// The tag that it changes.
    #[must_use]
    pub fn tag(&self) -> Tag {
        match self {
            Self::Put(key, _) | Self::Delete(key) => key.tag(),
            Self::Include { index, .. } | Self::Exclude { index, .. } => index.tag(),
        }
    }
}

/// What must survive a power cut before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// This commit, and all before it.
    Durable,
    /// Nothing: the commit may be lost with the power, but never with the process alone, and never without all that
    /// came after it. For what a restart would find out again.
    Lazy,
}

/// When a commit of a row is applied, on an engine that goes tag by tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// After all before it.
    InTurn,
    /// After all before it, and maybe at the same time as the one after it: that one may be applied when this one is
    /// denied. For what nobody looks for before the row is done, and a repeat of the row makes good.
    BesideNext,
}

/// One atomic change under one tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its own id: the repeat of an applied commit answers that it is applied, and does nothing.
    pub id: CommitId,
    /// What it changes. Every write is under this tag; events go to their partner's.
    pub tag: Tag,
    /// The lease under which it writes, for tags that are leased.
    pub lease: Option<LeaseEpoch>,
    /// What must still be so.
    pub expect: Vec<Expectation>,
    /// What changes.
    pub writes: Vec<Write>,
    /// What partners are told: kept in the same step, and in a partner's stream as soon as the engine can. Appending
    /// an event makes its [`crate::domain::delivery::DeliveryRecord`] with the partner's next sequence number, and
    /// includes its id in [`Index::Due`] with the event's time as its score.
    pub events: Vec<Event>,
    /// What must survive.
    pub durability: Durability,
    /// When it is applied, in a row.
    pub order: Order,
}

/// Why a commit was denied. Nothing of it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// This record has another version by now.
    Stale(Key),
    /// The tag has a later lease.
    Fenced {
        /// This one.
        current: LeaseEpoch,
    },
}

/// Why a commit, or a row of them, is not known to be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A rule said no to commit number `index`. Those before it are done where the engine can't span tags, and not
    /// done where it can.
    #[error("commit {index} of the row was denied: {why:?}")]
    Denied {
        /// Which of the row, from 0.
        index: usize,
        /// Why.
        why: Denial,
    },
    /// The store could not be asked, or did not answer: done or not, nobody knows. Repeat it under the same id.
    #[error("the store did not answer: {0}")]
    Unknown(String),
}

impl CommitError {
    /// Of a row that went commit by commit: what was said of this one.
    #[must_use]
    pub fn at(self, index: usize) -> Self {
        match self {
            Self::Denied { why, .. } => Self::Denied { index, why },
            unknown @ Self::Unknown(_) => unknown,
        }
    }
}

/// The store could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store can't be read: {0}")]
pub struct StoreUnavailable(pub String);

/// A member of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The member.
    pub member: String,
    /// Where it stands.
    pub score: u64,
}

/// What came of claiming a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// It is the claimant's, under this epoch.
    Taken(LeaseEpoch),
    /// Somebody else has it, and nothing has changed.
    Held {
        /// This one.
        by: InstanceId,
    },
}

/// Where everything that was accepted is.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Reads records, in the order of `keys`; `None` where there is none. Keys of one tag are one snapshot.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreUnavailable>;

    /// Applies the commits of a row in their order: all or none where the engine spans tags, else one after another
    /// until one is denied, as far as their [`Order`] says so. So a row of claim, propose and confirm is one transaction on one engine and three safe
    /// steps on another. Returns once the last durable one would survive.
    ///
    /// # Errors
    /// [`CommitError`].
    async fn commit(&self, row: Vec<Commit>) -> Result<(), CommitError>;

    /// The first `limit` members, by ascending score and then by name.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    async fn members(&self, index: &Index, limit: usize) -> Result<Vec<Member>, StoreUnavailable>;

    /// Switches whose [`Index::Work`] isn't empty.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    async fn switches_with_work(&self) -> Result<Vec<SwitchId>, StoreUnavailable>;

    /// Partners whose [`Index::Due`] isn't empty.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    async fn partners_with_due(&self) -> Result<Vec<PartnerId>, StoreUnavailable>;

    /// Claims the tag's lease. It is taken, under the next epoch, when nobody holds it, or the claimant itself does, or
    /// its holder is `displaced`: from then on every commit under an earlier epoch is fenced. Otherwise it is
    /// held, and nothing changes. An engine that only one process can open has no other living holder, and
    /// always takes.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    async fn claim_lease(
        &self,
        tag: &Tag,
        claimant: InstanceId,
        displaced: Option<InstanceId>,
    ) -> Result<Claimed, StoreUnavailable>;

    /// Gives a lease back: nobody holds it afterwards, if `epoch` is still the last that was taken; else nothing changes.
    /// The epoch never goes back, and commits under the one that was given back are fenced only when a later one is
    /// taken.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    async fn release_lease(&self, tag: &Tag, epoch: LeaseEpoch) -> Result<(), StoreUnavailable>;

    /// Adds one to the instance's counter, which begins at 0, and answers the counters of all instances in the census.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    async fn beat(&self, instance: InstanceId) -> Result<Vec<Heartbeat>, StoreUnavailable>;

    /// Takes an instance out of the census: it stops, or it has been dead for long. Its leases stay as they are.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    async fn leave(&self, instance: InstanceId) -> Result<(), StoreUnavailable>;

    /// Whether other processes may use the same store at the same time.
    fn is_shared(&self) -> bool;

    /// Whether it answers.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    async fn ping(&self) -> Result<(), StoreUnavailable>;
}

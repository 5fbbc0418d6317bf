//! The contract suite: what every engine must do, as facts about [`Store`], each on an empty store.
//!
//! It knows the trait alone: nothing here may name an engine, look behind one, or ask for more than the trait says.
//! What engines may do differently is said by [`Rows`] and [`Processes`].

mod commits;
mod events;
mod indexes;
mod leases;

use std::sync::Arc;
use std::time::{Duration, Instant};
use switchyard_actors::domain::event::Event;
use switchyard_actors::domain::ids::{
    CommitId, EventId, InstanceId, LeaseEpoch, PartnerId, PortName, PortRef, SubscriptionId, SwitchId,
};
use switchyard_actors::domain::record::{Index, Key, PortRecord, Record, Tag};
use switchyard_actors::domain::time::UnixMillis;
use switchyard_actors::ports::store::{
    Claimed, Commit, CommitError, Denial, Durability, Expectation, Order, Store, Write,
};
use uuid::Uuid;

/// What the engine promises for a row whose commits are under several tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// All or none.
    SpanTags,
    /// One after another, until one is denied.
    GoTagByTag,
}

/// How many processes may use the engine's data at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processes {
    /// One: whoever held a lease before is gone, and a claim always takes.
    One,
    /// Any number: a lease that is held is not taken, unless its holder is displaced.
    Many,
}

/// How long a fact waits for what an engine may do later.
const PATIENCE: Duration = Duration::from_secs(10);

/// Checks every fact, each on a store that `make` gives, empty.
///
/// # Panics
/// When a fact is not so.
pub async fn run_all(make: impl AsyncFn() -> Arc<dyn Store>, rows: Rows, processes: Processes) {
    commits::a_commit_is_the_version_of_what_it_wrote(&*make().await).await;
    commits::a_stale_expectation_is_denied_and_nothing_is_done(&*make().await).await;
    commits::a_record_that_was_deleted_and_made_again_is_another(&*make().await).await;
    commits::a_deleted_record_is_gone_with_its_version(&*make().await).await;
    commits::a_repeat_answers_applied_and_does_nothing(&*make().await).await;
    commits::a_denied_commit_may_be_sent_again_under_its_id(&*make().await).await;
    commits::a_later_commit_of_a_row_sees_the_earlier_ones(&*make().await).await;
    commits::a_row_that_was_applied_in_part_is_completed_by_its_repeat(&*make().await).await;
    commits::a_denied_row_does_nothing_where_rows_span_tags(&*make().await, rows).await;
    commits::of_64_commits_on_one_version_exactly_one_wins(&*make().await).await;
    commits::the_keys_of_one_tag_are_one_snapshot(&*make().await).await;
    commits::a_lazy_commit_is_there_for_the_durable_one_after_it(&*make().await).await;
    commits::an_empty_row_is_applied(&*make().await).await;
    leases::an_earlier_lease_is_fenced_and_a_commit_without_one_is_not(&*make().await).await;
    leases::epochs_grow_by_one_for_each_tag_by_itself(&*make().await).await;
    leases::no_epoch_is_given_twice(&*make().await).await;
    leases::a_lease_of_anothers_is_taken_only_where_one_process_can_be(&*make().await, processes).await;
    leases::a_displaced_holder_loses_its_lease_and_is_fenced(&*make().await).await;
    leases::only_the_holder_that_was_seen_is_displaced(&*make().await, processes).await;
    leases::a_released_lease_is_free_and_its_epoch_is_not_given_again(&*make().await).await;
    leases::commits_under_a_released_lease_are_fenced_only_by_a_later_one(&*make().await).await;
    leases::releasing_a_stale_epoch_does_nothing(&*make().await, processes).await;
    leases::an_engine_says_whether_it_is_shared(&*make().await, processes);
    leases::heartbeats_count_and_all_are_seen(&*make().await).await;
    leases::who_left_is_not_in_the_census(&*make().await).await;
    events::an_event_becomes_a_delivery_that_is_due(&*make().await).await;
    events::an_event_is_appended_once(&*make().await).await;
    events::a_denied_commit_tells_nobody(&*make().await).await;
    events::sequence_numbers_have_no_gap_under_concurrency(&*make().await).await;
    events::each_partner_has_its_own_sequence(&*make().await).await;
    indexes::members_come_by_score_and_then_by_name(&*make().await).await;
    indexes::a_member_stands_in_one_place(&*make().await).await;
    indexes::an_excluded_member_is_out_and_excluding_again_is_harmless(&*make().await).await;
    indexes::only_switches_with_work_are_listed(&*make().await).await;
    indexes::only_partners_with_something_due_are_listed(&*make().await).await;
    make().await.ping().await.expect("it answers");
}

/// A commit in the making.
#[derive(Debug, Clone)]
pub struct Draft(Commit);

impl Draft {
    /// A durable commit under the tag, with an id of its own, that does nothing yet.
    #[must_use]
    pub fn on(tag: Tag) -> Self {
        Self(Commit {
            id: CommitId(Uuid::new_v4()),
            tag,
            lease: None,
            expect: Vec::new(),
            writes: Vec::new(),
            events: Vec::new(),
            durability: Durability::Durable,
            order: Order::InTurn,
        })
    }

    /// One that puts a port's record, whatever is there.
    #[must_use]
    pub fn putting(key: &Key, value: u128) -> Self {
        Self::on(key.tag()).put(key, value)
    }

    /// Expects a version.
    #[must_use]
    pub fn expect(mut self, key: &Key, version: Option<CommitId>) -> Self {
        self.0.expect.push(Expectation { key: key.clone(), version });
        self
    }

    /// Puts a port's record that holds `value`.
    #[must_use]
    pub fn put(self, key: &Key, value: u128) -> Self {
        let record = port_record(key, value);
        self.write(Write::Put(key.clone(), record))
    }

    /// Adds a write.
    #[must_use]
    pub fn write(mut self, write: Write) -> Self {
        self.0.writes.push(write);
        self
    }

    /// Includes a member.
    #[must_use]
    pub fn include(self, index: &Index, member: &str, score: u64) -> Self {
        self.write(Write::Include { index: index.clone(), member: member.to_owned(), score })
    }

    /// Excludes a member.
    #[must_use]
    pub fn exclude(self, index: &Index, member: &str) -> Self {
        self.write(Write::Exclude { index: index.clone(), member: member.to_owned() })
    }

    /// Tells a partner.
    #[must_use]
    pub fn tell(mut self, event: Event) -> Self {
        self.0.events.push(event);
        self
    }

    /// Writes under a lease.
    #[must_use]
    pub fn under(mut self, lease: LeaseEpoch) -> Self {
        self.0.lease = Some(lease);
        self
    }

    /// Need not survive.
    #[must_use]
    pub fn lazy(mut self) -> Self {
        self.0.durability = Durability::Lazy;
        self
    }

    /// The commit's id.
    #[must_use]
    pub fn id(&self) -> CommitId {
        self.0.id
    }

    /// The commit.
    #[must_use]
    pub fn commit(self) -> Commit {
        self.0
    }

    /// Commits it as a row of one; it must be applied. Answers its id.
    ///
    /// # Panics
    /// When it isn't.
    pub async fn apply(self, store: &dyn Store) -> CommitId {
        let id = self.id();
        store.commit(vec![self.0]).await.expect("nothing speaks against it");
        id
    }

    /// Commits it as a row of one; it must be denied. Answers why.
    ///
    /// # Panics
    /// When it isn't.
    pub async fn denial(self, store: &dyn Store) -> Denial {
        match store.commit(vec![self.0]).await {
            Err(CommitError::Denied { index: 0, why }) => why,
            other => panic!("denied was expected, seen was {other:?}"),
        }
    }
}

/// A switch.
///
/// # Panics
/// When the name is not accepted.
#[must_use]
pub fn switch(name: &str) -> SwitchId {
    SwitchId::parse(name).expect("a switch name")
}

/// The key of a port's record.
///
/// # Panics
/// When a name is not accepted.
#[must_use]
pub fn port(on: &str, name: &str) -> Key {
    let port = PortName::parse(name).expect("a port name");
    Key::Port(PortRef { switch: switch(on), port })
}

fn port_record(key: &Key, value: u128) -> Record {
    let Key::Port(at) = key else { panic!("{key} is not a port's") };
    let holder = Some(SubscriptionId(Uuid::from_u128(value)));
    Record::Port(PortRecord { holder, ..PortRecord::new(at.clone()) })
}

/// An event with an id of its own.
#[must_use]
pub fn event(partner: PartnerId, at: u64) -> Event {
    let id = EventId(Uuid::new_v4());
    Event { id, partner, at: UnixMillis(at), body: format!(r#"{{"id":"{id}"}}"#) }
}

/// An instance, by a number.
#[must_use]
pub fn instance(number: u128) -> InstanceId {
    InstanceId(Uuid::from_u128(number))
}

/// Claims a lease, which must be taken.
///
/// # Panics
/// When it isn't.
pub async fn claim(store: &dyn Store, tag: &Tag, claimant: InstanceId) -> LeaseEpoch {
    match store.claim_lease(tag, claimant, None).await.expect("it answers") {
        Claimed::Taken(epoch) => epoch,
        held @ Claimed::Held { .. } => panic!("{claimant} was to take {tag}, seen was {held:?}"),
    }
}

/// A partner of its own.
#[must_use]
pub fn partner() -> PartnerId {
    PartnerId(Uuid::new_v4())
}

/// The version and the value of a port's record.
///
/// # Panics
/// When the store can't be read, or holds something else there.
pub async fn stored(store: &dyn Store, key: &Key) -> Option<(CommitId, u128)> {
    let read = store.read(std::slice::from_ref(key)).await.expect("the store can be read");
    let [found] = &read[..] else { panic!("one key, one answer: {read:?}") };
    found.as_ref().map(|stored| (stored.version, value_of(&stored.record)))
}

/// The value of a port's record.
///
/// # Panics
/// When it is no port's.
#[must_use]
pub fn value_of(record: &Record) -> u128 {
    match record {
        Record::Port(PortRecord { holder: Some(SubscriptionId(id)), .. }) => id.as_u128(),
        other => panic!("a held port was expected, seen was {other:?}"),
    }
}

/// The names of an index's members, in order.
async fn names(store: &dyn Store, index: &Index) -> Vec<String> {
    let members = store.members(index, usize::MAX).await.expect("the store can be read");
    members.into_iter().map(|member| member.member).collect()
}

/// Waits until `seen` gives something.
async fn eventually<T>(what: &str, seen: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = seen().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_actors::testing::RecordingStore;

    /// What the graph is tested on must not be kinder than what it runs on.
    #[tokio::test]
    async fn the_recording_store_keeps_the_contract() {
        let one = async || Arc::new(RecordingStore::default()) as Arc<dyn Store>;
        run_all(one, Rows::SpanTags, Processes::One).await;
        let many = async || Arc::new(RecordingStore::shared()) as Arc<dyn Store>;
        run_all(many, Rows::SpanTags, Processes::Many).await;
        let tag_by_tag = async || Arc::new(RecordingStore::shared().rows_go_tag_by_tag()) as Arc<dyn Store>;
        run_all(tag_by_tag, Rows::GoTagByTag, Processes::Many).await;
    }
}

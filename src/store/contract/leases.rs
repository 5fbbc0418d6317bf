//! Facts about leases, their holders, and the census of those who live.

use super::{Draft, Processes, claim, instance, port, stored};
use futures_util::future::join_all;
use std::collections::BTreeSet;
use switchyard_actors::domain::ids::{InstanceId, LeaseEpoch};
use switchyard_actors::domain::record::Tag;
use switchyard_actors::ports::store::{Claimed, Denial, Heartbeat, Store};

async fn ask(store: &dyn Store, tag: &Tag, claimant: InstanceId, displaced: Option<InstanceId>) -> Claimed {
    store.claim_lease(tag, claimant, displaced).await.expect("it answers")
}

async fn release(store: &dyn Store, tag: &Tag, epoch: LeaseEpoch) {
    store.release_lease(tag, epoch).await.expect("it answers");
}

pub async fn an_earlier_lease_is_fenced_and_a_commit_without_one_is_not(store: &dyn Store) {
    let (key, holder) = (port("s", "1"), instance(1));
    let first = claim(store, &key.tag(), holder).await;
    Draft::putting(&key, 1).under(first).apply(store).await;
    let second = claim(store, &key.tag(), holder).await;
    let late = Draft::putting(&key, 2).under(first);
    assert_eq!(late.denial(store).await, Denial::Fenced { current: second });
    let without = Draft::putting(&key, 3).apply(store).await;
    assert_eq!(stored(store, &key).await, Some((without, 3)));
    let held = Draft::putting(&key, 4).under(second).apply(store).await;
    assert_eq!(stored(store, &key).await, Some((held, 4)));
}

pub async fn epochs_grow_by_one_for_each_tag_by_itself(store: &dyn Store) {
    let (one, two) = (port("s1", "1").tag(), port("s2", "1").tag());
    for (tag, epoch) in [(&one, 1), (&one, 2), (&two, 1), (&one, 3)] {
        assert_eq!(claim(store, tag, instance(1)).await, LeaseEpoch(epoch));
    }
}

pub async fn no_epoch_is_given_twice(store: &dyn Store) {
    let tag = port("s", "1").tag();
    let taken = join_all((0..32).map(|_| claim(store, &tag, instance(1)))).await;
    let epochs: BTreeSet<_> = taken.into_iter().collect();
    assert_eq!(epochs, (1..=32).map(LeaseEpoch).collect());
}

pub async fn a_lease_of_anothers_is_taken_only_where_one_process_can_be(
    store: &dyn Store,
    processes: Processes,
) {
    let (key, one, other) = (port("s", "1"), instance(1), instance(2));
    let first = claim(store, &key.tag(), one).await;
    let answer = ask(store, &key.tag(), other, None).await;
    match processes {
        Processes::One => assert_eq!(answer, Claimed::Taken(LeaseEpoch(first.0 + 1))),
        Processes::Many => {
            assert_eq!(answer, Claimed::Held { by: one });
            Draft::putting(&key, 1).under(first).apply(store).await;
            assert_eq!(claim(store, &key.tag(), one).await, LeaseEpoch(first.0 + 1));
        }
    }
}

pub async fn a_displaced_holder_loses_its_lease_and_is_fenced(store: &dyn Store) {
    let (key, one, other) = (port("s", "1"), instance(1), instance(2));
    let first = claim(store, &key.tag(), one).await;
    let second = LeaseEpoch(first.0 + 1);
    assert_eq!(ask(store, &key.tag(), other, Some(one)).await, Claimed::Taken(second));
    let late = Draft::putting(&key, 2).under(first);
    assert_eq!(late.denial(store).await, Denial::Fenced { current: second });
    Draft::putting(&key, 3).under(second).apply(store).await;
}

pub async fn only_the_holder_that_was_seen_is_displaced(store: &dyn Store, processes: Processes) {
    let tag = port("s", "1").tag();
    claim(store, &tag, instance(1)).await;
    let answer = ask(store, &tag, instance(3), Some(instance(2))).await;
    match processes {
        Processes::One => assert_eq!(answer, Claimed::Taken(LeaseEpoch(2))),
        Processes::Many => assert_eq!(answer, Claimed::Held { by: instance(1) }),
    }
}

pub async fn a_released_lease_is_free_and_its_epoch_is_not_given_again(store: &dyn Store) {
    let tag = port("s", "1").tag();
    release(store, &tag, LeaseEpoch(1)).await;
    let first = claim(store, &tag, instance(1)).await;
    release(store, &tag, first).await;
    release(store, &tag, first).await;
    assert_eq!(claim(store, &tag, instance(2)).await, LeaseEpoch(first.0 + 1));
}

pub async fn commits_under_a_released_lease_are_fenced_only_by_a_later_one(store: &dyn Store) {
    let key = port("s", "1");
    let first = claim(store, &key.tag(), instance(1)).await;
    release(store, &key.tag(), first).await;
    Draft::putting(&key, 1).under(first).apply(store).await;
    let second = claim(store, &key.tag(), instance(2)).await;
    let late = Draft::putting(&key, 2).under(first);
    assert_eq!(late.denial(store).await, Denial::Fenced { current: second });
}

pub async fn releasing_a_stale_epoch_does_nothing(store: &dyn Store, processes: Processes) {
    let (tag, one, other) = (port("s", "1").tag(), instance(1), instance(2));
    let first = claim(store, &tag, one).await;
    let second = claim(store, &tag, one).await;
    release(store, &tag, first).await;
    let answer = ask(store, &tag, other, None).await;
    match processes {
        Processes::One => assert_eq!(answer, Claimed::Taken(LeaseEpoch(second.0 + 1))),
        Processes::Many => assert_eq!(answer, Claimed::Held { by: one }),
    }
}

pub fn an_engine_says_whether_it_is_shared(store: &dyn Store, processes: Processes) {
    assert_eq!(store.is_shared(), processes == Processes::Many);
}

async fn beat(store: &dyn Store, who: InstanceId) -> BTreeSet<(InstanceId, u64)> {
    let beats = store.beat(who).await.expect("it answers");
    beats.into_iter().map(|Heartbeat { instance, count }| (instance, count)).collect()
}

pub async fn heartbeats_count_and_all_are_seen(store: &dyn Store) {
    let (one, other) = (instance(1), instance(2));
    assert_eq!(beat(store, one).await, BTreeSet::from([(one, 1)]));
    assert_eq!(beat(store, one).await, BTreeSet::from([(one, 2)]));
    assert_eq!(beat(store, other).await, BTreeSet::from([(one, 2), (other, 1)]));
    assert_eq!(beat(store, one).await, BTreeSet::from([(one, 3), (other, 1)]));
}

pub async fn who_left_is_not_in_the_census(store: &dyn Store) {
    let (one, other) = (instance(1), instance(2));
    beat(store, one).await;
    beat(store, other).await;
    store.leave(one).await.expect("it answers");
    store.leave(instance(3)).await.expect("it answers");
    assert_eq!(beat(store, other).await, BTreeSet::from([(other, 2)]));
    assert_eq!(beat(store, one).await, BTreeSet::from([(one, 1), (other, 2)]));
}

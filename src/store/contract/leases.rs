//! Facts about leases.

use super::{Draft, port, stored};
use futures_util::future::join_all;
use std::collections::BTreeSet;
use switchyard_actors::domain::ids::LeaseEpoch;
use switchyard_actors::ports::store::{Denial, Store};

pub async fn an_earlier_lease_is_fenced_and_a_commit_without_one_is_not(store: &dyn Store) {
    let key = port("s", "1");
    let first = store.take_lease(&key.tag()).await.expect("it answers");
    Draft::putting(&key, 1).under(first).apply(store).await;
    let second = store.take_lease(&key.tag()).await.expect("it answers");
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
        assert_eq!(store.take_lease(tag).await, Ok(LeaseEpoch(epoch)));
    }
}

pub async fn no_epoch_is_given_twice(store: &dyn Store) {
    let tag = port("s", "1").tag();
    let taken = join_all((0..32).map(|_| store.take_lease(&tag))).await;
    let epochs: BTreeSet<_> = taken.into_iter().map(|epoch| epoch.expect("it answers")).collect();
    assert_eq!(epochs, (1..=32).map(LeaseEpoch).collect());
}

//! Facts about commits, versions, repeats and rows.

use super::{Draft, Rows, partner, port, stored, value_of};
use futures_util::future::join_all;
use switchyard_actors::domain::ids::CommitId;
use switchyard_actors::domain::record::Key;
use switchyard_actors::ports::store::{CommitError, Denial, Store, Write};
use uuid::Uuid;

pub async fn a_commit_is_the_version_of_what_it_wrote(store: &dyn Store) {
    let (one, two) = (port("s", "1"), port("s", "2"));
    assert_eq!(stored(store, &one).await, None);
    let first = Draft::putting(&one, 1).put(&two, 2).apply(store).await;
    let second = Draft::putting(&two, 3).expect(&two, Some(first)).apply(store).await;
    assert_eq!(stored(store, &one).await, Some((first, 1)));
    assert_eq!(stored(store, &two).await, Some((second, 3)));
}

pub async fn a_stale_expectation_is_denied_and_nothing_is_done(store: &dyn Store) {
    let (one, two) = (port("s", "1"), port("s", "2"));
    let first = Draft::putting(&one, 1).apply(store).await;
    let made_already = Draft::putting(&one, 2).expect(&one, None).put(&two, 2);
    assert_eq!(made_already.denial(store).await, Denial::Stale(one.clone()));
    let never_written = CommitId(Uuid::new_v4());
    let stale = Draft::putting(&two, 2).expect(&one, Some(first)).expect(&two, Some(never_written));
    assert_eq!(stale.denial(store).await, Denial::Stale(two.clone()));
    assert_eq!(stored(store, &one).await, Some((first, 1)));
    assert_eq!(stored(store, &two).await, None);
}

pub async fn a_record_that_was_deleted_and_made_again_is_another(store: &dyn Store) {
    let key = port("s", "1");
    let first = Draft::putting(&key, 1).apply(store).await;
    Draft::on(key.tag()).expect(&key, Some(first)).write(Write::Delete(key.clone())).apply(store).await;
    Draft::putting(&key, 1).expect(&key, None).apply(store).await;
    let late = Draft::putting(&key, 2).expect(&key, Some(first));
    assert_eq!(late.denial(store).await, Denial::Stale(key));
}

pub async fn a_deleted_record_is_gone_with_its_version(store: &dyn Store) {
    let key = port("s", "1");
    let first = Draft::putting(&key, 1).apply(store).await;
    Draft::on(key.tag()).write(Write::Delete(key.clone())).apply(store).await;
    assert_eq!(stored(store, &key).await, None);
    assert_eq!(
        Draft::putting(&key, 2).expect(&key, Some(first)).denial(store).await,
        Denial::Stale(key.clone())
    );
    Draft::on(key.tag()).write(Write::Delete(key.clone())).apply(store).await;
}

pub async fn a_repeat_answers_applied_and_does_nothing(store: &dyn Store) {
    let key = port("s", "1");
    let first = Draft::putting(&key, 1).expect(&key, None).tell(super::event(partner(), 1));
    let commit = first.clone().commit();
    let made = first.clone().apply(store).await;
    store.commit(vec![commit.clone()]).await.expect("applied already");
    assert_eq!(stored(store, &key).await, Some((made, 1)));
    let second = Draft::putting(&key, 2).expect(&key, Some(made)).apply(store).await;
    store.commit(vec![commit.clone(), commit]).await.expect("applied, and overwritten since");
    assert_eq!(stored(store, &key).await, Some((second, 2)));
}

pub async fn a_denied_commit_may_be_sent_again_under_its_id(store: &dyn Store) {
    let (key, other) = (port("s", "1"), port("s", "2"));
    let seed = Draft::putting(&other, 7);
    let draft = Draft::putting(&key, 1).expect(&other, Some(seed.id()));
    assert_eq!(draft.clone().denial(store).await, Denial::Stale(other));
    seed.apply(store).await;
    let id = draft.apply(store).await;
    assert_eq!(stored(store, &key).await, Some((id, 1)));
}

pub async fn a_later_commit_of_a_row_sees_the_earlier_ones(store: &dyn Store) {
    let key = port("s", "1");
    let make = Draft::putting(&key, 1).expect(&key, None);
    let change = Draft::putting(&key, 2).expect(&key, Some(make.id()));
    let delete = Draft::on(key.tag()).expect(&key, Some(change.id())).write(Write::Delete(key.clone()));
    let again = Draft::putting(&key, 3).expect(&key, None);
    let last = again.id();
    let row = [make, change, delete, again].map(Draft::commit);
    store.commit(row.to_vec()).await.expect("each follows from the one before");
    assert_eq!(stored(store, &key).await, Some((last, 3)));
}

pub async fn a_row_that_was_applied_in_part_is_completed_by_its_repeat(store: &dyn Store) {
    let (one, two) = (port("s1", "1"), port("s2", "1"));
    let first = Draft::putting(&one, 1).expect(&one, None);
    let second = Draft::putting(&two, 2).expect(&two, None);
    let (first_id, second_id) = (first.clone().apply(store).await, second.id());
    store.commit(vec![first.commit(), second.commit()]).await.expect("the second is new");
    assert_eq!(stored(store, &one).await, Some((first_id, 1)));
    assert_eq!(stored(store, &two).await, Some((second_id, 2)));
}

pub async fn a_denied_row_does_nothing_where_rows_span_tags(store: &dyn Store, rows: Rows) {
    let (one, two, three) = (port("s1", "1"), port("s2", "1"), port("s3", "1"));
    let first = Draft::putting(&one, 1);
    let first_id = first.id();
    let denied = Draft::putting(&two, 2).expect(&two, Some(CommitId(Uuid::new_v4())));
    let row = [first, denied, Draft::putting(&three, 3)].map(Draft::commit).to_vec();
    let denial = CommitError::Denied { index: 1, why: Denial::Stale(two.clone()) };
    assert_eq!(store.commit(row).await, Err(denial));
    let left = match rows {
        Rows::SpanTags => None,
        Rows::GoTagByTag => Some((first_id, 1)),
    };
    assert_eq!(stored(store, &one).await, left);
    assert_eq!(stored(store, &two).await, None);
    assert_eq!(stored(store, &three).await, None);
}

pub async fn of_64_commits_on_one_version_exactly_one_wins(store: &dyn Store) {
    let key = port("s", "1");
    let base = Draft::putting(&key, 1_000).apply(store).await;
    let contender = |value| {
        let draft = Draft::putting(&key, value).expect(&key, Some(base));
        async move { (draft.id(), value, store.commit(vec![draft.commit()]).await) }
    };
    let answers = join_all((0..64).map(contender)).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, _, answer)| answer.is_ok());
    let [(id, value, _)] = won[..] else { panic!("one winner was expected, seen were {won:?}") };
    let denial = CommitError::Denied { index: 0, why: Denial::Stale(key.clone()) };
    assert!(lost.iter().all(|(_, _, answer)| answer.as_ref() == Err(&denial)), "{lost:?}");
    assert_eq!(stored(store, &key).await, Some((id, value)));
}

pub async fn the_keys_of_one_tag_are_one_snapshot(store: &dyn Store) {
    let keys = [port("s", "1"), port("s", "2"), port("s", "3")];
    put_all(store, &keys, 0).await;
    let writes = async {
        for value in 1..=50 {
            put_all(store, &keys, value).await;
        }
    };
    let reads = async {
        for _ in 0..50 {
            let read = store.read(&keys).await.expect("the store can be read");
            let values: Vec<_> = read.iter().flatten().map(|stored| value_of(&stored.record)).collect();
            assert!(values.len() == 3 && values.iter().all(|value| *value == values[0]), "{values:?}");
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(writes, reads);
}

async fn put_all(store: &dyn Store, keys: &[Key], value: u128) {
    let draft = keys.iter().fold(Draft::on(keys[0].tag()).lazy(), |draft, key| draft.put(key, value));
    draft.apply(store).await;
}

pub async fn a_lazy_commit_is_there_for_the_durable_one_after_it(store: &dyn Store) {
    let (one, two) = (port("s", "1"), port("s", "2"));
    let lazy = Draft::putting(&one, 1).lazy().apply(store).await;
    assert_eq!(stored(store, &one).await, Some((lazy, 1)));
    let durable = Draft::putting(&two, 2).expect(&one, Some(lazy)).apply(store).await;
    assert_eq!(stored(store, &two).await, Some((durable, 2)));
}

pub async fn an_empty_row_is_applied(store: &dyn Store) {
    assert_eq!(store.commit(Vec::new()).await, Ok(()));
    assert_eq!(store.read(&[]).await, Ok(Vec::new()));
}

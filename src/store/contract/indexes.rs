//! Facts about indexes.

use super::{Draft, event, eventually, names, partner, switch};
use switchyard_actors::domain::record::{Index, Tag};
use switchyard_actors::ports::store::{Member, Store};

fn work(on: &str) -> (Index, Draft) {
    let index = Index::Work(switch(on));
    let draft = Draft::on(index.tag());
    (index, draft)
}

pub async fn members_come_by_score_and_then_by_name(store: &dyn Store) {
    let (index, draft) = work("s");
    let draft = draft.include(&index, "late", u64::MAX).include(&index, "b", 256).include(&index, "a", 256);
    draft.include(&index, "z", 2).include(&index, "now", 0).apply(store).await;
    // The neighbours in any order of names.
    for neighbour in ["r", "s-", "s0"] {
        let (index, draft) = work(neighbour);
        draft.include(&index, "not ours", 1).apply(store).await;
    }
    assert_eq!(names(store, &index).await, ["now", "z", "a", "b", "late"]);
    let first = store.members(&index, 2).await.expect("the store can be read");
    let member = |member: &str, score| Member { member: member.to_owned(), score };
    assert_eq!(first, [member("now", 0), member("z", 2)]);
    assert_eq!(store.members(&index, 0).await, Ok(Vec::new()));
}

pub async fn a_member_stands_in_one_place(store: &dyn Store) {
    let (index, draft) = work("s");
    draft.include(&index, "a", 1).include(&index, "b", 2).apply(store).await;
    let (_, draft) = work("s");
    draft.include(&index, "a", 5).include(&index, "a", 3).apply(store).await;
    let members = store.members(&index, 10).await.expect("the store can be read");
    let seen: Vec<_> = members.iter().map(|member| (member.member.as_str(), member.score)).collect();
    assert_eq!(seen, [("b", 2), ("a", 3)]);
}

pub async fn an_excluded_member_is_out_and_excluding_again_is_harmless(store: &dyn Store) {
    let (index, draft) = work("s");
    draft.include(&index, "a", 1).include(&index, "b", 2).apply(store).await;
    for _ in 0..2 {
        let (_, draft) = work("s");
        draft.exclude(&index, "a").apply(store).await;
        assert_eq!(names(store, &index).await, ["b"]);
    }
    let (_, draft) = work("s");
    draft.include(&index, "a", 1).apply(store).await;
    assert_eq!(names(store, &index).await, ["a", "b"]);
}

pub async fn only_switches_with_work_are_listed(store: &dyn Store) {
    for name in ["s1", "s10", "s1.x", "s2"] {
        let (index, draft) = work(name);
        draft.include(&index, "a", 1).include(&index, "b", 2).apply(store).await;
    }
    let (index, draft) = work("s2");
    draft.exclude(&index, "a").exclude(&index, "b").apply(store).await;
    Draft::on(Tag::Inventory).include(&Index::Switches, "s3", 0).apply(store).await;
    let mut switches = store.switches_with_work().await.expect("the store can be read");
    switches.sort();
    assert_eq!(switches, ["s1", "s1.x", "s10"].map(switch));
}

pub async fn only_partners_with_something_due_are_listed(store: &dyn Store) {
    let (due, dead) = (partner(), partner());
    let index = Index::Dead(dead);
    Draft::on(index.tag()).include(&index, "a", 1).apply(store).await;
    Draft::on(switch_tag()).tell(event(due, 1)).tell(event(due, 2)).apply(store).await;
    let listed = async || {
        let partners = store.partners_with_due().await.expect("the store can be read");
        (!partners.is_empty()).then_some(partners)
    };
    assert_eq!(eventually("a partner", listed).await, [due]);
}

fn switch_tag() -> Tag {
    Tag::Switch(switch("s"))
}

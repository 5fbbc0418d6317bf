//! Invariant 9.
//!
//! Two partners never see each other's ids: no answer or webhook to one carries an id that is the other's. That
//! a partner is refused what it named itself is no news to it.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::super::case::Case;
use super::super::casebook::Casebook;
use super::super::docket::Docket;
use super::super::history::Recipient;
use super::super::moment::Moment;
use super::super::report::Verdict;
use super::super::story::Story;

/// Bytes that a partner got, and about what.
struct Seen<'b, 'h> {
    by: Uuid,
    case: &'b Case<'h>,
    at: Moment,
    what: &'static str,
    ids: BTreeSet<Uuid>,
}

pub(super) fn judge(book: &Casebook<'_>) -> Verdict {
    let mut docket = Docket::open(book);
    let owners = owners(book);
    let partners: BTreeSet<Uuid> = owners.values().copied().collect();
    for case in book.cases.values() {
        for seen in seen_about(case) {
            docket.looked_at("answers and webhooks", 1);
            let is_foreign = |id: &&Uuid| owners.get(*id).is_some_and(|owner| *owner != seen.by);
            if let Some(id) = seen.ids.iter().find(is_foreign) {
                report(&mut docket, &seen, *id, owners[id]);
            }
        }
    }
    docket.close_if(partners.len() > 1, "there were not two partners")
}

/// Whose each id is: the partner's that was first told it in a 2xx or an event about a key of its own.
fn owners(book: &Casebook<'_>) -> BTreeMap<Uuid, Uuid> {
    let mut owners: BTreeMap<Uuid, Uuid> =
        book.history.partners.iter().map(|known| (known.id, known.id)).collect();
    for case in book.cases.values() {
        owners.entry(case.key.partner).or_insert(case.key.partner);
        for id in case.subscriptions().into_iter().chain(case.jobs()) {
            owners.entry(id).or_insert(case.key.partner);
        }
        for id in case.events.iter().filter_map(|event| event.id.parse().ok()) {
            owners.entry(id).or_insert(case.key.partner);
        }
    }
    owners
}

fn seen_about<'b, 'h>(case: &'b Case<'h>) -> Vec<Seen<'b, 'h>> {
    let own = case.key.partner;
    let mut seen = Vec::new();
    for (_, answer) in case.answers() {
        seen.push(Seen { by: own, case, at: answer.at, what: "an answer", ids: uuids_in(&answer.body) });
    }
    for (call, answer) in case.calls.iter().filter_map(|call| Some((call, call.reply.answer()?))) {
        let mut ids = uuids_in(&answer.body);
        if call.reply.is_refusal() {
            ids.remove(&call.subscription);
        }
        seen.push(Seen { by: call.partner, case, at: answer.at, what: "an answer", ids });
    }
    for event in &case.events {
        let by = match event.delivery.to {
            Recipient::Partner(partner) => partner,
            Recipient::Shared => own,
        };
        let mut ids = uuids_in(&event.delivery.body);
        ids.extend(event.id.parse::<Uuid>().ok());
        seen.push(Seen { by, case, at: event.delivery.at, what: "a webhook", ids });
    }
    seen
}

fn report(docket: &mut Docket<'_, '_>, seen: &Seen<'_, '_>, id: Uuid, owner: Uuid) {
    let book = docket.book;
    let what = format!("{} to partner {} carries {id} of partner {owner}", seen.what, seen.by);
    let is_its = |case: &&Case<'_>| case.key.partner == owner && case.has(&id);
    let story = || {
        let case = book.cases.values().find(is_its).unwrap_or(seen.case);
        let beside = format!("{} to partner {} about {:?}", seen.what, seen.by, seen.case.key.external);
        Story::of_case(book, case).and(book, seen.at, beside)
    };
    docket.found_with(what, story);
}

/// Every UUID that is written somewhere in the bytes.
pub(super) fn uuids_in(bytes: &[u8]) -> BTreeSet<Uuid> {
    const LENGTH: usize = 36;
    let has_dashes = |window: &[u8]| [8, 13, 18, 23].iter().all(|place| window[*place] == b'-');
    let windows = bytes.windows(LENGTH).filter(|window| has_dashes(window));
    windows.filter_map(|window| Uuid::try_parse_ascii(window).ok()).collect()
}

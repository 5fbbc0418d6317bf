//! Invariant 7.
//!
//! A port has one holder: a subscription that completed holds it until somebody cancels it, and a request that comes
//! meanwhile is refused. A request is refused for a holder only when there may have been one.

use super::super::case::{Case, Fate};
use super::super::casebook::{Askers, Casebook};
use super::super::docket::Docket;
use super::super::history::{Answer, Attempt, Call, EventName, Intent, Place};
use super::super::moment::Moment;
use super::super::report::Verdict;

pub(super) fn judge(book: &Casebook<'_>) -> Verdict {
    let mut docket = Docket::open(book);
    for (place, cases) in book.by_place() {
        docket.looked_at("ports asked for", 1);
        for one in &cases {
            for two in cases.iter().filter(|two| two.key != one.key) {
                one_after_the_other(&mut docket, place, one, two);
            }
        }
    }
    let askers = book.askers();
    book.cases.values().for_each(|case| somebody_held_it(&mut docket, case, &askers));
    docket.close("no request was seen for a port that is known")
}

/// Judges the case in which `one` held the port first; the other order is another call.
fn one_after_the_other<'h>(docket: &mut Docket<'_, 'h>, place: &Place, one: &Case<'h>, two: &Case<'h>) {
    let (Fate::Completed { told }, later) = (one.fate(), two.fate()) else { return };
    let was_released_by = |moment: Moment| one.released().is_some_and(|released| released < moment);
    if let Fate::Completed { told: told_later } = later {
        // Where neither arrived, the order of the keys is as good as any.
        let is_first = (told, &one.key) < (told_later, &two.key);
        if is_first && !was_released_by(told_later.unwrap_or(two.span().from)) {
            return docket.found(two, format!("{} and {} both hold {place}", one.key, two.key));
        }
    }
    let (Some(told), Some((asked, accepted))) = (told, two.port_given()) else { return };
    let is_told_already = matches!(later, Fate::Completed { .. });
    if asked > told && !is_told_already && !was_released_by(accepted) {
        docket.found(two, format!("{} was accepted for {place}, which {} holds", two.key, one.key));
    }
}

/// As the contract words it.
const TAKEN: &[u8] = b"Location already has an active subscription";

/// A key may ask for several ports until one is taken: each refusal is about the port of its own request.
fn somebody_held_it<'h>(docket: &mut Docket<'_, 'h>, case: &Case<'h>, askers: &Askers<'_, 'h>) {
    let is_taken = |answer: &Answer| answer.status == 409 && contains(&answer.body, TAKEN);
    // Who was refused after it was taken, or was taken without a yes, is another invariant's.
    let first = case.acceptances().first().map(|(_, answer)| answer.at);
    let is_new = |attempt: &Attempt| match first {
        Some(accepted) => attempt.sent < accepted,
        None => case.fate() == Fate::NeverTaken,
    };
    let refusals = case.answers().filter(|(attempt, answer)| is_taken(answer) && is_new(attempt));
    for (attempt, answer) in refusals {
        let Some(place) = docket.book.place_of(&attempt.request.wish) else { continue };
        docket.looked_at("requests for a port that is held", 1);
        let all = askers.get(place).into_iter().flatten();
        let mut holders = all.filter(|other| may_have_held(docket.book, other, place, (attempt, answer)));
        if holders.next().is_none() {
            let what = format!("{} was told that {place} is held, and nobody can have held it", case.key);
            return docket.found(case, what);
        }
    }
}

/// Whether it had asked for the port when the answer came, and was not told to have let go before the request was sent. Also one
/// that was refused, or never answered, may have held it for the time that it took to be decided.
fn may_have_held(
    book: &Casebook<'_>,
    other: &Case<'_>,
    place: &Place,
    (attempt, answer): (&Attempt, &Answer),
) -> bool {
    let is_before = |one: &Attempt| one.sent < answer.at && !std::ptr::eq(one, attempt);
    let is_for_it = |one: &Attempt| book.place_of(&one.request.wish) == Some(place);
    let is_install = |call: &Call| matches!(call.intent, Intent::ConfirmInstall { .. });
    let has_asked = other.attempts.iter().any(|one| is_for_it(one) && is_before(one))
        || other.effective_calls().any(|call| is_install(call) && call.sent < answer.at);
    let told_by = |name: &EventName| {
        other.events.iter().any(|event| event.name == *name && event.delivery.at < attempt.sent)
    };
    let is_simple = other.effective_calls().next().is_none();
    let let_go = (other.fate() == Fate::Failed && is_simple && told_by(&EventName::Failed))
        || told_by(&EventName::Cancelled);
    has_asked && !let_go
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

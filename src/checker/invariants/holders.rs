//! Invariant 7.
//!
//! A port has one holder: a subscription that completed holds it until somebody cancels it, and a request that comes
//! meanwhile is refused.

use super::super::case::{Case, Fate};
use super::super::casebook::Casebook;
use super::super::docket::Docket;
use super::super::history::Place;
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

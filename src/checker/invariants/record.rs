//! Invariant 2.
//!
//! What a 2xx promised is found again: each accepted job comes to an outcome that its partner is told of, each home-drop is
//! told to be pending, and no repeat is refused as if nobody had ever asked.
//!
//! That something never came can only be said of a history in which everything came to rest.

use super::super::case::Case;
use super::super::casebook::Casebook;
use super::super::docket::Docket;
use super::super::event::Ids;
use super::super::history::EventName;
use super::super::report::Verdict;
use super::super::request::Wish;

const MAY_STILL_BE: &str =
    "what is missing may still have come: the history was cut short, or a dead letter names nobody";

pub(super) fn judge(book: &Casebook<'_>) -> Verdict {
    let mut docket = Docket::open(book);
    let mut accepted = 0;
    for case in book.cases.values() {
        accepted += case.acceptances().len();
        names_its_subscription(&mut docket, case);
        is_not_forgotten(&mut docket, case);
        if book.is_complete() {
            jobs_are_told_of(&mut docket, case);
            home_drop_is_told_of(&mut docket, case);
        }
    }
    docket.looked_at("answers that accepted", accepted);
    match (book.is_complete(), accepted) {
        (true, 0) => docket.close("nothing was accepted"),
        (complete, _) => docket.close_if(complete, MAY_STILL_BE),
    }
}

fn names_its_subscription<'h>(docket: &mut Docket<'_, 'h>, case: &Case<'h>) {
    let is_nameless = |body: &[u8]| Ids::of(body).subscription.is_none();
    if case.acceptances().iter().any(|(_, answer)| is_nameless(&answer.body)) {
        docket.found(
            case,
            format!("{} was accepted without a subscription that could be found again", case.key),
        );
    }
}

fn is_not_forgotten<'h>(docket: &mut Docket<'_, 'h>, case: &Case<'h>) {
    let Some((accepted, first)) = case.acceptances().into_iter().next() else { return };
    let later = case.answers().filter(|(attempt, _)| attempt.sent > first.at);
    let mut repeats = later.filter(|(attempt, _)| attempt.request.wish == accepted.request.wish);
    if let Some((_, answer)) = repeats.find(|(_, answer)| matches!(answer.status, 400 | 403 | 404 | 409)) {
        let what = format!(
            "{} was accepted, and its repeat refused with {} as if it were new",
            case.key, answer.status
        );
        docket.found(case, what);
    }
}

fn jobs_are_told_of<'h>(docket: &mut Docket<'_, 'h>, case: &Case<'h>) {
    let (promised, outcomes) = (case.promised_jobs(), case.outcomes());
    docket.looked_at("jobs promised", promised.len());
    if let Some(job) = promised.iter().find(|job| !outcomes.contains_key(job)) {
        docket.found(case, format!("job {job} was accepted, and nobody was told how it ended"));
    }
}

fn home_drop_is_told_of<'h>(docket: &mut Docket<'_, 'h>, case: &Case<'h>) {
    let Some((attempt, _)) = case.acceptances().into_iter().next() else { return };
    let is_home_drop = matches!(attempt.request.wish, Wish::HomeDrop { .. });
    docket.looked_at("home-drops promised", usize::from(is_home_drop));
    if is_home_drop && case.told(&EventName::PendingInstall).is_empty() {
        docket.found(case, format!("the home-drop {} was accepted, and never told to be pending", case.key));
    }
}

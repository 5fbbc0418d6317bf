//! Invariant 2.
//!
//! No answer of the store comes while the store is away. What a 2xx promised is found again: each accepted job comes to an outcome that its partner is told of, each home-drop is
//! told to be pending, and no repeat is refused as if nobody had ever asked.
//!
//! That something never came can only be said of a history in which everything came to rest.

use super::super::case::Case;
use super::super::casebook::Casebook;
use super::super::docket::Docket;
use super::super::event::Ids;
use super::super::history::EventName;
use super::super::moment::Span;
use super::super::report::Verdict;
use super::super::request::Wish;

const MAY_STILL_BE: &str =
    "what is missing may still have come: the history was cut short, or a dead letter names nobody";

pub(super) fn judge(book: &Casebook<'_>) -> Verdict {
    let mut docket = Docket::open(book);
    let mut accepted = 0;
    for case in book.cases.values() {
        accepted += case.acceptances().len();
        names_what_can_be_found(&mut docket, case);
        was_on_record(&mut docket, case);
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

/// A subscription, and of a port that is there a job: of a home-drop there is none yet.
fn names_what_can_be_found<'h>(docket: &mut Docket<'_, 'h>, case: &Case<'h>) {
    for (attempt, answer) in case.acceptances() {
        let (ids, key) = (Ids::of(&answer.body), &case.key);
        let what = match (&attempt.request.wish, ids.subscription, ids.job) {
            (_, None, _) => format!("{key} was accepted without a subscription that could be found again"),
            (Wish::Direct { .. }, _, None) => {
                format!("{key} was accepted without a job that could be found again")
            }
            (Wish::HomeDrop { .. }, _, Some(job)) => {
                format!("the home-drop {key} was accepted with job {job}, which nobody has asked for yet")
            }
            (Wish::Direct { .. }, _, Some(_)) | (Wish::HomeDrop { .. }, _, None) => continue,
        };
        return docket.found(case, what);
    }
}

/// While the store was away, no answer can have come from it. What is answered before the store is asked is no such answer.
fn was_on_record<'h>(docket: &mut Docket<'_, 'h>, case: &Case<'h>) {
    let outages = &docket.book.history.outages;
    for (attempt, answer) in case.answers() {
        let took = Span::new(attempt.sent, answer.at.next());
        let is_of_store = answer.is_success() || matches!(answer.status, 400 | 403 | 404 | 409);
        if is_of_store && outages.iter().any(|outage| outage.covers(took)) {
            let (key, status) = (&case.key, answer.status);
            let what = format!("{key} was answered {status} while the store was away, {took}");
            return docket.found(case, what);
        }
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

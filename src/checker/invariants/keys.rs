//! Invariant 1.
//!
//! One key: one subscription, and one provisioning job, with one more for each retry that was asked for; the same bytes for
//! each repeat; and for another wish under a used key a 409 that names the ids there are.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::super::case::{Case, Fate};
use super::super::casebook::Casebook;
use super::super::docket::Docket;
use super::super::event::Ids;
use super::super::history::{Answer, Attempt};
use super::super::report::Verdict;
use super::super::request::Key;

pub(super) fn judge(book: &Casebook<'_>) -> Verdict {
    let mut docket = Docket::open(book);
    for case in book.cases.values() {
        docket.looked_at("keys", 1);
        docket.looked_at("answers", case.answers().count());
        one_subscription(&mut docket, case);
        one_job(&mut docket, case);
        one_answer(&mut docket, case);
        another_wish_is_refused(&mut docket, case);
        somebody_asked(&mut docket, case);
    }
    ids_of_one_key_alone(&mut docket);
    docket.close("no checkout was seen")
}

fn one_subscription<'h>(docket: &mut Docket<'_, 'h>, case: &Case<'h>) {
    let subscriptions = case.subscriptions();
    if subscriptions.len() > 1 {
        docket.found(
            case,
            format!("{} shows {} subscriptions: {}", case.key, subscriptions.len(), list(&subscriptions)),
        );
    }
}

fn one_job<'h>(docket: &mut Docket<'_, 'h>, case: &Case<'h>) {
    let (jobs, allowed) = (case.jobs(), case.allowed_jobs());
    docket.looked_at("more jobs asked for", allowed - 1);
    if jobs.len() > allowed {
        let what = format!("{} shows {} jobs where {allowed} may be: {}", case.key, jobs.len(), list(&jobs));
        docket.found(case, what);
    }
}

/// The first acceptance is what every other must repeat. A repeat that crossed it on the way need not say that it is one.
fn one_answer<'h>(docket: &mut Docket<'_, 'h>, case: &Case<'h>) {
    let acceptances = case.acceptances();
    let Some(((first_attempt, first), repeats)) = acceptances.split_first() else { return };
    for (attempt, answer) in repeats {
        let what = if attempt.request.wish != first_attempt.request.wish {
            "another wish was accepted under a used key"
        } else if answer.body != first.body {
            "a repeat got other bytes than the first answer"
        } else if !answer.replayed && attempt.sent > first.at {
            "a repeat was answered as if it were the first"
        } else {
            continue;
        };
        return docket.found(case, what);
    }
}

fn another_wish_is_refused<'h>(docket: &mut Docket<'_, 'h>, case: &Case<'h>) {
    let Some((accepted, first)) = case.acceptances().into_iter().next() else { return };
    let is_other =
        |attempt: &Attempt| attempt.request.wish != accepted.request.wish && attempt.sent > first.at;
    for (_, answer) in case.answers().filter(|(attempt, _)| is_other(attempt)) {
        docket.looked_at("other wishes under a used key", 1);
        let what = match answer.status {
            409 if names_the_ids(answer, first) => continue,
            409 => "another wish under a used key got a 409 without the ids that are there",
            400 | 403 | 404 => "another wish under a used key was judged as if the key were new",
            // What answers before the key is looked at; and a 2xx is told of as another acceptance.
            _ => continue,
        };
        return docket.found(case, what);
    }
}

/// The job may be a later one: a retry's, or that of a confirmed install. Whether it is the key's, the ids together show.
fn names_the_ids(answer: &Answer, first: &Answer) -> bool {
    let (named, accepted) = (Ids::of(&answer.body), Ids::of(&first.body));
    named.subscription == accepted.subscription && (accepted.job.is_none() || named.job.is_some())
}

fn somebody_asked<'h>(docket: &mut Docket<'_, 'h>, case: &Case<'h>) {
    if case.attempts.is_empty() {
        docket.found(case, format!("there is an event for {}, which nobody asked for", case.key));
    } else if case.fate() != Fate::NeverTaken
        && case.attempts.iter().all(|attempt| attempt.reply.is_refusal())
    {
        docket.found(case, format!("{} was refused each time, and went on all the same", case.key));
    }
}

fn ids_of_one_key_alone(docket: &mut Docket<'_, '_>) {
    let book = docket.book;
    let mut owners: BTreeMap<Uuid, &Key> = BTreeMap::new();
    for case in book.cases.values() {
        for id in case.subscriptions().into_iter().chain(case.jobs()) {
            let owner = *owners.entry(id).or_insert(&case.key);
            if *owner != case.key {
                docket.found(case, format!("{id} is shown under {owner} and under {}", case.key));
            }
        }
    }
}

fn list(ids: &BTreeSet<Uuid>) -> String {
    ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(", ")
}

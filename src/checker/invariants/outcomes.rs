//! Invariant 3.
//!
//! A job has one outcome: it completed or it failed, and that is one event, however often it is delivered.

use uuid::Uuid;

use super::super::case::{Case, Told};
use super::super::casebook::Casebook;
use super::super::docket::Docket;
use super::super::report::Verdict;

pub(super) fn judge(book: &Casebook<'_>) -> Verdict {
    let mut docket = Docket::open(book);
    for case in book.cases.values() {
        for (job, told) in case.outcomes() {
            docket.looked_at("jobs with an outcome", 1);
            one_outcome(&mut docket, case, job, &told);
        }
    }
    docket.close("no outcome was seen")
}

fn one_outcome<'h>(docket: &mut Docket<'_, 'h>, case: &Case<'h>, job: Uuid, told: &Told<'_>) {
    if told.len() > 1 {
        return docket.found(case, format!("job {job} completed and failed"));
    }
    for (name, ids) in told.iter().filter(|(_, ids)| ids.len() > 1) {
        docket.found(case, format!("{name} of job {job} is {} events with ids of their own", ids.len()));
    }
}

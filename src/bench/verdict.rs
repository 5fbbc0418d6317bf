//! Whether the figures may be believed: each accepted checkout came to exactly one outcome, and each line that was told to be
//! live is, on its switch. It judges by what clients, receiver and switches saw.

use super::inbox::{Outcome, Told};
use super::load::Sent;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Neither completed nor failed.
    NoOutcome { order: usize },
    /// More than one event.
    SeveralOutcomes { order: usize, events: usize },
    /// It failed, and no switch had a fault.
    Failed { order: usize },
    /// An event of a job that no accepted checkout was answered with.
    UnknownJob { job: String },
    /// An event whose signature is missing or wrong.
    NotSigned { job: String },
    /// Told to be live, and the switch has it otherwise.
    NotLive { order: usize },
    /// Answered with something that a correct checkout never gets.
    Refused { said: String },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoOutcome { order } => {
                write!(f, "checkout {order} was accepted, and nobody was told of an outcome")
            }
            Self::SeveralOutcomes { order, events } => {
                write!(f, "checkout {order} came to {events} outcomes")
            }
            Self::Failed { order } => write!(f, "checkout {order} failed, and no switch had a fault"),
            Self::UnknownJob { job } => {
                write!(f, "an outcome of job {job:?}, which no checkout was answered with")
            }
            Self::NotSigned { job } => write!(f, "an outcome of job {job:?} without a valid signature"),
            Self::NotLive { order } => {
                write!(f, "checkout {order} was told to be live, and on its switch it isn't")
            }
            Self::Refused { said } => write!(f, "{said}"),
        }
    }
}

/// Everything that did not hold. `may_fail`: switches have faults, so a job may fail.
pub fn judge(sent: &Sent, told: &[Told], is_live: impl Fn(usize) -> bool, may_fail: bool) -> Vec<Fault> {
    let jobs: BTreeMap<_, _> = sent.accepted.iter().map(|accepted| (accepted.order, &accepted.job)).collect();
    let mut faults: Vec<_> = sent.refused.iter().map(|said| Fault::Refused { said: said.clone() }).collect();
    let mut events: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for told in told {
        if !told.is_signed {
            faults.push(Fault::NotSigned { job: told.job.clone() });
        }
        match told.order.filter(|order| jobs.get(order) == Some(&&told.job)) {
            Some(order) => drop(events.entry(order).or_default().insert(&told.event)),
            None => faults.push(Fault::UnknownJob { job: told.job.clone() }),
        }
    }
    faults.extend(jobs.keys().filter_map(|order| match events.get(order).map_or(0, BTreeSet::len) {
        0 => Some(Fault::NoOutcome { order: *order }),
        1 => None,
        events => Some(Fault::SeveralOutcomes { order: *order, events }),
    }));
    faults.extend(told.iter().filter_map(|told| match (told.outcome, told.order?) {
        (Outcome::Failed, order) if !may_fail => Some(Fault::Failed { order }),
        (Outcome::Completed, order) if !is_live(order) => Some(Fault::NotLive { order }),
        (Outcome::Failed | Outcome::Completed, _) => None,
    }));
    faults
}

#[cfg(test)]
mod tests {
    use super::super::load::Accepted;
    use super::*;
    use std::time::Instant;

    fn sent(orders: usize) -> Sent {
        let now = Instant::now();
        let accepted =
            (0..orders).map(|order| Accepted { order, job: format!("job-{order}"), due: now, answered: now });
        Sent { checkouts: orders, accepted: accepted.collect(), ..Sent::default() }
    }

    fn completed(order: usize) -> Told {
        Told {
            order: Some(order),
            job: format!("job-{order}"),
            event: format!("event-{order}"),
            outcome: Outcome::Completed,
            arrived: Instant::now(),
            is_signed: true,
        }
    }

    fn judged(told: &[Told]) -> Vec<Fault> {
        judge(&sent(2), told, |_| true, false)
    }

    #[test]
    fn one_outcome_for_each_is_as_it_must_be_and_so_is_one_that_is_delivered_twice() {
        assert_eq!(judged(&[completed(1), completed(0)]), []);
        assert_eq!(judged(&[completed(1), completed(0), completed(0)]), []);
    }

    #[test]
    fn a_service_that_loses_an_event_is_told() {
        assert_eq!(judged(&[completed(1)]), [Fault::NoOutcome { order: 0 }]);
    }

    #[test]
    fn a_second_event_of_the_same_job_is_told_whatever_it_says() {
        let again = Told { event: "another".into(), ..completed(0) };
        let several = [Fault::SeveralOutcomes { order: 0, events: 2 }];
        assert_eq!(judged(&[completed(0), completed(1), again]), several);
    }

    #[test]
    fn an_event_of_a_job_that_nobody_was_promised_is_told() {
        let of_nobody = Told { job: "job-9".into(), ..completed(0) };
        let unknown = Fault::UnknownJob { job: "job-9".into() };
        assert_eq!(judged(&[completed(0), completed(1), of_nobody]), [unknown]);
    }

    #[test]
    fn a_failure_is_told_only_where_no_switch_had_a_fault() {
        let failed = Told { outcome: Outcome::Failed, ..completed(0) };
        let told = [failed, completed(1)];
        assert_eq!(judge(&sent(2), &told, |_| true, true), []);
        assert_eq!(judged(&told), [Fault::Failed { order: 0 }]);
    }

    #[test]
    fn a_wrong_signature_a_port_that_is_not_live_and_a_refusal_are_told() {
        let told = [Told { is_signed: false, ..completed(0) }, completed(1)];
        let sent = Sent { refused: vec!["checkout 7: 404".into()], ..sent(2) };
        let faults = judge(&sent, &told, |order| order == 0, false);
        let expected = [
            Fault::Refused { said: "checkout 7: 404".into() },
            Fault::NotSigned { job: "job-0".into() },
            Fault::NotLive { order: 1 },
        ];
        assert_eq!(faults, expected);
    }
}

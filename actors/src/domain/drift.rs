//! What a check of a switch's managed ports comes to: which are repaired, which are left, and what is put on record.
//!
//! A check reads every port before anything is judged, since how many differ decides whether any is written to. One or
//! two were changed by hand, or lost with an old start-up configuration; where many differ, somebody may have replaced
//! the switch, and rewriting it is for an operator to order. What no subscription manages is not here at all.

use super::config::{Difference, PortConfig};
use super::ids::{PortName, PortRef, SubscriptionId, SwitchId};
use super::time::UnixMillis;
use super::upkeep::{Care, Upkeep, UpkeepEvent, UpkeepPolicy};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A port that a subscription has live. It is written by the commit that makes the port live, and taken out by the one that
/// lets go of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedPort {
    /// Which.
    pub at: PortRef,
    /// Whose.
    pub subscription: SubscriptionId,
    /// What it must be: what was read back when it was made so.
    pub want: PortConfig,
    /// What it has been through.
    pub upkeep: Upkeep,
}

/// Whether a check that an operator asked for may repair what it would leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Within the limits.
    WithinLimits,
    /// Whatever differs, however much, and however often.
    Everything,
}

/// A check that an operator asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckOrder {
    /// When.
    pub at: UnixMillis,
    /// What it may repair.
    pub consent: Consent,
}

/// What a check found of one port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// As it should be.
    AsWanted,
    /// Otherwise.
    Differs(Vec<Difference>),
    /// It could not be read, for a reason that is the port's own.
    Unreadable(String),
}

/// What was done about a port that was not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "response", rename_all = "snake_case")]
pub enum Response {
    /// It is on record to be repaired.
    Repair,
    /// Too many differ: none is written to until an operator says so.
    HeldBack,
    /// It was repaired only just now.
    Waits {
        /// Not before this moment.
        until: UnixMillis,
    },
    /// It was repaired too often.
    GivenUp,
    /// It could not be read.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// One port, at one check: when, what differed, what was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftEntry {
    /// When it was judged.
    pub at: UnixMillis,
    /// Which.
    pub port: PortName,
    /// What differed.
    pub differences: Vec<Difference>,
    /// What was done.
    #[serde(flatten)]
    pub response: Response,
}

/// What the last check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CheckOutcome {
    /// Every port was read, and judged.
    Judged {
        /// Ports that differed.
        differing: usize,
        /// Those of them that are repaired.
        repaired: usize,
    },
    /// So many differ that nothing was written.
    HeldBack {
        /// How many.
        differing: usize,
    },
    /// The switch could not be read to the end.
    Unfinished {
        /// Why.
        why: String,
    },
}

/// When, over how many ports, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// When it ended.
    pub at: UnixMillis,
    /// Ports that it read.
    pub ports: usize,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: CheckOutcome,
}

/// All that is on record about the checks of one switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchDrift {
    /// Which.
    pub switch: SwitchId,
    /// What an operator asked for, until a check has answered it.
    pub order: Option<CheckOrder>,
    /// The last check.
    pub last: Option<CheckReport>,
    /// What was not as it should be, oldest first; bounded.
    pub log: Vec<DriftEntry>,
}

/// How much one check repairs, and how much is kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriftPolicy {
    /// Ports that one check repairs; when more want it, none is.
    pub most_repairs: usize,
    /// Of one port.
    pub upkeep: UpkeepPolicy,
    /// Entries that are kept of one switch.
    pub entries: usize,
}

/// One port, as judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Which.
    pub port: PortName,
    /// What it has been through by now.
    pub upkeep: Upkeep,
    /// What is done about it; `None` when it is as it should be.
    pub response: Option<Response>,
    differences: Vec<Difference>,
}

impl SwitchDrift {
    /// A switch that no check has seen.
    #[must_use]
    pub fn new(switch: SwitchId) -> Self {
        Self { switch, order: None, last: None, log: Vec::new() }
    }

    /// Puts an operator's order on record. A consent that no check has answered yet is not taken back by asking once more.
    #[must_use]
    pub fn ordered(self, order: CheckOrder) -> Self {
        let consent = match self.order {
            Some(CheckOrder { consent: Consent::Everything, .. }) => Consent::Everything,
            Some(CheckOrder { consent: Consent::WithinLimits, .. }) | None => order.consent,
        };
        Self { order: Some(CheckOrder { consent, ..order }), ..self }
    }

    /// Whether nothing is written to the switch for drift until an operator says so.
    #[must_use]
    pub fn is_held_back(&self) -> bool {
        matches!(self.last, Some(CheckReport { outcome: CheckOutcome::HeldBack { .. }, .. }))
    }

    /// Puts a check that was read to its end on record. It answers what was ordered.
    #[must_use]
    pub fn concluded(self, judged: &[Judged], ports: usize, now: UnixMillis, policy: &DriftPolicy) -> Self {
        let count = |fits: fn(&Response) -> bool| {
            judged.iter().filter(|one| one.response.as_ref().is_some_and(fits)).count()
        };
        let differing = count(|response| !matches!(response, Response::Unreadable { .. }));
        let outcome = if count(|response| *response == Response::HeldBack) > 0 {
            CheckOutcome::HeldBack { differing }
        } else {
            CheckOutcome::Judged { differing, repaired: count(|response| *response == Response::Repair) }
        };
        let mut log = self.log;
        log.extend(
            judged.iter().filter_map(|one| one.entry(now)).filter(is_news_to(&log)).collect::<Vec<_>>(),
        );
        log.drain(..log.len().saturating_sub(policy.entries));
        let last = Some(CheckReport { at: now, ports, outcome });
        Self { order: None, last, log, ..self }
    }

    /// Puts a check on record that the switch didn't let come to its end. What was ordered stays ordered.
    #[must_use]
    pub fn unfinished(self, why: String, ports: usize, now: UnixMillis) -> Self {
        let last = Some(CheckReport { at: now, ports, outcome: CheckOutcome::Unfinished { why } });
        Self { last, ..self }
    }
}

/// What is as it was at the last check would fill the record with repeats; a repair is always news.
fn is_news_to(log: &[DriftEntry]) -> impl Fn(&DriftEntry) -> bool {
    move |entry| {
        let last = log.iter().rev().find(|earlier| earlier.port == entry.port);
        let is_same =
            |last: &DriftEntry| last.differences == entry.differences && last.response == entry.response;
        entry.response == Response::Repair || !last.is_some_and(is_same)
    }
}

impl Judged {
    fn entry(&self, at: UnixMillis) -> Option<DriftEntry> {
        let response = self.response.clone()?;
        Some(DriftEntry { at, port: self.port.clone(), differences: self.differences.clone(), response })
    }
}

/// Judges what a check found, each port with what it has been through.
#[must_use]
pub fn judge(
    found: Vec<(PortName, Upkeep, Found)>,
    consent: Consent,
    now: UnixMillis,
    policy: &DriftPolicy,
) -> Vec<Judged> {
    let one = |(port, upkeep, found)| judge_port(port, upkeep, found, consent, now, policy);
    let (before, mut judged): (Vec<_>, Vec<_>) =
        found.into_iter().map(|finding| (finding.1, one(finding))).unzip();
    let repairs = judged.iter().filter(|one| one.response == Some(Response::Repair)).count();
    if repairs > policy.most_repairs && consent == Consent::WithinLimits {
        for (one, before) in judged.iter_mut().zip(before) {
            if one.response == Some(Response::Repair) {
                (one.response, one.upkeep) = (Some(Response::HeldBack), before);
            }
        }
    }
    judged
}

fn judge_port(
    port: PortName,
    upkeep: Upkeep,
    found: Found,
    consent: Consent,
    now: UnixMillis,
    policy: &DriftPolicy,
) -> Judged {
    let (event, differences) = match found {
        Found::Unreadable(why) => {
            let response = Some(Response::Unreadable { why });
            return Judged { port, upkeep, response, differences: Vec::new() };
        }
        Found::AsWanted => (UpkeepEvent::AsWanted, Vec::new()),
        Found::Differs(differences) if consent == Consent::Everything => (UpkeepEvent::Ordered, differences),
        Found::Differs(differences) => (UpkeepEvent::Differs, differences),
    };
    let (upkeep, care) = upkeep.apply(event, now, &policy.upkeep);
    let response = match care {
        Care::None => None,
        Care::Repair => Some(Response::Repair),
        Care::WaitUntil(until) => Some(Response::Waits { until }),
        Care::LeaveAlone => Some(Response::GivenUp),
    };
    Judged { port, upkeep, response, differences }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repair => f.write_str("to be repaired"),
            Self::HeldBack => f.write_str("held back: too many ports differ"),
            Self::Waits { .. } => f.write_str("waits: it was repaired only just before"),
            Self::GivenUp => f.write_str("GIVEN UP: it was changed back too often"),
            Self::Unreadable { why } => write!(f, "could not be read: {why}"),
        }
    }
}

impl fmt::Display for CheckOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Judged { differing: 0, .. } => f.write_str("as wanted"),
            Self::Judged { differing, repaired } => {
                write!(f, "{differing} differed, {repaired} to be repaired")
            }
            Self::HeldBack { differing } => write!(f, "HELD BACK: {differing} differ, none was written to"),
            Self::Unfinished { why } => write!(f, "could not be read: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000);
    const POLICY: DriftPolicy = DriftPolicy {
        most_repairs: 2,
        upkeep: UpkeepPolicy { most_repairs: 3, first_wait_millis: 100, forget_millis: 10_000 },
        entries: 5,
    };

    fn port(n: usize) -> PortName {
        PortName::parse(&format!("p{n}")).expect("a name")
    }

    fn vlan(found: &str) -> Found {
        let (field, wanted) = ("access VLAN".into(), "142".into());
        Found::Differs(vec![Difference { field, wanted, found: found.into() }])
    }

    fn differing(count: usize) -> Vec<(PortName, Upkeep, Found)> {
        (0..count).map(|n| (port(n), Upkeep::Steady, vlan("1"))).collect()
    }

    fn responses(judged: &[Judged]) -> Vec<Option<Response>> {
        judged.iter().map(|one| one.response.clone()).collect()
    }

    #[test]
    fn so_many_as_the_limit_are_repaired_and_of_one_more_none_unless_all_is_ordered() {
        let repair = Some(Response::Repair);
        let table = [
            (2, Consent::WithinLimits, repair.clone()),
            (3, Consent::WithinLimits, Some(Response::HeldBack)),
            (3, Consent::Everything, repair),
        ];
        for (count, consent, expected) in table {
            let judged = judge(differing(count), consent, NOW, &POLICY);
            assert_eq!(responses(&judged), vec![expected; count], "{count} {consent:?}");
        }
    }

    #[test]
    fn what_is_held_back_counts_as_no_repair() {
        let judged = judge(differing(3), Consent::WithinLimits, NOW, &POLICY);
        assert!(judged.iter().all(|one| one.upkeep == Upkeep::Steady));
    }

    #[test]
    fn ports_that_are_left_alone_or_unreadable_do_not_use_up_the_limit() {
        let mut found = differing(2);
        found.push((port(7), Upkeep::GivenUp { at: NOW }, vlan("1")));
        found.push((port(8), Upkeep::Repaired { times: 1, at: NOW }, vlan("1")));
        found.push((port(9), Upkeep::Steady, Found::Unreadable("no such port".into())));
        let judged = judge(found, Consent::WithinLimits, NOW, &POLICY);
        assert_eq!(
            responses(&judged),
            [
                Some(Response::Repair),
                Some(Response::Repair),
                Some(Response::GivenUp),
                Some(Response::Waits { until: NOW.plus_millis(100) }),
                Some(Response::Unreadable { why: "no such port".into() }),
            ]
        );
    }

    fn drift() -> SwitchDrift {
        SwitchDrift::new(SwitchId::parse("s").expect("a name"))
    }

    fn checked(drift: SwitchDrift, found: Vec<(PortName, Upkeep, Found)>) -> SwitchDrift {
        let ports = found.len();
        let judged = judge(found, Consent::WithinLimits, NOW, &POLICY);
        drift.concluded(&judged, ports, NOW, &POLICY)
    }

    #[test]
    fn the_record_says_what_differed_and_answers_the_order() {
        let order = Some(CheckOrder { at: NOW, consent: Consent::WithinLimits });
        let mut found = differing(1);
        found.push((port(1), Upkeep::Steady, Found::AsWanted));
        let drift = checked(SwitchDrift { order, ..drift() }, found);
        assert_eq!(drift.order, None);
        let outcome = CheckOutcome::Judged { differing: 1, repaired: 1 };
        assert_eq!(drift.last, Some(CheckReport { at: NOW, ports: 2, outcome }));
        assert_eq!(drift.log.len(), 1);
        assert_eq!(drift.log[0].differences[0].to_string(), "access VLAN is 1, wanted 142");
    }

    #[test]
    fn what_stays_as_it_was_is_put_down_once_and_the_oldest_entries_go() {
        let held = checked(checked(drift(), differing(3)), differing(3));
        assert!(held.is_held_back());
        assert_eq!(held.log.len(), 3);
        let other = (0..3).map(|n| (port(n), Upkeep::Steady, vlan("7"))).collect();
        let log = checked(held, other).log;
        assert_eq!(log.len(), POLICY.entries);
        assert_eq!(log[1].differences[0].found, "1");
        assert_eq!(log[2].differences[0].found, "7");
    }

    #[test]
    fn a_consent_stands_until_a_check_has_answered_it() {
        let order = |consent| CheckOrder { at: NOW, consent };
        let asked = drift().ordered(order(Consent::Everything)).ordered(order(Consent::WithinLimits));
        assert_eq!(asked.order.map(|order| order.consent), Some(Consent::Everything));
        let answered = checked(asked, differing(3)).ordered(order(Consent::WithinLimits));
        assert_eq!(answered.order.map(|order| order.consent), Some(Consent::WithinLimits));
    }

    #[test]
    fn a_check_that_did_not_come_to_its_end_leaves_the_order_open() {
        let order = Some(CheckOrder { at: NOW, consent: Consent::Everything });
        let drift = SwitchDrift { order, ..drift() }.unfinished("no answer".into(), 4, NOW);
        assert_eq!(drift.order, order);
        assert!(!drift.is_held_back());
    }

    #[test]
    fn what_is_on_record_is_read_back() {
        let all = [
            Response::Repair,
            Response::HeldBack,
            Response::Waits { until: NOW },
            Response::GivenUp,
            Response::Unreadable { why: "x".into() },
        ];
        for response in all {
            let entry = DriftEntry { at: UnixMillis(5), port: port(1), differences: vec![], response };
            let json = serde_json::to_string(&entry).expect("JSON");
            assert_eq!(serde_json::from_str::<DriftEntry>(&json).expect("an entry"), entry, "{json}");
        }
    }
}

//! What a job in a switch's queue rests on. The job and its hold on the port are *proposed* there in one commit; whether
//! they were *accepted* is decided in another record, under another tag, and a crash can come in between.
//!
//! ```text
//!   the key's checkout record                          the job
//!   ─────────────────────────────────────────────────────────────────────────
//!   none, or of another subscription                   an orphan
//!   pending, of this subscription                      undecided
//!   accepted, direct                                   decided
//!   accepted, home-drop, and the subscription's home
//!       in the directory is  this switch               decided
//!                            still the unit            undecided
//!                            another switch, or none   an orphan
//! ```
//!
//! A decision is final, and so is being an orphan: ids are never claimed twice, and the home moves once. So whoever reads
//! either, after the job, may act on it.

use super::claim::{CheckoutRecord, ClaimState, Receipt};
use super::record::{JobRecord, Tag};
use super::time::UnixMillis;

/// What a job rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It was accepted: it may run.
    Decided,
    /// Whoever proposed it may still be at it.
    Undecided {
        /// Since.
        since: UnixMillis,
    },
    /// It will never be accepted.
    Orphan,
}

/// The rule. `home` is where the directory has the job's subscription; it matters for a home-drop alone.
#[must_use]
pub fn proof(job: &JobRecord, checkout: Option<&CheckoutRecord>, home: Option<&Tag>) -> Proof {
    let Some(checkout) = checkout.filter(|checkout| checkout.receipt.subscription() == job.subscription)
    else {
        return Proof::Orphan;
    };
    match (&checkout.state, checkout.receipt) {
        (ClaimState::Pending { since }, _) => Proof::Undecided { since: *since },
        (ClaimState::Accepted { .. }, Receipt::Direct { .. }) => Proof::Decided,
        (ClaimState::Accepted { .. }, Receipt::HomeDrop { .. }) => match home {
            Some(Tag::Switch(switch)) if *switch == job.port.switch => Proof::Decided,
            Some(Tag::Unit(_)) => Proof::Undecided { since: job.created_at },
            _ => Proof::Orphan,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::config::VlanId;
    use crate::domain::ids::{
        ClaimId, JobId, PartnerId, PlanVersionId, PortName, PortRef, SubscriptionId, SwitchId, UnitId,
    };
    use crate::domain::job::{JobKind, JobState};
    use crate::domain::record::PortPlan;
    use crate::domain::request::{CheckoutKey, CheckoutRequest, DeliveryMode};
    use crate::domain::text::ExternalSubscriptionId;
    use uuid::Uuid;

    const OURS: SubscriptionId = SubscriptionId(Uuid::from_u128(1));
    const OTHER: SubscriptionId = SubscriptionId(Uuid::from_u128(2));
    const UNIT: UnitId = UnitId(Uuid::from_u128(3));
    const THEN: UnixMillis = UnixMillis(5);

    fn key() -> CheckoutKey {
        let external = ExternalSubscriptionId::parse("order-1").expect("valid");
        CheckoutKey { partner: PartnerId(Uuid::nil()), external }
    }

    fn switch(name: &str) -> SwitchId {
        SwitchId::parse(name).expect("valid")
    }

    fn job() -> JobRecord {
        let vlan = VlanId::try_from(142).expect("valid");
        JobRecord {
            id: JobId(Uuid::from_u128(7)),
            kind: JobKind::Provision,
            subscription: OURS,
            key: key(),
            port: PortRef { switch: switch("sw"), port: PortName::parse("p1").expect("valid") },
            plan: PortPlan { vlan, down_kbps: 1, up_kbps: 1, mac: None },
            state: JobState::new(UnixMillis(9)),
            created_at: UnixMillis(9),
            started_at: None,
        }
    }

    fn pending(receipt: Receipt) -> CheckoutRecord {
        let mode = DeliveryMode::HomeDrop { unit: UNIT };
        let request = CheckoutRequest { key: key(), plan: PlanVersionId(Uuid::nil()), mode, mac: None };
        CheckoutRecord::pending(&request, ClaimId(Uuid::nil()), receipt, THEN)
    }

    fn accepted(receipt: Receipt) -> CheckoutRecord {
        pending(receipt).accepted(THEN)
    }

    #[test]
    fn every_record_means_what_the_table_says() {
        let direct = |subscription| Receipt::Direct { job: job().id, subscription };
        let drop = |subscription| Receipt::HomeDrop { subscription };
        let (here, there) = (Tag::Switch(switch("sw")), Tag::Switch(switch("sw2")));
        let unit = Tag::Unit(UNIT);
        let undecided = |since| Proof::Undecided { since };
        let table = [
            (None, None, Proof::Orphan),
            (Some(pending(direct(OTHER))), None, Proof::Orphan),
            (Some(accepted(direct(OTHER))), None, Proof::Orphan),
            (Some(pending(direct(OURS))), None, undecided(THEN)),
            (Some(accepted(direct(OURS))), None, Proof::Decided),
            (Some(pending(drop(OURS))), Some(&unit), undecided(THEN)),
            (Some(accepted(drop(OTHER))), Some(&here), Proof::Orphan),
            (Some(accepted(drop(OURS))), Some(&here), Proof::Decided),
            (Some(accepted(drop(OURS))), Some(&unit), undecided(UnixMillis(9))),
            (Some(accepted(drop(OURS))), Some(&there), Proof::Orphan),
            (Some(accepted(drop(OURS))), None, Proof::Orphan),
        ];
        for (checkout, home, expected) in table {
            assert_eq!(proof(&job(), checkout.as_ref(), home), expected, "{checkout:?} {home:?}");
        }
    }
}

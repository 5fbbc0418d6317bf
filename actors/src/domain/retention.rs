//! How long what was accepted is kept.
//!
//! ```text
//!   full record ──30 days after the subscription's end──▶ tombstone, for good
//! ```
//!
//! The tombstone has the ids and the fingerprint: an order that is sent again a year later gets the same ids, and
//! provisions nothing. Everything else of the subscription goes: itself, its jobs, their transcripts, and where they
//! lived.
//!
//! Whoever ends a subscription puts it among [`super::record::Index::Ended`] first: an entry whose subscription hasn't
//! ended is harmless, an end without its entry would be kept for ever.

use super::claim::{CheckoutRecord, Receipt};
use super::request::Fingerprint;
use super::subscription::SubscriptionState;
use super::time::UnixMillis;
use serde::{Deserialize, Serialize};

/// What is left of a checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// Of the request.
    pub fingerprint: Fingerprint,
    /// The ids that every repeat gets.
    pub receipt: Receipt,
}

impl Tombstone {
    /// What stays of a record.
    #[must_use]
    pub fn of(record: &CheckoutRecord) -> Self {
        Self { fingerprint: record.fingerprint, receipt: record.receipt }
    }
}

/// What is to be done about an entry among the ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing before this moment.
    KeepUntil(UnixMillis),
    /// Its time is over.
    Bury,
}

/// Judges a subscription; `None` is one that is gone already, in a burial that was cut off.
#[must_use]
pub fn judge(state: Option<&SubscriptionState>, now: UnixMillis, keep_millis: u64) -> Verdict {
    let until = match state {
        None => return Verdict::Bury,
        Some(SubscriptionState::Cancelled { at }) => at.plus_millis(keep_millis),
        // It was said to end, and hasn't: whoever was to end it may still do so.
        Some(
            SubscriptionState::Pending { .. }
            | SubscriptionState::PendingInstall { .. }
            | SubscriptionState::Active { .. }
            | SubscriptionState::Suspended { .. },
        ) => return Verdict::KeepUntil(now.plus_millis(keep_millis)),
    };
    if now >= until { Verdict::Bury } else { Verdict::KeepUntil(until) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::UnitId;

    const DAY: u64 = 86_400_000;

    #[test]
    fn only_what_has_ended_so_long_ago_is_buried() {
        let ended = SubscriptionState::Cancelled { at: UnixMillis(DAY) };
        let judged = |now| judge(Some(&ended), UnixMillis(now), 30 * DAY);
        assert_eq!(judged(31 * DAY - 1), Verdict::KeepUntil(UnixMillis(31 * DAY)));
        assert_eq!(judged(31 * DAY), Verdict::Bury);
        let alive = SubscriptionState::PendingInstall { unit: UnitId(uuid::Uuid::nil()) };
        assert!(matches!(judge(Some(&alive), UnixMillis(u64::MAX / 2), 30 * DAY), Verdict::KeepUntil(_)));
        assert_eq!(judge(None, UnixMillis(0), 30 * DAY), Verdict::Bury);
    }
}

//! The host key of a switch that was trusted on first contact: read before a session is opened, and put on record after the
//! first one, before a configuration line leaves. It is written once: never over another key, and never after the lease.

use super::task::Duty;
use crate::domain::failure::{DriverFailure, FailureClass};
use crate::domain::host_key::FirstSeenHostKey;
use crate::domain::inventory::Switch;
use crate::domain::record::{Key, Record};
use crate::outside::{Outside, put};
use crate::ports::store::{CommitError, Denial, Expectation};

/// Why a session on which a key was seen first must not be used.
pub enum NotRecorded {
    /// Someone else owns the switch by now.
    Fenced,
    /// Another key, or the same, was put on record meanwhile: the next session is judged by it.
    Overtaken(DriverFailure),
}

/// The switch as the inventory has it now, since the operator may have changed its address or its login, with the host key
/// on record. A store that is away is waited for: without the record, a stranger would pass for a first contact.
pub async fn as_known_now(outside: &Outside, switch: Switch) -> Switch {
    let keys = [Key::Switch(switch.id.clone()), Key::FirstSeenHostKey(switch.id.clone())];
    let mut read = outside.read_surely(&keys).await.into_iter().map(|stored| stored.map(|s| s.record));
    let switch = match read.next().flatten() {
        Some(Record::Switch(switch)) => switch,
        _ => switch,
    };
    match read.next().flatten() {
        Some(Record::FirstSeenHostKey(seen)) => switch.known_by(Some(&seen)),
        _ => switch,
    }
}

/// Puts the key on record, unless one is there.
///
/// # Errors
/// [`NotRecorded`].
pub async fn put_on_record(outside: &Outside, duty: &Duty, shown: String) -> Result<(), NotRecorded> {
    let switch = duty.switch.id.clone();
    let key = Key::FirstSeenHostKey(switch.clone());
    tracing::warn!(%switch, host_key = shown, "trusted on first use, and put on record");
    let seen = FirstSeenHostKey { switch, key: shown, since: outside.clock.now() };
    let mut commit = duty.commit(outside);
    commit.expect.push(Expectation { key: key.clone(), version: None });
    commit.writes.push(put(key, Record::FirstSeenHostKey(seen)));
    match outside.commit_surely(vec![commit]).await {
        Ok(()) => Ok(()),
        Err(CommitError::Denied { why: Denial::Stale(_), .. }) => {
            let text = "a host key was put on record meanwhile; the next session is judged by it";
            Err(NotRecorded::Overtaken(DriverFailure::new(FailureClass::SessionLost, text)))
        }
        Err(CommitError::Denied { why: Denial::Fenced { .. }, .. } | CommitError::Unknown(_)) => {
            Err(NotRecorded::Fenced)
        }
    }
}

//! The roll: what this instance knows, at one moment, of all that share the store. Whoever asks gets one whole state of
//! it, and asks again before the next decision.

use crate::domain::ids::InstanceId;
use crate::domain::liveness::preferred;
use crate::domain::record::Tag;
use crate::ports::Clock;
use crate::ports::tenure::Tenure;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// One state of it.
#[derive(Clone)]
pub struct Roll {
    /// This instance. It goes on under another id when its tenure is over.
    pub me: InstanceId,
    /// Until when it may write to switches.
    pub tenure: Tenure,
    /// Those that live, in order; this one among them once it has beaten.
    pub living: Vec<InstanceId>,
    /// Those whose leases may be taken from them.
    pub over: BTreeSet<InstanceId>,
}

impl Roll {
    /// The roll of the only one that can be there.
    fn alone(me: InstanceId) -> Self {
        Self { me, tenure: Tenure::unlimited(), living: vec![me], over: BTreeSet::new() }
    }

    /// That of one that has not beaten yet: nothing is its own.
    pub(super) fn joining(me: InstanceId, clock: Arc<dyn Clock>, over: BTreeSet<InstanceId>) -> Self {
        Self { me, tenure: Tenure::new(clock), living: Vec::new(), over }
    }

    /// Whether this instance should have what is under the tag, and may act on it now.
    #[must_use]
    pub fn owns(&self, tag: &Tag) -> bool {
        let mine = self.living == [self.me] || {
            preferred(tag.to_string().as_bytes(), &self.living) == Some(self.me)
        };
        mine && self.tenure.holds()
    }
}

/// The roll as it stands now, and who was found holding a lease without being on it.
pub struct Members {
    roll: RwLock<Arc<Roll>>,
    sought: Mutex<Vec<(InstanceId, Duration)>>,
}

impl Members {
    /// Of an instance that was just started, on a store that is shared or not.
    #[must_use]
    pub fn new(me: InstanceId, shared: bool, clock: Arc<dyn Clock>) -> Self {
        let roll = if shared { Roll::joining(me, clock, BTreeSet::new()) } else { Roll::alone(me) };
        Self { roll: RwLock::new(Arc::new(roll)), sought: Mutex::default() }
    }

    /// As it stands now.
    #[must_use]
    pub fn roll(&self) -> Arc<Roll> {
        Arc::clone(&self.roll.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn publish(&self, roll: Roll) {
        *self.roll.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(roll);
    }

    /// Notes that this one was found holding a lease now, and is not known to live.
    pub(super) fn seek(&self, id: InstanceId, now: Duration) {
        self.sought.lock().unwrap_or_else(PoisonError::into_inner).push((id, now));
    }

    pub(super) fn take_sought(&self) -> Vec<(InstanceId, Duration)> {
        std::mem::take(&mut *self.sought.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

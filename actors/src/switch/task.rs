//! What a visit is about, with the versions that were read: one port, and the job that wants it changed, if one does.

use crate::domain::config::PortConfig;
use crate::domain::ids::{CommitId, LeaseEpoch};
use crate::domain::inventory::Switch;
use crate::domain::record::{JobRecord, PortRecord, Tag};
use crate::domain::visit::WorkItem;
use crate::membership::Holding;
use crate::outside::Outside;
use crate::ports::driver::Intent;
use crate::ports::store::Commit;
use std::sync::Arc;

/// What a supervisor needs to work: the switch as the inventory has it, and the lease under which it commits.
#[derive(Clone)]
pub struct Duty {
    /// The switch.
    pub switch: Switch,
    /// Fences every commit.
    pub lease: LeaseEpoch,
    /// The lease as it is to be given back, and until when lines may be sent.
    pub holding: Arc<Holding>,
}

impl Duty {
    /// The switch's tag.
    #[must_use]
    pub fn tag(&self) -> Tag {
        Tag::Switch(self.switch.id.clone())
    }

    /// A commit under the lease, still empty.
    #[must_use]
    pub fn commit(&self, outside: &Outside) -> Commit {
        Commit { lease: Some(self.lease), ..outside.commit(self.tag()) }
    }
}

/// One port's part in a visit.
#[derive(Debug, Clone)]
pub struct Task {
    /// As it stands in the queue.
    pub item: WorkItem,
    /// What lines are wanted for, if any are.
    pub intent: Intent,
    /// The job; `None` when a port is repaired, proven or checked.
    pub job: Option<JobRecord>,
    /// The port as last read from the store, or as last written by us.
    pub port: PortRecord,
    /// Its version.
    pub port_version: Option<CommitId>,
    /// What must be read back at the end.
    pub want: PortConfig,
    /// What the switch said before anything was sent in this visit.
    pub found: Option<PortConfig>,
    /// What was read when it was as wanted, with all that the platform reads beyond the shared terms.
    pub verified: Option<PortConfig>,
    /// Milliseconds that the driver took so far: what counts against the job's time limit.
    pub driver_millis: u64,
    /// What was said on sessions that are closed by now.
    pub transcript: String,
}

impl Task {
    /// One that nothing was done of yet.
    #[must_use]
    pub fn new(
        item: WorkItem,
        intent: Intent,
        port: PortRecord,
        version: CommitId,
        want: PortConfig,
    ) -> Self {
        Self {
            item,
            intent,
            job: None,
            port,
            port_version: Some(version),
            want,
            found: None,
            verified: None,
            driver_millis: 0,
            transcript: String::new(),
        }
    }
}

/// Those of these items, in the order of the visit.
#[must_use]
pub fn of<'a>(tasks: &'a mut [Task], items: &[WorkItem]) -> Vec<&'a mut Task> {
    tasks.iter_mut().filter(|task| items.contains(&task.item)).collect()
}

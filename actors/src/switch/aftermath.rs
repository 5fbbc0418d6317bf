//! What a panic leaves behind: what the supervisor was at work on, and what its successor has to put on record about it.
//!
//! The supervisor notes what it is at; when it has panicked, its fleet reads the note and makes a charge of it; and whoever takes
//! the switch up next commits the charge, under its own lease, before it does anything else. A charge is struck out only when it
//! is on record, and its commit has its id from the start: a store that is away, or one more panic in between,
//! neither loses it nor counts it twice. It is memory: a process that is killed takes its charges along, and a kill is
//! nobody's fault. Opening, saving and closing are the switch's, and charged to no single job or port. Where many were in its hands at
//! once, none is charged: each is visited alone from then on, and the one at fault is found by that.

use super::check;
use super::settle::{self, Fenced};
use super::task::Duty;
use crate::domain::failure::DriverFailure;
use crate::domain::ids::{CommitId, PartnerId, PortName, PortRef};
use crate::domain::port::{PortEvent, PortState, Repair};
use crate::domain::record::{Index, Key, PortRecord, Record, SwitchStatus};
use crate::domain::visit::WorkItem;
use crate::outside::{Outside, Wakes, put, unchanged};
use crate::ports::store::{Commit, CommitError, Denial, Stored, Write};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a supervisor is at work on: it writes, its fleet reads when it has panicked.
#[derive(Clone, Default)]
pub struct AtWork(Arc<Mutex<Note>>);

/// What the note says at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note {
    /// What was in its hands: nothing, one thing, or many at once.
    pub items: Vec<WorkItem>,
    /// Whether it had completed a job, or was released by an operator.
    pub progressed: bool,
}

impl AtWork {
    fn note(&self) -> MutexGuard<'_, Note> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn on(&self, item: &WorkItem) {
        self.on_all(vec![item.clone()]);
    }

    pub(super) fn on_all(&self, items: Vec<WorkItem>) {
        self.note().items = items;
    }

    pub(super) fn on_nothing(&self) {
        self.note().items.clear();
    }

    pub(super) fn progressed(&self) {
        self.note().progressed = true;
    }

    /// What it says now.
    #[must_use]
    pub fn read(&self) -> Note {
        self.note().clone()
    }
}

/// A panic over a job or a port, that is not on record yet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Charge {
    commit: CommitId,
    item: WorkItem,
}

#[derive(Default)]
struct Left {
    charges: VecDeque<Charge>,
    suspects: BTreeSet<WorkItem>,
    quarantine: Option<DriverFailure>,
}

/// All that panics have left to be put on record, for one switch; handed from supervisor to supervisor.
#[derive(Clone, Default)]
pub struct Aftermath(Arc<Mutex<Left>>);

impl Aftermath {
    fn left(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A supervisor panicked over these. One alone is charged; of many it is not known which it was.
    pub fn charge(&self, commit: CommitId, items: Vec<WorkItem>) {
        let mut left = self.left();
        match <[WorkItem; 1]>::try_from(items) {
            Ok([item]) => {
                left.suspects.remove(&item);
                left.charges.push_back(Charge { commit, item });
            }
            Err(many) => left.suspects.extend(many),
        }
    }

    /// Those of which one made a supervisor panic: each is visited alone.
    pub(super) fn suspects(&self) -> BTreeSet<WorkItem> {
        self.left().suspects.clone()
    }

    /// It came through alone.
    pub(super) fn clear(&self, item: &WorkItem) {
        self.left().suspects.remove(item);
    }

    /// The switch is to be quarantined.
    pub fn quarantine(&self, why: DriverFailure) {
        self.left().quarantine = Some(why);
    }

    /// Whether something is still to be put on record.
    #[must_use]
    pub fn is_owing(&self) -> bool {
        let left = self.left();
        !left.charges.is_empty() || left.quarantine.is_some()
    }

    /// Puts everything on record, however long the store is away. Answers why the switch is quarantined, if it is by this.
    ///
    /// # Errors
    /// [`Fenced`].
    pub(super) async fn settle(
        &self,
        outside: &Outside,
        duty: &Duty,
        wakes: &dyn Wakes,
    ) -> Result<Option<DriverFailure>, Fenced> {
        while let Some(charge) = self.next_charge() {
            if let Some(partner) = put_on_record(outside, duty, &charge).await? {
                wakes.partner(partner);
            }
            self.left().charges.pop_front();
        }
        let quarantine = self.left().quarantine.clone();
        if let Some(why) = &quarantine {
            tracing::error!(switch = %duty.switch.id, %why, "quarantined until it is released");
            settle::mark_quarantined(outside, duty, why.clone()).await?;
            self.left().quarantine = None;
        }
        Ok(quarantine)
    }

    fn next_charge(&self) -> Option<Charge> {
        self.left().charges.front().cloned()
    }
}

/// Answers which partner has news of it.
async fn put_on_record(outside: &Outside, duty: &Duty, charge: &Charge) -> Result<Option<PartnerId>, Fenced> {
    match &charge.item {
        WorkItem::Job(job) => Ok(settle::charge_panic(outside, duty, *job, charge.commit).await?.announced),
        WorkItem::Port(port) => charge_port(outside, duty, port, charge.commit).await.map(|()| None),
        WorkItem::Check => check::charge_panic(outside, duty, charge.commit).await.map(|()| None),
    }
}

/// A switch's list of ports that were set aside, as read.
pub(super) struct SetAside {
    status: SwitchStatus,
    stored: Stored,
}

impl SetAside {
    /// Reads the list if the port is on it.
    pub(super) async fn with(outside: &Outside, port: &PortRecord) -> Option<Self> {
        // No port comes on it without a panic.
        if port.panics == 0 {
            return None;
        }
        let key = Key::SwitchStatus(port.at.switch.clone());
        let stored = outside.read_surely(&[key]).await.pop().flatten()?;
        let Record::SwitchStatus(status) = stored.record.clone() else { return None };
        status.set_aside.contains(&port.at.port).then_some(Self { status, stored })
    }

    /// Another order has made the port good.
    pub(super) fn strike_out(&self, port: &PortRef, commit: &mut Commit) {
        let mut status = self.status.clone();
        status.set_aside.remove(&port.port);
        let key = Key::SwitchStatus(port.switch.clone());
        commit.expect.push(unchanged(key.clone(), Some(&self.stored)));
        commit.writes.push(put(key, Record::SwitchStatus(status)));
    }
}

/// What a charge against a port's repair rests on.
struct Grounds {
    port: PortRecord,
    port_stored: Stored,
    status: Option<SwitchStatus>,
    status_stored: Option<Stored>,
}

async fn charge_port(outside: &Outside, duty: &Duty, name: &PortName, id: CommitId) -> Result<(), Fenced> {
    let at = PortRef { switch: duty.switch.id.clone(), port: name.clone() };
    loop {
        let Some(grounds) = read_grounds(outside, duty, &at).await else { return Ok(()) };
        match outside.commit_surely(vec![port_charge(outside, duty, grounds, id)]).await {
            Ok(()) => return Ok(()),
            Err(CommitError::Denied { why: Denial::Fenced { .. }, .. }) => return Err(Fenced),
            Err(CommitError::Denied { why: Denial::Stale(_), .. } | CommitError::Unknown(_)) => {}
        }
    }
}

/// `None` when there is nothing about the port that would be repaired.
async fn read_grounds(outside: &Outside, duty: &Duty, at: &PortRef) -> Option<Grounds> {
    let keys = [Key::Port(at.clone()), Key::SwitchStatus(duty.switch.id.clone())];
    let mut read = outside.read_surely(&keys).await.into_iter();
    let port_stored = read.next().flatten()?;
    let Record::Port(port) = port_stored.record.clone() else { return None };
    let status_stored = read.next().flatten();
    let status = status_stored.as_ref().and_then(|stored| match &stored.record {
        Record::SwitchStatus(status) => Some(status.clone()),
        _ => None,
    });
    (port.state != PortState::Clean).then_some(Grounds { port, port_stored, status, status_stored })
}

/// It is repaired again after a while, behind all that can be done meanwhile; or set aside, for an operator.
fn port_charge(outside: &Outside, duty: &Duty, grounds: Grounds, id: CommitId) -> Commit {
    let Grounds { port, port_stored, status, status_stored } = grounds;
    let now = outside.clock.now();
    let (index, name) = (Index::Work(duty.switch.id.clone()), port.at.port.clone());
    let member = WorkItem::Port(name.clone()).to_member();
    let port = PortRecord { panics: port.panics.saturating_add(1), ..port };
    let mut commit = Commit { id, ..duty.commit(outside) };
    commit.expect.push(unchanged(Key::Port(port.at.clone()), Some(&port_stored)));
    let state = port.state.clone().apply(PortEvent::LeftUnclear, now);
    let state = state.expect("what a port is can become unclear in every state");
    match Repair::after_panics(port.panics, outside.settings.supervision.repair_panics) {
        Repair::Later => {
            let score = now.plus_millis(outside.settings.supervision.repair_ms).0;
            commit.writes.push(Write::Include { index, member, score });
        }
        Repair::SetAside => {
            tracing::error!(port = %port.at, panics = port.panics, "a port's repair is set aside until its switch is released");
            commit.writes.push(Write::Exclude { index, member });
            let key = Key::SwitchStatus(duty.switch.id.clone());
            let mut status = status.unwrap_or_else(|| SwitchStatus::in_service(duty.switch.id.clone(), now));
            status.set_aside.insert(name);
            commit.expect.push(unchanged(key.clone(), status_stored.as_ref()));
            commit.writes.push(put(key, Record::SwitchStatus(status)));
        }
    }
    commit.writes.push(put(Key::Port(port.at.clone()), Record::Port(PortRecord { state, ..port })));
    commit
}

//! What every actor of the graph is given: the outside, behind its traits, and the limits.

use crate::domain::ids::{CommitId, InstanceId, PartnerId, SwitchId};
use crate::domain::record::{Key, Tag};
use crate::domain::time::UnixMillis;
use crate::logins::LoginGate;
use crate::membership::{Holdings, Members};
use crate::ports::driver::SwitchDriver;
use crate::ports::guard::SessionGuard;
use crate::ports::hints::Hints;
use crate::ports::store::{Commit, CommitError, Durability, Expectation, Order, Store, Stored, Write};
use crate::ports::{Clock, Entropy};
use crate::safeguards::{Safeguard, stands};
use crate::settings::GraphSettings;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Who wants to know that there is something to do. A hint, never the thing itself: whoever is woken asks the store.
pub trait Wakes: Send + Sync + 'static {
    /// There is work for this switch.
    fn switch(&self, switch: &SwitchId);
    /// There is an event for this partner.
    fn partner(&self, partner: PartnerId);
    /// Who is there has changed, and with it who owns what: everyone looks again.
    fn members_changed(&self);
}

/// The outside and the limits; shared by all actors.
pub struct Outside {
    /// Where everything is.
    pub store: Arc<dyn Store>,
    /// The way to other instances.
    pub hints: Arc<dyn Hints>,
    /// Opens sessions.
    pub driver: Arc<dyn SwitchDriver>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// The limits.
    pub settings: GraphSettings,
    /// This instance, and all that share the store with it.
    pub members: Members,
    /// The leases that it holds.
    pub holdings: Holdings,
    /// Bounds the sessions that are being opened at once, over all switches.
    pub opening: Semaphore,
    /// Asked before each opening: while many switches refuse their logins, none is tried but by one at a time.
    pub logins: LoginGate,
    /// Bounds the supervisors that ask the store for their switch's lease, or for what is next: a start with work for thousands
    /// of switches leaves it room for checkouts.
    pub looking: Semaphore,
    guards: Mutex<BTreeMap<SwitchId, SessionGuard>>,
}

impl Outside {
    /// Puts it together.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        hints: Arc<dyn Hints>,
        driver: Arc<dyn SwitchDriver>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        settings: GraphSettings,
    ) -> Self {
        let me = InstanceId(entropy.uuid());
        let members = Members::new(me, store.is_shared(), Arc::clone(&clock));
        let opening = Semaphore::new(settings.supervision.max_opening);
        let looking = Semaphore::new(settings.supervision.max_looking);
        let logins = LoginGate::new(settings.logins.policy());
        Self {
            store,
            hints,
            driver,
            clock,
            entropy,
            settings,
            members,
            holdings: Holdings::default(),
            opening,
            logins,
            looking,
            guards: Mutex::default(),
        }
    }

    /// The one guard of a switch's socket. It outlives every supervisor of that switch, and every fleet.
    #[must_use]
    pub fn guard(&self, switch: &SwitchId) -> SessionGuard {
        self.guards.lock().unwrap_or_else(PoisonError::into_inner).entry(switch.clone()).or_default().clone()
    }

    /// Shuts the sockets of switches that nobody supervises: the fleet that did is gone, and its supervisors with it.
    pub fn shut_left_behind(&self, is_ours: impl Fn(&SwitchId) -> bool) {
        let guards = self.guards.lock().unwrap_or_else(PoisonError::into_inner);
        guards.iter().filter(|(id, _)| is_ours(id)).for_each(|(_, guard)| guard.shut());
    }

    /// Shuts every socket whose tenure is over.
    pub fn enforce_tenures(&self) {
        let guards = self.guards.lock().unwrap_or_else(PoisonError::into_inner);
        guards.values().for_each(SessionGuard::enforce);
    }

    /// When something is due that is on record as waiting until this moment. The clock that set it may have been wrong, here
    /// or in another instance, and must not make it wait for as long as it was wrong by.
    #[must_use]
    pub fn due(&self, on_record: UnixMillis, now: UnixMillis) -> UnixMillis {
        on_record.or_now_if_beyond(self.settings.longest_wait_ms(), now)
    }

    /// A commit with a fresh id, still empty.
    #[must_use]
    pub fn commit(&self, tag: Tag) -> Commit {
        Commit {
            id: CommitId(self.entropy.uuid()),
            tag,
            lease: None,
            expect: Vec::new(),
            writes: Vec::new(),
            events: Vec::new(),
            durability: Durability::Durable,
            order: Order::InTurn,
        }
    }

    /// Reads records for work that is already on record, however long the store is away.
    pub async fn read_surely(&self, keys: &[Key]) -> Vec<Option<Stored>> {
        let mut wait = Duration::from_millis(50);
        loop {
            match self.store.read(keys).await {
                Ok(read) => return read,
                Err(error) => {
                    tracing::debug!(%error, wait_ms = wait.as_millis(), "a read is asked for again");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(5));
                }
            }
        }
    }

    /// Commits a row for work that is already on record, however long the store is away: an unknown answer is asked
    /// for again, under the same ids, until it is known. Nothing is given up, and nothing is done twice.
    ///
    /// # Errors
    /// The denial, when a rule says no.
    pub async fn commit_surely(&self, row: Vec<Commit>) -> Result<(), CommitError> {
        let mut row = row;
        if !stands(Safeguard::Fencing) {
            row.iter_mut().for_each(|commit| commit.lease = None);
        }
        let mut wait = Duration::from_millis(50);
        loop {
            match self.store.commit(row.clone()).await {
                Err(CommitError::Unknown(why)) => {
                    tracing::debug!(why, wait_ms = wait.as_millis(), "a commit is asked for again");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(5));
                }
                known => return known,
            }
        }
    }
}

/// What a read record expects of the commit that changes it.
#[must_use]
pub fn unchanged(key: Key, read: Option<&Stored>) -> Expectation {
    Expectation { key, version: read.map(|stored| stored.version) }
}

/// Puts a record.
#[must_use]
pub fn put(key: Key, record: crate::domain::record::Record) -> Write {
    Write::Put(key, record)
}

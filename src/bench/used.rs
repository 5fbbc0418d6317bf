//! What everybody has used over a run: read at its beginning, looked at while it runs, and read again at its end.

use super::fleet::Fleet;
use super::service::Service;
use super::store::Holdings;
use super::usage::Usage;
use std::time::{Duration, Instant};

const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// At one moment.
#[derive(Debug, Clone, Copy)]
struct All {
    service: Usage,
    redis: Usage,
    load: Usage,
    simulator: Usage,
    store: Holdings,
}

impl All {
    fn now(service: &Service, fleet: &Fleet) -> Self {
        Self {
            service: service.usage(),
            redis: service.store.usage(),
            load: Usage::of_this_process(),
            simulator: fleet.usage(),
            store: service.store.holdings(),
        }
    }
}

/// A run that is measured.
#[derive(Debug)]
pub struct Meter {
    began: Instant,
    before: All,
    looked: Instant,
    highest_bytes: u64,
}

/// What was used between two moments.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    /// How long that was.
    pub window: Duration,
    /// The service's own processes.
    pub service: Usage,
    /// Nothing where there is none.
    pub redis: Usage,
    /// This process: clients and receiver.
    pub load: Usage,
    /// The fleet.
    pub simulator: Usage,
    /// What Redis was asked, and by how much the store has grown.
    pub store: Holdings,
    /// The most memory that the service was seen to have.
    pub highest_bytes: u64,
}

impl Meter {
    /// From now on.
    pub fn start(service: &Service, fleet: &Fleet) -> Self {
        let before = All::now(service, fleet);
        let now = Instant::now();
        Self { began: now, before, looked: now, highest_bytes: before.service.resident_bytes }
    }

    /// Looks at the service's memory now and then: each look reads a file for every process of the machine.
    pub fn look(&mut self, service: &Service) {
        if self.looked.elapsed() >= BETWEEN_LOOKS {
            self.looked = Instant::now();
            self.note_memory(service.usage());
        }
    }

    fn note_memory(&mut self, service: Usage) {
        self.highest_bytes = self.highest_bytes.max(service.resident_bytes);
    }

    /// Until now.
    pub fn read(&mut self, service: &Service, fleet: &Fleet) -> Used {
        let (now, before) = (All::now(service, fleet), self.before);
        self.note_memory(now.service);
        Used {
            window: self.began.elapsed(),
            service: now.service - before.service,
            redis: now.redis - before.redis,
            load: now.load - before.load,
            simulator: now.simulator - before.simulator,
            store: Holdings {
                redis_commands: now.store.redis_commands - before.store.redis_commands,
                bytes: now.store.bytes.saturating_sub(before.store.bytes),
            },
            highest_bytes: self.highest_bytes,
        }
    }
}

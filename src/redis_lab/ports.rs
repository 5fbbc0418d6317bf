//! Ports that stay a server's own while it is down.
//!
//! They lie below the ports that Linux gives to outgoing connections (32768 and up): a server that was killed finds its
//! port again, whatever else connects in between. And no two servers of one process are given the same.

use super::LabError;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lowest port that is given.
pub(super) const FIRST: u16 = 10_240;
/// The highest: its cluster bus must fit below 32768 as well.
pub(super) const LAST: u16 = 22_527;
/// A cluster's nodes speak to each other this far above a node's port; Redis's own choice.
const BUS_OFFSET: u16 = 10_000;

static RESERVED: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port on 127.0.0.1 that nobody else in this process is given until it is dropped.
#[derive(Debug)]
pub struct Port(u16);

impl Port {
    /// One on which nobody listens, nor on the bus that belongs to it.
    ///
    /// # Errors
    /// When none is free.
    pub fn reserve() -> Result<Self, LabError> {
        // From a random place: another process looks for ports at the same time.
        let start = u16::try_from(uuid::Uuid::new_v4().as_u128() % 10_000).expect("below 10,000");
        let span = LAST - FIRST + 1;
        (0..span).map(|step| FIRST + (start + step) % span).find_map(Self::claim).ok_or(LabError::NoPort)
    }

    fn claim(number: u16) -> Option<Self> {
        let free = reserved().insert(number);
        // Made before it is looked at, so that it is given back if somebody listens there.
        let port = free.then_some(Self(number))?;
        (nobody_listens(number) && nobody_listens(number + BUS_OFFSET)).then_some(port)
    }

    pub(super) fn number(&self) -> u16 {
        self.0
    }

    /// Where whoever has it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.0).into()
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        reserved().remove(&self.0);
    }
}

fn nobody_listens(number: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok()
}

fn reserved() -> MutexGuard<'static, BTreeSet<u16>> {
    RESERVED.lock().unwrap_or_else(PoisonError::into_inner)
}

//! A wire between a client and a server that fails on order.
//!
//! ```text
//!                  stall, slow, lose_next_answer
//!   passing ──────────────────────────────────────▶ stalled, slow, losing an answer
//!     ▲  │ ▲                                          │ │
//!     │  │ └──────────── heal, an answer lost ────────┘ │
//!     │  └─────────── cut ──▶ cut ◀──────── cut ────────┘
//!     └─────────────── heal ───┘
//! ```
//!
//! It knows bytes and connections, and of what they say only whether a word is in them. It must never close a
//! connection whose answer it loses before the server has done what it was asked: that is the point of losing it.

mod temper;
mod wire;

use super::LabError;
use super::ports::Port;
use std::collections::BTreeMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use temper::{Gate, Temper};

/// Between two looks for a new connection.
const ACCEPT_INTERVAL: Duration = Duration::from_millis(2);

/// What has passed through so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passed {
    /// Connections that were taken.
    pub connections: u64,
    /// Bytes that were given to the server.
    pub bytes_to_server: u64,
    /// Bytes that were given to clients.
    pub bytes_to_client: u64,
    /// Connections that were closed in place of an answer.
    pub answers_lost: u64,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicU64,
    bytes_to_server: AtomicU64,
    bytes_to_client: AtomicU64,
    answers_lost: AtomicU64,
}

/// What the proxy, the thread that takes connections, and each connection's own share.
#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    port: Port,
    gate: Gate,
    /// `None` while cut. Locked before the connections.
    listener: Mutex<Option<TcpListener>>,
    /// Both ends of each connection.
    connections: Mutex<BTreeMap<u64, Vec<TcpStream>>>,
    counts: Counts,
}

/// A proxy on a port of its own. Cut when dropped.
#[derive(Debug)]
pub struct Proxy(Arc<Shared>);

impl Proxy {
    /// Starts one that passes everything on.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(target: SocketAddr) -> Result<Self, LabError> {
        let port = Port::reserve()?;
        let shared = Arc::new(Shared {
            target,
            listener: Mutex::new(Some(listen(port.address())?)),
            port,
            gate: Gate::default(),
            connections: Mutex::default(),
            counts: Counts::default(),
        });
        let weak = Arc::downgrade(&shared);
        std::thread::spawn(move || take_connections(&weak));
        Ok(Self(shared))
    }

    /// Where clients connect, the same after every cut.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.port.address()
    }

    /// Closes every connection and refuses new ones.
    pub fn cut(&self) {
        self.0.gate.set(Temper::Cut);
        // Nobody is taken from here on, so that none is missed below.
        *self.0.listener() = None;
        for stream in std::mem::take(&mut *self.0.connections()).into_values().flatten() {
            close(&stream);
        }
    }

    /// Passes everything on again: what was held back first.
    ///
    /// # Errors
    /// When somebody outside of this process has taken the port during a cut.
    pub fn heal(&self) -> Result<(), LabError> {
        let mut listener = self.0.listener();
        if listener.is_none() {
            *listener = Some(listen(self.address())?);
        }
        self.0.gate.set(Temper::Passing);
        Ok(())
    }

    /// Takes connections and passes nothing on, nor that one was closed. Does nothing while cut.
    pub fn stall(&self) {
        self.0.gate.order(Temper::Stalled);
    }

    /// Holds each chunk back for this long, in both directions. Does nothing while cut.
    pub fn slow(&self, delay: Duration) {
        self.0.gate.order(Temper::Slow(delay));
    }

    /// Passes the next request on to the server, and when its answer comes, closes the connection in its place. What had
    /// been sent on this connection before is done by then as well, and its answers are lost too. Once; does nothing
    /// while cut.
    pub fn lose_next_answer(&self) {
        self.lose_answer_to("");
    }

    /// The same for the next request that has the word in it, such as a command: others pass until then.
    pub fn lose_answer_to(&self, word: &str) {
        self.0.gate.order(Temper::AwaitingRequest { word: word.as_bytes().to_vec() });
    }

    /// What has passed through so far.
    #[must_use]
    pub fn passed(&self) -> Passed {
        let counts = &self.0.counts;
        let [connections, bytes_to_server, bytes_to_client, answers_lost] =
            [&counts.connections, &counts.bytes_to_server, &counts.bytes_to_client, &counts.answers_lost]
                .map(|count| count.load(Ordering::SeqCst));
        Passed { connections, bytes_to_server, bytes_to_client, answers_lost }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Shared {
    fn listener(&self) -> MutexGuard<'_, Option<TcpListener>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, BTreeMap<u64, Vec<TcpStream>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new connection with its number; `None` when there is none, or the proxy is cut.
    fn take(&self) -> Option<(u64, TcpStream)> {
        let listener = self.listener();
        let (client, _) = listener.as_ref()?.accept().ok()?;
        let number = self.counts.connections.fetch_add(1, Ordering::SeqCst);
        let same = client.try_clone().ok()?;
        self.connections().insert(number, vec![same]);
        Some((number, client))
    }

    /// Adds the server's end of a connection, unless it was cut meanwhile.
    fn attach(&self, number: u64, server: &TcpStream) -> Option<()> {
        let same = server.try_clone().ok()?;
        self.connections().get_mut(&number).map(|ends| ends.push(same))
    }

    fn detach(&self, number: u64) {
        self.gate.forget(number);
        self.connections().remove(&number);
    }
}

/// Ends with the proxy.
fn take_connections(proxy: &Weak<Shared>) {
    while let Some(shared) = proxy.upgrade() {
        match shared.take() {
            Some((number, client)) => {
                std::thread::spawn(move || wire::carry(&shared, number, &client));
            }
            None => std::thread::sleep(ACCEPT_INTERVAL),
        }
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, LabError> {
    let listener = TcpListener::bind(address).and_then(|listener| {
        // A cut waits for no new connection.
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map_err(LabError::while_doing("listen as a proxy"))
}

/// Fails only for a connection that is closed.
fn close(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Both);
}

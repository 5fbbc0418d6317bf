//! A proxy that lets so many bytes of the other side through and then cuts or stalls, and the count of what is left then.
//! It lives on threads of its own, so that the tasks of the test's runtime are those of the driver.

use super::*;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{oneshot, watch};

/// What happens when the bytes are through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The connection is closed.
    Close,
    /// Nothing more is said, and the connection stays.
    Stall,
}

pub struct Cutter {
    address: SocketAddr,
    order: Arc<Mutex<(usize, Ending)>>,
    passed: Arc<AtomicUsize>,
    stalls: Arc<watch::Sender<usize>>,
}

impl Cutter {
    /// In front of a server. Its threads end with their connections, and the last with the process.
    pub fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let order = Arc::new(Mutex::new((usize::MAX, Ending::Close)));
        let passed = Arc::<AtomicUsize>::default();
        let stalls = Arc::new(watch::Sender::new(0));
        let (orders, counter, stalled) = (Arc::clone(&order), Arc::clone(&passed), Arc::clone(&stalls));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (limit, ending) = *orders.lock().expect("nobody panics with it");
                counter.store(0, Ordering::SeqCst);
                let server = TcpStream::connect(server).expect("the server listens");
                let ends = (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
                std::thread::spawn(move || upstream(ends.0, ends.1));
                let (counter, stalled) = (Arc::clone(&counter), Arc::clone(&stalled));
                std::thread::spawn(move || {
                    if downstream(server, client, limit, ending, &counter) {
                        stalled.send_modify(|count| *count += 1);
                    }
                });
            }
        });
        Self { address, order, passed, stalls }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn cut_after(&self, bytes: usize, ending: Ending) {
        *self.order.lock().expect("nobody panics with it") = (bytes, ending);
    }

    /// Bytes of the server that the last connection let through.
    pub fn passed(&self) -> usize {
        self.passed.load(Ordering::SeqCst)
    }

    /// Changes with each connection that stalls.
    pub fn stalls(&self) -> watch::Receiver<usize> {
        self.stalls.subscribe()
    }

    /// Whether those who connected have read all that was let through.
    pub fn is_all_read(&self) -> bool {
        self.sockets().iter().all(|columns| columns[4].ends_with(":00000000"))
    }

    /// Sockets of this process, still open, that lead here.
    pub fn sockets_to(&self) -> usize {
        self.sockets().len()
    }

    fn sockets(&self) -> Vec<Vec<String>> {
        let table = std::fs::read_to_string("/proc/self/net/tcp").expect("Linux has it");
        let here = format!(":{:04X}", self.address.port());
        let columns = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        // The inode is 0 when no descriptor is left.
        let is_open = |columns: &Vec<String>| columns[2].ends_with(&here) && columns[9] != "0";
        table.lines().skip(1).map(columns).filter(is_open).collect()
    }
}

fn upstream(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// Whether it has stalled.
fn downstream(
    mut from: TcpStream,
    mut to: TcpStream,
    limit: usize,
    ending: Ending,
    passed: &AtomicUsize,
) -> bool {
    let mut bytes = [0; 4_096];
    while passed.load(Ordering::SeqCst) < limit {
        let Ok(read @ 1..) = from.read(&mut bytes) else { break };
        let left = limit - passed.load(Ordering::SeqCst);
        let part = &bytes[..read.min(left)];
        if to.write_all(part).is_err() {
            break;
        }
        passed.fetch_add(part.len(), Ordering::SeqCst);
    }
    if passed.load(Ordering::SeqCst) >= limit && ending == Ending::Stall {
        return true;
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    false
}

/// A simulated switch on a thread of its own: its address and host key, until it is dropped.
pub struct Elsewhere {
    pub address: SocketAddr,
    pub host_key: String,
    _end: oneshot::Sender<()>,
}

impl Elsewhere {
    /// `prepare` is asked before anybody connects.
    pub fn switch(password: &'static str, prepare: fn(&SimulatedSwitch)) -> Self {
        let (told, tell) = std::sync::mpsc::channel();
        let (end, ended) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let plan = SwitchPlan {
                    password: password.into(),
                    ..SwitchPlan::new("access-sw-17", Personality::Ios)
                };
                let addressing = Addressing::Ports { address: Ipv4Addr::LOCALHOST, first_port: 0 };
                let fleet = SimulatedFleet::start(addressing, vec![plan]).await.expect("a switch");
                let device = &fleet.switches()[0];
                prepare(device);
                told.send((device.address(), device.host_key())).expect("somebody waits");
                let _ = ended.await;
            });
        });
        let (address, host_key) = tell.recv().expect("it starts");
        Self { address, host_key, _end: end }
    }
}

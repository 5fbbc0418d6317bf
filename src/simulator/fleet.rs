//! The listeners, and which switch a connection is for.
//!
//! With loopback addresses one listener serves the whole fleet: Linux answers for all of 127.0.0.0/8, and the
//! accepted socket's own address names the switch. What came in by any other address is closed unread, so
//! that nothing here can be reached from outside the machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use russh::server;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::AbortHandle;

use super::connection::Connection;
use super::distance::Distance;
use super::plan::SwitchPlan;
use super::stream::{CuttableStream, reset_on_close};
use super::switch::{Admission, SimulatedSwitch};

/// Thousands may connect at once.
const BACKLOG: u32 = 4096;

/// After `accept` failed, which is mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How a fleet's switches are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// One address a switch, counted up from `first`, all on one port; port 0 takes a free one.
    LoopbackAddresses { first: Ipv4Addr, port: u16 },
    /// One port a switch, counted up from `first_port`; 0 takes a free one for each.
    Ports { address: Ipv4Addr, first_port: u16 },
}

/// Switches that listen. Dropping the fleet closes everything.
#[derive(Debug)]
pub struct SimulatedFleet {
    switches: Arc<[Arc<SimulatedSwitch>]>,
    listeners: Vec<AbortHandle>,
}

/// Where an accepted connection belongs.
enum Route {
    One(Arc<SimulatedSwitch>),
    ByAddress { first: Ipv4Addr, switches: Arc<[Arc<SimulatedSwitch>]> },
}

impl SimulatedFleet {
    /// Needs a tokio runtime, on which the switches then live.
    pub async fn start(addressing: Addressing, switches: Vec<SwitchPlan>) -> io::Result<Self> {
        match addressing {
            Addressing::LoopbackAddresses { first, port } => Self::on_addresses(first, port, switches),
            Addressing::Ports { address, first_port } => Self::on_ports(address, first_port, switches),
        }
    }

    fn on_addresses(first: Ipv4Addr, port: u16, plans: Vec<SwitchPlan>) -> io::Result<Self> {
        let listener = listen(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))?;
        let port = listener.local_addr()?.port();
        let mut switches = Vec::with_capacity(plans.len());
        for (place, plan) in plans.into_iter().enumerate() {
            let address = SocketAddr::from((nth_loopback(first, place)?, port));
            switches.push(Arc::new(SimulatedSwitch::new(plan, address)));
        }
        let switches: Arc<[_]> = switches.into();
        let route = Route::ByAddress { first, switches: switches.clone() };
        let listeners = vec![tokio::spawn(accept(listener, route)).abort_handle()];
        Ok(Self { switches, listeners })
    }

    fn on_ports(address: Ipv4Addr, first_port: u16, plans: Vec<SwitchPlan>) -> io::Result<Self> {
        let mut fleet = Self { switches: Arc::new([]), listeners: Vec::new() };
        let mut switches = Vec::with_capacity(plans.len());
        for (place, plan) in plans.into_iter().enumerate() {
            let listener = listen(SocketAddrV4::new(address, nth_port(first_port, place)?))?;
            let switch = Arc::new(SimulatedSwitch::new(plan, listener.local_addr()?));
            switches.push(switch.clone());
            fleet.listeners.push(tokio::spawn(accept(listener, Route::One(switch))).abort_handle());
        }
        fleet.switches = switches.into();
        Ok(fleet)
    }

    pub fn switch(&self, name: &str) -> Option<Arc<SimulatedSwitch>> {
        self.switches.iter().find(|switch| switch.name() == name).cloned()
    }

    pub fn switches(&self) -> &[Arc<SimulatedSwitch>] {
        &self.switches
    }

    /// Closes everything, and returns when the last session is gone.
    pub async fn stop(self) {
        self.close();
        for switch in self.switches.iter() {
            let mut changed = switch.changed();
            // The sender is in the switch, which we hold.
            let _ = changed.wait_for(|_| switch.counts().sessions_open == 0).await;
        }
    }

    fn close(&self) {
        for listener in &self.listeners {
            listener.abort();
        }
        for switch in self.switches.iter() {
            switch.stop();
        }
    }
}

impl Drop for SimulatedFleet {
    fn drop(&mut self) {
        self.close();
    }
}

fn listen(address: SocketAddrV4) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address.into())?;
    socket.listen(BACKLOG)
}

fn nth_loopback(first: Ipv4Addr, place: usize) -> io::Result<Ipv4Addr> {
    let place = u32::try_from(place).ok();
    let address = place.and_then(|place| first.to_bits().checked_add(place)).map(Ipv4Addr::from_bits);
    address.filter(Ipv4Addr::is_loopback).ok_or_else(|| out_of_range("switch addresses leave 127.0.0.0/8"))
}

fn nth_port(first: u16, place: usize) -> io::Result<u16> {
    if first == 0 {
        return Ok(0);
    }
    let place = u16::try_from(place).ok();
    place
        .and_then(|place| first.checked_add(place))
        .ok_or_else(|| out_of_range("switch ports go beyond 65535"))
}

fn out_of_range(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

impl Route {
    fn switch(&self, local: SocketAddr) -> Option<&Arc<SimulatedSwitch>> {
        match (self, local.ip()) {
            (Self::One(switch), _) => Some(switch),
            (Self::ByAddress { first, switches }, IpAddr::V4(local)) => {
                let place = local.to_bits().checked_sub(first.to_bits())?;
                switches.get(usize::try_from(place).ok()?)
            }
            (Self::ByAddress { .. }, IpAddr::V6(_)) => None,
        }
    }
}

async fn accept(listener: TcpListener, route: Route) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let switch = stream.local_addr().ok().and_then(|local| route.switch(local));
        if let Some(switch) = switch {
            attend(stream, peer, switch);
        }
    }
}

fn attend(stream: TcpStream, peer: SocketAddr, switch: &Arc<SimulatedSwitch>) {
    match switch.admit(peer) {
        Admission::Full => drop(stream),
        Admission::Refused => reset_on_close(&stream),
        Admission::Ignored(seat, cut) => {
            tokio::spawn(async move {
                let mut stream = CuttableStream::new(stream, cut, None);
                let mut swallowed = [0; 256];
                while stream.read(&mut swallowed).await.is_ok_and(|read| read > 0) {}
                drop(seat);
            });
        }
        Admission::Served(seat, cut) => {
            let config = switch.ssh();
            let round_trip = switch.plan().round_trip;
            let distance = (!round_trip.is_zero()).then(|| Distance::of(round_trip));
            tokio::spawn(async move {
                // Without it each answer would wait for an acknowledgement.
                let _ = stream.set_nodelay(true);
                let stream = CuttableStream::new(stream, cut, distance);
                // The session runs in a task of its own, and ends with the connection; a client that is no
                // SSH client ends here.
                let _ = server::run_stream(config, stream, Connection::new(seat)).await;
            });
        }
    }
}

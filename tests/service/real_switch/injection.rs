//! A cabinet without cables, for machines where nobody is root: Open vSwitch's dummy datapath behind OpenSSH on a free port,
//! both as whoever runs the test. A frame is put into a port's receiving end, and the switch's own counters, which are read
//! as they stand, say where it was sent. Every process is gone when it is dropped, after a panic too.

use super::cabinet::{BRIDGE, Cabinet, Datapath, PATIENCE, Place, Subscriber, UPLINK, signal};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::ops::Deref;
use std::time::{Duration, Instant};

/// Long enough for a daemon to end by itself.
const GRACE: Duration = Duration::from_secs(3);

/// The running switch.
pub struct Injection(Cabinet);

impl Deref for Injection {
    type Target = Cabinet;

    fn deref(&self) -> &Cabinet {
        &self.0
    }
}

impl Injection {
    pub fn build() -> Self {
        let lab = Self(Cabinet::new(Place::Here, free_address(), Datapath::Dummy));
        lab.start_switch();
        lab.start_ssh();
        lab.wait_for_ssh();
        lab
    }

    /// How many of `count` frames from the subscriber's port, with this source address, are sent out of the uplink.
    pub fn let_through(&self, who: Subscriber, mac: &str, count: u64) -> u64 {
        let port = self.port(who);
        let (received, sent) = (self.counted(port, "rx"), self.counted(UPLINK, "tx"));
        for _ in 0..count {
            self.inject(port, mac);
        }
        self.wait_until_received(port, received + count);
        self.counted(UPLINK, "tx") - sent
    }

    /// An address request to everybody, so that no table of learnt addresses has a say.
    fn inject(&self, port: &str, mac: &str) {
        let ether = format!("eth(src={mac},dst=ff:ff:ff:ff:ff:ff),eth_type(0x0806)");
        let request = format!("arp(sip=10.178.0.9,tip=10.178.0.1,op=1,sha={mac},tha=00:00:00:00:00:00)");
        self.console(&format!("ovs-appctl netdev-dummy/receive {port} in_port(1),{ether},{request}"));
    }

    /// The thread that counts a frame as received has sent it on, or dropped it, before it answers another question.
    fn wait_until_received(&self, port: &str, count: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.counted(port, "rx") < count {
            let seen = self.console(&format!("ovs-ofctl dump-ports {BRIDGE}"));
            assert!(Instant::now() < deadline, "{port} never received {count} frames: {seen}");
            std::thread::yield_now();
        }
    }

    /// What the port has received (`rx`) or sent (`tx`) so far.
    fn counted(&self, port: &str, direction: &str) -> u64 {
        let counters = self.console(&format!("ovs-ofctl dump-ports {BRIDGE} {port}"));
        let (_, after) = counters
            .split_once(&format!("{direction} pkts="))
            .unwrap_or_else(|| panic!("no {direction} of {port}: {counters}"));
        after.split(',').next().and_then(|number| number.parse().ok()).expect("a number before the comma")
    }

    fn pids(&self) -> Vec<String> {
        ["sshd", "ovs-vswitchd", "ovsdb-server"]
            .iter()
            .filter_map(|name| std::fs::read_to_string(self.file(&format!("{name}.pid"))).ok())
            .map(|pid| pid.trim().to_owned())
            .collect()
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        let pids = self.pids();
        pids.iter().for_each(|pid| drop(signal("TERM", pid)));
        let runs = |pid: &String| signal("0", pid).status.success();
        let deadline = Instant::now() + GRACE;
        while pids.iter().any(runs) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        pids.iter().filter(|pid| runs(pid)).for_each(|pid| drop(signal("KILL", pid)));
    }
}

fn free_address() -> SocketAddrV4 {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, probe.local_addr().expect("bound").port())
}

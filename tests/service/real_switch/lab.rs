//! A street on one machine: a cabinet with its userspace datapath in a network namespace, and a namespace each for two
//! subscribers and the provider. Packets are real. Whatever a lab started or made is gone when it is dropped, after a
//! panic too.

use super::cabinet::{self, Cabinet, Datapath, Place, Subscriber, UPLINK, must, run, text, within};
use super::cleanup::Cleanup;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Deref;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// The provider's address, on a network that exists in the namespaces only.
pub const PROVIDER: &str = "10.178.0.1";

/// The running switch and the houses around it.
pub struct Lab {
    // Dropped first: the processes must be gone before their folder.
    _cleanup: Cleanup,
    cabinet: Cabinet,
    name: String,
}

impl Deref for Lab {
    type Target = Cabinet;

    fn deref(&self) -> &Cabinet {
        &self.cabinet
    }
}

/// The tool that a lab needs and this machine lacks.
pub fn missing_tool() -> Option<&'static str> {
    ["ip", "ping", "ethtool"]
        .into_iter()
        .find(|tool| !cabinet::is_installed(tool))
        .or_else(cabinet::missing_tool)
}

/// Why no network namespace can be made here; `None` when one can.
pub fn no_namespaces() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    if !std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        return Some("network namespaces need root".to_owned());
    }
    let probe = unique_name();
    let made = run(Command::new("ip").args(["netns", "add", &probe]));
    run(Command::new("ip").args(["netns", "del", &probe]));
    (!made.status.success())
        .then(|| format!("this root may not make a network namespace: {}", text(&made.stderr)))
}

/// Short, since an interface's name holds 15 bytes, and of no other run.
pub fn unique_name() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("sy{:x}{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}

impl Lab {
    pub fn build() -> Self {
        let name = unique_name();
        let [near, address] = management_addresses(&name);
        let cleanup = Cleanup::of(Self::namespaces(&name).to_vec(), Some(management_cable(&name)));
        let switch = Place::Namespace(format!("{name}-sw"));
        let cabinet = Cabinet::new(switch, SocketAddrV4::new(address, 22), Datapath::Userspace);
        let lab = Self { _cleanup: cleanup, cabinet, name };
        lab.make_namespaces();
        lab.wire_management(near, address);
        lab.wire_houses();
        lab.start_switch();
        lab.start_ssh();
        lab.wait_for_ssh();
        lab
    }

    fn namespaces(name: &str) -> [String; 4] {
        ["sw", "isp", "h1", "h2"].map(|place| format!("{name}-{place}"))
    }

    fn place(&self, place: &str) -> String {
        format!("{}-{place}", self.name)
    }

    fn house(&self, who: Subscriber) -> String {
        self.place(&format!("h{}", who.number()))
    }

    fn make_namespaces(&self) {
        for namespace in Self::namespaces(&self.name) {
            must(Command::new("ip").args(["netns", "add", &namespace]));
            // No frames of a kernel's own accord: what arrives at the provider was let through by the switch.
            let quiet = "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6";
            run(within(&namespace, "sh").args(["-c", quiet]));
            must(within(&namespace, "ip").args(["link", "set", "lo", "up"]));
        }
    }

    fn wire_management(&self, near: Ipv4Addr, address: Ipv4Addr) {
        let (switch, here) = (self.place("sw"), management_cable(&self.name));
        must(
            Command::new("ip")
                .args(["link", "add", &here, "type", "veth", "peer", "name", "mgmt", "netns", &switch]),
        );
        must(Command::new("ip").args(["addr", "add", &format!("{near}/30"), "dev", &here]));
        must(Command::new("ip").args(["link", "set", &here, "up"]));
        must(within(&switch, "ip").args(["addr", "add", &format!("{address}/30"), "dev", "mgmt"]));
        must(within(&switch, "ip").args(["link", "set", "mgmt", "up"]));
    }

    fn wire_houses(&self) {
        self.wire_house(UPLINK, &self.place("isp"), PROVIDER);
        for who in Subscriber::ALL {
            let address = format!("10.178.0.1{}", who.number());
            self.wire_house(self.port(who), &self.house(who), &address);
        }
    }

    fn wire_house(&self, port: &str, house: &str, address: &str) {
        let switch = self.place("sw");
        must(
            within(&switch, "ip")
                .args(["link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", house]),
        );
        // A checksum left to hardware that isn't there would be wrong on the wire.
        must(within(&switch, "ethtool").args(["-K", port, "tx", "off"]));
        must(within(house, "ethtool").args(["-K", "eth0", "tx", "off"]));
        must(within(house, "ip").args(["addr", "add", &format!("{address}/24"), "dev", "eth0"]));
        must(within(house, "ip").args(["link", "set", "eth0", "up"]));
        must(within(&switch, "ip").args(["link", "set", port, "up"]));
    }

    /// Gives the subscriber's own equipment this address.
    pub fn plug_in(&self, who: Subscriber, mac: &str) {
        must(within(&self.house(who), "ip").args(["link", "set", "eth0", "address", mac]));
    }

    /// How many of `count` pings, five a second, the provider answered.
    pub fn answered(&self, who: Subscriber, count: u16) -> u16 {
        let output = run(within(&self.house(who), "ping").args([
            "-n",
            "-i",
            "0.2",
            "-W",
            "1",
            "-c",
            &count.to_string(),
            PROVIDER,
        ]));
        let said = text(&output.stdout);
        let counted = said.split(", ").find_map(|part| part.strip_suffix(" received"));
        counted
            .and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("{said}{}", text(&output.stderr)))
    }

    /// How many frames have reached the provider so far.
    pub fn frames_at_provider(&self) -> u64 {
        let output = must(within(&self.place("isp"), "cat").arg("/sys/class/net/eth0/statistics/rx_packets"));
        text(&output.stdout).parse().expect("a number")
    }

    /// Pings until one is answered.
    pub fn wait_until_answered(&self, who: Subscriber) {
        let deadline = Instant::now() + cabinet::PATIENCE;
        while self.answered(who, 1) == 0 {
            let seen = || format!("{}\n{}", self.console("ovs-vsctl show"), self.flows_of(who));
            assert!(Instant::now() < deadline, "never answered; the switch has {}", seen());
        }
    }
}

/// The root namespace's end of the switch's management network.
fn management_cable(name: &str) -> String {
    format!("{name}m")
}

/// The two ends of a network of four addresses, another one for each lab.
fn management_addresses(name: &str) -> [Ipv4Addr; 2] {
    let digits = u32::from_str_radix(&name[2..], 16).expect("made of hex digits");
    let network = u32::from(Ipv4Addr::new(10, 177, 0, 0)) + (digits % (1 << 14)) * 4;
    [network + 1, network + 2].map(Ipv4Addr::from)
}

//! A street cabinet on one machine: Open vSwitch with its userspace datapath behind OpenSSH in a network namespace, and a
//! namespace each for two subscribers and the provider. Packets are real; nothing in here knows how the service talks
//! to a switch. Whatever a lab started or made is gone when it is dropped, after a panic too.

use super::cleanup::Cleanup;
use crate::harness::VLAN;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The captive portal's VLAN, where every subscriber's port begins.
pub const CAPTIVE: u16 = 999;
/// The bridge.
pub const BRIDGE: &str = "br0";
/// The provider's address, on a network that exists in the namespaces only.
pub const PROVIDER: &str = "10.178.0.1";

const PATIENCE: Duration = Duration::from_secs(20);
const TOOLS: [&str; 8] =
    ["ip", "ping", "ethtool", "ssh-keygen", "ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl"];

/// A subscriber's house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscriber {
    First,
    Second,
}

impl Subscriber {
    const ALL: [Self; 2] = [Self::First, Self::Second];

    fn number(self) -> u8 {
        match self {
            Self::First => 1,
            Self::Second => 2,
        }
    }
}

/// The running switch and the houses around it.
pub struct Lab {
    // Dropped first: the processes must be gone before their folder.
    _cleanup: Cleanup,
    folder: TempDir,
    name: String,
    address: Ipv4Addr,
}

/// Why no lab can be built here; `None` when one can.
pub fn missing() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    if !std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        return Some("network namespaces need root".to_owned());
    }
    let lacking = TOOLS.into_iter().chain(["sshd"]).find(|tool| !is_installed(tool));
    if let Some(tool) = lacking {
        return Some(format!("{tool} is not installed"));
    }
    let probe = unique_name();
    let made = run(Command::new("ip").args(["netns", "add", &probe]));
    run(Command::new("ip").args(["netns", "del", &probe]));
    (!made.status.success())
        .then(|| format!("this root may not make a network namespace: {}", text(&made.stderr)))
}

fn is_installed(tool: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter().any(|folder| Path::new(folder).join(tool).exists())
}

/// Short, since an interface's name holds 15 bytes, and of no other run.
fn unique_name() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("sy{:x}{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}

impl Lab {
    pub fn build() -> Self {
        let name = unique_name();
        let folder = tempfile::tempdir().expect("a folder");
        let [near, address] = management_addresses(&name);
        let cleanup = Cleanup::of(Self::namespaces(&name), management_cable(&name));
        let lab = Self { _cleanup: cleanup, folder, name, address };
        lab.make_namespaces();
        lab.wire_management(near);
        lab.wire_houses();
        lab.start_switch();
        lab.start_ssh();
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

    fn wire_management(&self, near: Ipv4Addr) {
        let (switch, here) = (self.place("sw"), management_cable(&self.name));
        must(
            Command::new("ip")
                .args(["link", "add", &here, "type", "veth", "peer", "name", "mgmt", "netns", &switch]),
        );
        must(Command::new("ip").args(["addr", "add", &format!("{near}/30"), "dev", &here]));
        must(Command::new("ip").args(["link", "set", &here, "up"]));
        must(within(&switch, "ip").args(["addr", "add", &format!("{}/30", self.address), "dev", "mgmt"]));
        must(within(&switch, "ip").args(["link", "set", "mgmt", "up"]));
    }

    fn wire_houses(&self) {
        self.wire_house("uplink", &self.place("isp"), PROVIDER);
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

    fn start_switch(&self) {
        let (database, socket) = (self.file("conf.db"), self.file("db.sock"));
        must(
            Command::new("ovsdb-tool")
                .arg("create")
                .arg(&database)
                .arg("/usr/share/openvswitch/vswitch.ovsschema"),
        );
        must(self.daemon("ovsdb-server").arg(&database).arg(format!("--remote=punix:{}", socket.display())));
        must(self.on_switch("ovs-vsctl").args(["--no-wait", "init"]));
        must(self.daemon("ovs-vswitchd").arg(format!("unix:{}", socket.display())));
        must(self.on_switch("ovs-vsctl").args([
            "add-br",
            BRIDGE,
            "--",
            "set",
            "bridge",
            BRIDGE,
            "datapath_type=netdev",
        ]));
        self.add_port("uplink", VLAN);
        for who in Subscriber::ALL {
            self.add_port(self.port(who), CAPTIVE);
        }
    }

    fn add_port(&self, port: &str, vlan: u16) {
        must(self.on_switch("ovs-vsctl").args(["add-port", BRIDGE, port, &format!("tag={vlan}")]));
    }

    fn daemon(&self, program: &str) -> Command {
        let mut command = self.on_switch(program);
        command.arg("--detach").arg("--no-chdir").arg("-vconsole:off");
        command.arg(format!("--pidfile={}", self.file(&format!("{program}.pid")).display()));
        command.arg(format!("--log-file={}", self.file(&format!("{program}.log")).display()));
        command
    }

    fn start_ssh(&self) {
        for key in ["host_key", "client_key"] {
            must(
                Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(self.file(key)),
            );
        }
        // sshd drops its privileges into this folder, which Debian makes only when it boots.
        std::fs::create_dir_all("/run/sshd").expect("root");
        let config = self.file("sshd_config");
        std::fs::write(&config, self.sshd_config()).expect("a file");
        must(
            within(&self.place("sw"), "/usr/sbin/sshd")
                .arg("-f")
                .arg(&config)
                .arg("-E")
                .arg(self.file("sshd.log")),
        );
        self.wait_for_ssh();
    }

    /// `HOME` is the lab's folder: the shell must not read what the root of this machine has in its own.
    fn sshd_config(&self) -> String {
        let folder = self.folder.path().display();
        format!(
            "ListenAddress {}:22\nHostKey {folder}/host_key\nPidFile {folder}/sshd.pid\n\
             AuthorizedKeysFile {folder}/client_key.pub\nPermitRootLogin prohibit-password\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nStrictModes no\nUsePAM no\nPermitUserRC no\n\
             SetEnv OVS_RUNDIR={folder} HOME={folder} PATH=/usr/sbin:/usr/bin:/sbin:/bin\n",
            self.address
        )
    }

    fn wait_for_ssh(&self) {
        let deadline = Instant::now() + PATIENCE;
        let answer =
            || std::net::TcpStream::connect_timeout(&(self.address, 22).into(), Duration::from_secs(1));
        while let Err(error) = answer() {
            let log = std::fs::read_to_string(self.file("sshd.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "sshd never answered: {error}; {log}");
            std::thread::yield_now();
        }
    }

    /// A command on the switch's own console: what an operator would see there.
    fn on_switch(&self, program: &str) -> Command {
        let mut command = within(&self.place("sw"), program);
        for variable in ["OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR"] {
            command.env(variable, self.folder.path());
        }
        command
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where its SSH server listens.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The private key that opens it.
    pub fn client_key(&self) -> PathBuf {
        self.file("client_key")
    }

    /// Its host key, as in a `known_hosts` line: algorithm and base64.
    pub fn host_key(&self) -> String {
        let line = std::fs::read_to_string(self.file("host_key.pub")).expect("made by ssh-keygen");
        line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// The switch port at the end of a subscriber's cable.
    pub fn port(&self, who: Subscriber) -> &'static str {
        match who {
            Subscriber::First => "p1",
            Subscriber::Second => "p2",
        }
    }

    /// What the switch says on its own console, without the line's end.
    pub fn console(&self, line: &str) -> String {
        let mut words = line.split(' ');
        let output = must(self.on_switch(words.next().expect("a program")).args(words));
        text(&output.stdout)
    }

    /// The access VLAN that stands on the port.
    pub fn access_vlan(&self, who: Subscriber) -> String {
        self.console(&format!("ovs-vsctl get port {} tag", self.port(who)))
    }

    /// Towards the subscriber, `None` for unshaped, and from it, 0 for unshaped.
    pub fn speeds_kbps(&self, who: Subscriber) -> (Option<u64>, u64) {
        let port = self.port(who);
        let down = self.console(&format!("ovs-vsctl --if-exists get qos {port} other_config:max-rate"));
        let up = self.console(&format!("ovs-vsctl get interface {port} ingress_policing_rate"));
        let down_bps: Option<u64> =
            (!down.is_empty()).then(|| down.trim_matches('"').parse().expect("a number"));
        (down_bps.map(|bps| bps / 1000), up.parse().expect("a number"))
    }

    /// The rules for frames from the port that aren't the bridge's usual one.
    pub fn flows_of(&self, who: Subscriber) -> String {
        self.console(&format!("ovs-ofctl --names --no-stats dump-flows {BRIDGE} in_port={}", self.port(who)))
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

    /// Ends the switch's database, as a crash would.
    pub fn stop_database(&self) {
        let pid = std::fs::read_to_string(self.file("ovsdb-server.pid")).expect("written when it started");
        must(Command::new("sh").args(["-c", "kill -s KILL \"$1\"", "sh", pid.trim()]));
    }

    /// Pings until one is answered.
    pub fn wait_until_answered(&self, who: Subscriber) {
        let deadline = Instant::now() + PATIENCE;
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

fn within(namespace: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    command
        .args(["netns", "exec", namespace, program])
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C");
    command
}

pub fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

pub fn must(command: &mut Command) -> Output {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

//! A street cabinet: Open vSwitch behind a real OpenSSH server, on a free loopback port or in a network namespace. Nothing
//! in here knows how the service talks to a switch, and nothing ends what was started: whoever keeps a cabinet does.

use crate::harness::VLAN;
use std::net::{SocketAddrV4, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The captive portal's VLAN, where every subscriber's port begins.
pub const CAPTIVE: u16 = 999;
/// The bridge.
pub const BRIDGE: &str = "br0";
/// The port towards the provider, in the VLAN of the plan.
pub const UPLINK: &str = "uplink";
/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
const TOOLS: [&str; 7] =
    ["ssh-keygen", "sshd", "ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl"];

/// A subscriber's house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscriber {
    First,
    Second,
}

impl Subscriber {
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    pub fn number(self) -> u8 {
        match self {
            Self::First => 1,
            Self::Second => 2,
        }
    }
}

/// Where a cabinet's processes run.
pub enum Place {
    /// In a network namespace, as root.
    Namespace(String),
    /// Beside the test, as whoever runs it.
    Here,
}

/// What moves its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datapath {
    /// Interfaces of the namespace are its ports.
    Userspace,
    /// Its ports are at the end of no cable: a frame is injected, and what is sent is counted.
    Dummy,
}

/// The switch.
pub struct Cabinet {
    folder: TempDir,
    place: Place,
    listen: SocketAddrV4,
    datapath: Datapath,
}

/// The tool that a cabinet needs and this machine lacks.
pub fn missing_tool() -> Option<&'static str> {
    TOOLS.into_iter().find(|tool| !is_installed(tool))
}

pub fn is_installed(tool: &str) -> bool {
    PATH.split(':').any(|folder| Path::new(folder).join(tool).exists())
}

impl Cabinet {
    /// One that doesn't run yet.
    pub fn new(place: Place, listen: SocketAddrV4, datapath: Datapath) -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), place, listen, datapath }
    }

    pub fn start_switch(&self) {
        let (database, socket) = (self.file("conf.db"), self.file("db.sock"));
        must(
            Command::new("ovsdb-tool")
                .env("PATH", PATH)
                .arg("create")
                .arg(&database)
                .arg("/usr/share/openvswitch/vswitch.ovsschema"),
        );
        must(self.daemon("ovsdb-server").arg(&database).arg(format!("--remote=punix:{}", socket.display())));
        must(self.on_switch("ovs-vsctl").args(["--no-wait", "init"]));
        let mut switch = self.daemon("ovs-vswitchd");
        if self.datapath == Datapath::Dummy {
            switch.args(["--enable-dummy=override", "--disable-system"]);
        }
        must(switch.arg(format!("unix:{}", socket.display())));
        self.add_bridge();
    }

    fn add_bridge(&self) {
        let datapath = match self.datapath {
            Datapath::Userspace => "netdev",
            Datapath::Dummy => "dummy",
        };
        self.console(&format!("ovs-vsctl add-br {BRIDGE} -- set bridge {BRIDGE} datapath_type={datapath}"));
        self.add_port(UPLINK, VLAN);
        for who in Subscriber::ALL {
            self.add_port(self.port(who), CAPTIVE);
        }
    }

    fn add_port(&self, port: &str, vlan: u16) {
        let kind = match self.datapath {
            Datapath::Userspace => String::new(),
            Datapath::Dummy => format!(" -- set interface {port} type=dummy"),
        };
        self.console(&format!("ovs-vsctl add-port {BRIDGE} {port} tag={vlan}{kind}"));
    }

    fn daemon(&self, program: &str) -> Command {
        let mut command = self.on_switch(program);
        command.arg("--detach").arg("--no-chdir").arg("-vconsole:off");
        command.arg(format!("--pidfile={}", self.file(&format!("{program}.pid")).display()));
        command.arg(format!("--log-file={}", self.file(&format!("{program}.log")).display()));
        command
    }

    pub fn start_ssh(&self) {
        for key in ["host_key", "client_key"] {
            must(
                Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(self.file(key)),
            );
        }
        if username() == "root" {
            // A root's sshd drops its privileges into this folder, which Debian makes only when it boots.
            std::fs::create_dir_all("/run/sshd").expect("root");
        }
        let config = self.file("sshd_config");
        std::fs::write(&config, self.sshd_config()).expect("a file");
        must(self.on_switch("/usr/sbin/sshd").arg("-f").arg(&config).arg("-E").arg(self.file("sshd.log")));
    }

    /// `HOME` is the lab's folder: the shell must not read what its user has in their own.
    fn sshd_config(&self) -> String {
        let folder = self.folder.path().display();
        format!(
            "ListenAddress {}\nHostKey {folder}/host_key\nPidFile {folder}/sshd.pid\n\
             AuthorizedKeysFile {folder}/client_key.pub\nPermitRootLogin prohibit-password\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nStrictModes no\nUsePAM no\nPermitUserRC no\n\
             SetEnv OVS_RUNDIR={folder} HOME={folder} PATH={PATH}\n",
            self.listen
        )
    }

    pub fn wait_for_ssh(&self) {
        let deadline = Instant::now() + PATIENCE;
        let answer = || TcpStream::connect_timeout(&self.listen.into(), Duration::from_secs(1));
        while let Err(error) = answer() {
            let log = std::fs::read_to_string(self.file("sshd.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "sshd never answered: {error}; {log}");
            std::thread::yield_now();
        }
    }

    /// A command on the switch's own console: what an operator would see there.
    fn on_switch(&self, program: &str) -> Command {
        let mut command = match &self.place {
            Place::Namespace(namespace) => within(namespace, program),
            Place::Here => plainly(Command::new(program)),
        };
        for variable in ["OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR"] {
            command.env(variable, self.folder.path());
        }
        command
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where its SSH server listens.
    pub fn listens(&self) -> SocketAddrV4 {
        self.listen
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

    /// Ends the switch's database, as a crash would.
    pub fn stop_database(&self) {
        let pid = std::fs::read_to_string(self.file("ovsdb-server.pid")).expect("written when it started");
        signal("KILL", pid.trim());
    }
}

/// Whoever runs the test: the only one whom a server without root lets in.
pub fn username() -> String {
    text(&must(Command::new("id").arg("-un")).stdout)
}

/// `kill` is asked of the shell: a small Debian has no program of that name.
pub fn signal(name: &str, pid: &str) -> Output {
    run(Command::new("sh").args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, pid]))
}

pub fn within(namespace: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace, program]);
    plainly(command)
}

fn plainly(mut command: Command) -> Command {
    command.env("PATH", PATH).env("LC_ALL", "C");
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

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

//! A router: FRRouting's zebra in a network namespace of its own, and its command line, vtysh, behind a real OpenSSH server on
//! a free loopback port. Who logs in is decided by the key: the operator may write the configuration file, the guest may
//! not, and the reader's answers go through a pager. Whatever was started or made is gone when it is dropped.

use super::Peer;
use crate::real_switch::cabinet::{PATIENCE, is_installed, must, run, signal, text, within};
use crate::real_switch::cleanup::Cleanup;
use crate::real_switch::lab::unique_name;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use switchyard_actors::domain::inventory::{Credentials, SecretRef};
use tempfile::TempDir;

const ZEBRA: &str = "/usr/lib/frr/zebra";
const VTYSH: &str = "/usr/bin/vtysh";
/// What the router calls itself.
const NAME: &str = "edge-frr";
/// Its interface, at the end of a cable.
pub const INTERFACE: &str = "swp1";

/// Who logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Operator,
    Guest,
    Reader,
}

impl Who {
    const ALL: [Self; 3] = [Self::Operator, Self::Guest, Self::Reader];

    fn key(self) -> &'static str {
        match self {
            Self::Operator => "operator_key",
            Self::Guest => "guest_key",
            Self::Reader => "reader_key",
        }
    }

    /// What stands before the command line's own name. The pager may run no shell: a device's can't either.
    fn prefix(self) -> &'static str {
        match self {
            Self::Operator => "",
            Self::Guest => "setpriv --reuid nobody --regid nogroup --groups frrvty",
            Self::Reader => "env MORESECURE=1 'VTYSH_PAGER=more -e -4'",
        }
    }
}

/// The running router.
pub struct Router {
    // Dropped first: the processes must be gone before their folder.
    _cleanup: Cleanup,
    sshd: Child,
    folder: TempDir,
    namespace: String,
    listen: SocketAddrV4,
}

/// The tool that a router needs and this machine lacks.
pub fn missing_tool() -> Option<&'static str> {
    let missing = [ZEBRA, VTYSH].into_iter().find(|program| !Path::new(program).exists());
    missing.or_else(|| {
        ["sshd", "ssh-keygen", "ip", "setpriv", "more"].into_iter().find(|tool| !is_installed(tool))
    })
}

impl Router {
    pub fn build() -> Self {
        let namespace = unique_name();
        let cleanup = Cleanup::of(vec![namespace.clone()], None);
        let folder = tempfile::tempdir().expect("a folder");
        wire(&namespace);
        start_zebra(&namespace, folder.path());
        let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let listen = SocketAddrV4::new(Ipv4Addr::LOCALHOST, probe.local_addr().expect("bound").port());
        drop(probe);
        let sshd = start_ssh(folder.path(), listen);
        let router = Self { _cleanup: cleanup, sshd, folder, namespace, listen };
        router.wait_until(|| TcpStream::connect(listen).is_ok(), "answered");
        router
    }

    fn wait_until(&self, holds: impl Fn() -> bool, what: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            let log = std::fs::read_to_string(self.file("sshd.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "never {what}: {log}");
            std::thread::yield_now();
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The way in for one of them.
    pub fn peer(&self, who: Who) -> Peer {
        let host_key = std::fs::read_to_string(self.file("host_key.pub")).expect("made by ssh-keygen");
        Peer {
            name: NAME.into(),
            platform: "frr",
            address: self.listen,
            host_key: host_key.split_whitespace().take(2).collect::<Vec<_>>().join(" "),
            credentials: Credentials {
                username: "root".into(),
                private_key: Some(SecretRef::File(self.file(who.key()).display().to_string())),
                ..Credentials::default()
            },
        }
    }

    /// Whether the kernel itself has the interface up.
    pub fn is_up(&self) -> bool {
        let shown = must(within(&self.namespace, "ip").args(["-o", "link", "show", INTERFACE]));
        let flags = text(&shown.stdout);
        flags.split(['<', '>']).nth(1).is_some_and(|flags| flags.split(',').any(|flag| flag == "UP"))
    }

    /// What the router would start with.
    pub fn saved(&self) -> String {
        std::fs::read_to_string(self.file("etc/frr.conf")).unwrap_or_default()
    }

    /// Ends the server's process of the session that was opened last.
    pub fn cut_session(&self) {
        let pid = std::fs::read_to_string(self.file("session.pid")).expect("written when it was opened");
        assert!(signal("KILL", pid.trim()).status.success(), "{pid}");
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
    }
}

fn wire(namespace: &str) {
    must(Command::new("ip").args(["netns", "add", namespace]));
    must(within(namespace, "ip").args(["link", "add", INTERFACE, "type", "veth", "peer", "name", "house"]));
    must(within(namespace, "ip").args(["link", "set", "house", "up"]));
    must(within(namespace, "ip").args(["link", "set", INTERFACE, "up"]));
}

fn start_zebra(namespace: &str, folder: &Path) {
    // Another user's processes come through here.
    must(Command::new("chmod").arg("755").arg(folder));
    let (sockets, configuration) = (folder.join("run"), folder.join("etc"));
    for made in [&sockets, &configuration] {
        std::fs::create_dir(made).expect("a folder");
    }
    must(Command::new("chown").arg("frr:frr").arg(&sockets));
    let own = format!("service integrated-vtysh-config\nhostname {NAME}\n");
    std::fs::write(configuration.join("vtysh.conf"), own).expect("a file");
    let mut zebra = within(namespace, ZEBRA);
    zebra.args(["--daemon", "--user", "frr", "--group", "frr", "--vty_port", "0"]);
    zebra.arg("--vty_socket").arg(&sockets).arg("--socket").arg(sockets.join("zserv.api"));
    zebra
        .arg("--pid_file")
        .arg(sockets.join("zebra.pid"))
        .arg("--config_file")
        .arg(sockets.join("zebra.conf"));
    must(zebra.stdout(Stdio::null()));
    let deadline = Instant::now() + PATIENCE;
    while !sockets.join("zebra.vty").exists() {
        assert!(Instant::now() < deadline, "zebra never listened");
        std::thread::yield_now();
    }
}

fn start_ssh(folder: &Path, listen: SocketAddrV4) -> Child {
    let keys = Who::ALL.map(Who::key);
    for key in keys.iter().chain(&["host_key"]) {
        must(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join(key)));
    }
    let lines = Who::ALL.map(|who| authorized(folder, who));
    std::fs::write(folder.join("authorized_keys"), lines.concat()).expect("a file");
    // The server drops its privileges into this folder, which Debian makes only when it boots.
    std::fs::create_dir_all("/run/sshd").expect("root");
    let place = folder.display();
    let config = format!(
        "ListenAddress {listen}\nHostKey {place}/host_key\nPidFile {place}/sshd.pid\nAuthorizedKeysFile {place}/authorized_keys\n\
         PermitRootLogin forced-commands-only\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nStrictModes no\n\
         UsePAM no\nPermitUserRC no\nSetEnv HOME={place}\n"
    );
    std::fs::write(folder.join("sshd_config"), config).expect("a file");
    let mut sshd = Command::new("/usr/sbin/sshd");
    sshd.arg("-D").arg("-f").arg(folder.join("sshd_config")).arg("-E").arg(folder.join("sshd.log"));
    sshd.stdin(Stdio::null()).spawn().expect("a server")
}

/// The line of a key, which opens this command line and nothing else; it leaves word of the server's process.
fn authorized(folder: &Path, who: Who) -> String {
    let place = folder.display();
    let script = format!(
        "echo $PPID >{place}/session.pid\nexec {} {VTYSH} --vty_socket {place}/run --config_dir {place}/etc\n",
        who.prefix()
    );
    let file = folder.join(format!("{}.sh", who.key()));
    std::fs::write(&file, script).expect("a file");
    let key = std::fs::read_to_string(folder.join(format!("{}.pub", who.key()))).expect("made by ssh-keygen");
    format!("command=\"/bin/sh {}\" {key}", file.display())
}

/// Why there can be no router here; `None` where there can.
pub fn reason() -> Option<String> {
    let status = run(Command::new("id").arg("-u"));
    (text(&status.stdout) != "0").then(|| "a router's interfaces are root's".to_owned())
}

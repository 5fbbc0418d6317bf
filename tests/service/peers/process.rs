//! The public simulator's switches, all in one process, which a test run starts when the first test asks for one. It ends by
//! itself when the run does, since its input ends then.

use super::Peer;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use switchyard_actors::domain::inventory::{Credentials, SecretRef};

/// One for each test, so that none meets what another left.
const SWITCHES: [(&str, &str); 8] = [
    ("cisco-plain", "cisco_2960_24TT_L"),
    ("cisco-secured", "cisco_generic"),
    ("cisco-shipped", "cisco_2960_24TT_L"),
    ("cisco-crashes", "cisco_2960_24TT_L"),
    ("cisco-story", "cisco_2960_24TT_L"),
    ("arista", "arista_generic"),
    ("dell", "dell_generic"),
    ("dell-refuses", "dell_generic"),
];

const USER: &str = "admin";
/// As the script has it.
const PASSWORD: &str = "pw-fake-switches-52";

/// The running switches.
pub struct FakeSwitches {
    // Its input ends with us, and then it does.
    _child: Child,
    host_key: String,
    ports: HashMap<String, u16>,
}

/// The interpreter that has the package, which `tests/run` makes.
fn python() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_switchyard"));
    let target = binary.parent().and_then(Path::parent).expect("a folder for each profile");
    target.join("fake-switches/bin/python")
}

/// What is missing to have any.
pub fn missing() -> Option<&'static str> {
    (!python().exists()).then_some("fake-switches (tests/run installs it)")
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The file that has the password of all of them, for the login and for privilege.
pub fn password_file() -> PathBuf {
    file("fake-switches-password")
}

impl FakeSwitches {
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<FakeSwitches> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        std::fs::write(password_file(), PASSWORD).expect("a file");
        let log = file("fake-switches.log");
        let mut child = Command::new(python())
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service/peers/start_switches.py"))
            .args(SWITCHES.map(|(name, model)| format!("{name}={model}")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a log"))
            .spawn()
            .expect("python");
        let said = BufReader::new(child.stdout.take().expect("piped"));
        let said = said.lines().map_while(Result::ok).take_while(|line| line != "ready");
        let mut words: HashMap<String, String> = said
            .filter_map(|line| line.split_once(' ').map(|(name, rest)| (name.to_owned(), rest.to_owned())))
            .collect();
        let host_key = words.remove("host_key").unwrap_or_else(|| panic!("not started: {}", log.display()));
        let ports = words.into_iter().map(|(name, port)| (name, port.parse().expect("a port"))).collect();
        Self { _child: child, host_key, ports }
    }

    /// One of them, spoken to as `platform` says.
    pub fn peer(&self, name: &str, platform: &'static str) -> Peer {
        let password = SecretRef::File(password_file().display().to_string());
        Peer {
            name: name.into(),
            platform,
            address: SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.ports[name]),
            host_key: self.host_key.clone(),
            credentials: Credentials {
                username: USER.into(),
                password: Some(password.clone()),
                enable_password: Some(password),
                ..Credentials::default()
            },
        }
    }
}

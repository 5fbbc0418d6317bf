//! What an open session takes in memory on our side, beside a bare russh session with the same buffers' defaults, in the same run.
//!
//! ```text
//!   this process ──┬── the switches, a process of their own
//!                  ├── opens N bare sessions, says its resident memory before and after, ends
//!                  └── opens N of the driver's, the same
//! ```
//!
//! Each is a process of its own, so that neither lives in what the other gave back. Rounds take turns.

#![allow(clippy::print_stdout)] // a bench that prints nothing says nothing

use russh::client::{self, Msg};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelMsg};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use switchyard::simulator::{Addressing, Personality, SimulatedFleet, SwitchPlan};
use switchyard::ssh::{Driver, Platforms, Settings};
use switchyard_actors::domain::config::VlanId;
use switchyard_actors::domain::ids::SwitchId;
use switchyard_actors::domain::inventory::{Credentials, SecretRef, Switch};
use switchyard_actors::ports::driver::SwitchDriver;
use switchyard_actors::ports::guard::SessionGuard;

const SESSIONS: usize = 2_000;
const ROUNDS: usize = 5;
/// Being opened at once, as `supervision.max_opening` has it.
const AT_ONCE: usize = 64;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let role = arguments.iter().position(|argument| argument == "--be").map(|place| &arguments[place + 1]);
    match role.map(String::as_str) {
        Some("switches") => actix_rt::System::new().block_on(be_switches()),
        Some(client) => actix_rt::System::new().block_on(be_client(client)),
        None => compare(),
    }
}

fn compare() {
    let folder = tempfile::tempdir().expect("a folder");
    let devices = folder.path().join("devices");
    let switches = Elsewhere::start(&["switches", &devices.display().to_string()]);
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (client, bytes) in [("bare", &mut bare), ("driver", &mut ours)] {
            bytes.push(Elsewhere::start(&[client, &devices.display().to_string()]).said);
        }
    }
    drop(switches);
    let (bare, ours) = (median(bare), median(ours));
    println!(
        "memory of one of {SESSIONS} open sessions: bare russh {bare:.1} KiB, the driver {ours:.1} KiB, {:.2} x",
        ours / bare
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// This program in another role; it says a number when it is where it should be, and ends with its standard input.
struct Elsewhere {
    process: Child,
    said: f64,
}

impl Elsewhere {
    fn start(role: &[&str]) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this bench"))
            .arg("--be")
            .args(role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("another process");
        let mut line = String::new();
        let told = process.stdout.take().expect("piped");
        BufReader::new(told).read_line(&mut line).expect("it says something");
        Self { process, said: line.trim().parse().expect("a number") }
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

async fn until_told_to_end() {
    let wait = || std::io::stdin().read_to_end(&mut Vec::new());
    let _ = tokio::task::spawn_blocking(wait).await;
}

fn devices_file() -> String {
    std::env::args().next_back().expect("a file")
}

async fn be_switches() {
    let plans = (0..SESSIONS)
        .map(|n| SwitchPlan { ports: 1, ..SwitchPlan::new(format!("sw-{n:04}"), Personality::Ios) });
    let addressing = Addressing::LoopbackAddresses { first: Ipv4Addr::new(127, 12, 0, 1), port: 0 };
    let fleet = SimulatedFleet::start(addressing, plans.collect()).await.expect("the switches");
    let mut file = std::fs::File::create(devices_file()).expect("a file");
    for switch in fleet.switches() {
        writeln!(file, "{} {}", switch.address(), switch.host_key()).expect("written");
    }
    println!("{}", fleet.switches().len());
    until_told_to_end().await;
}

async fn be_client(client: &str) {
    let text = std::fs::read_to_string(devices_file()).expect("the devices");
    let devices: Vec<(SocketAddr, String)> = text
        .lines()
        .map(|line| {
            let (address, key) = line.split_once(' ').expect("an address and a key");
            (address.parse().expect("an address"), key.to_owned())
        })
        .collect();
    // What the first session makes for all is not counted.
    let (first, rest) = devices.split_first().expect("some");
    let before;
    match client {
        "bare" => {
            let _one = bare(first.clone()).await;
            before = resident_kib();
            let all = opened(rest, bare).await;
            say(before, all.len());
            until_told_to_end().await;
        }
        _ => {
            let folder = tempfile::tempdir().expect("a folder");
            let password = folder.path().join("password");
            std::fs::write(&password, "admin").expect("a file");
            let driver = Arc::new(Driver::new(Settings::default(), Platforms::load(None).expect("built in")));
            let open = |device: (SocketAddr, String)| {
                let (driver, switch) = (Arc::clone(&driver), switch(&device, &password));
                async move {
                    let guard = SessionGuard::default();
                    (driver.open(&switch, &guard).await.expect("a session"), guard)
                }
            };
            let _one = open(first.clone()).await;
            before = resident_kib();
            let all = opened(rest, open).await;
            say(before, all.len());
            until_told_to_end().await;
        }
    }
}

fn say(before_kib: f64, sessions: usize) {
    println!("{}", (resident_kib() - before_kib) / sessions as f64);
}

async fn opened<S, F: Future<Output = S>>(
    devices: &[(SocketAddr, String)],
    open: impl Fn((SocketAddr, String)) -> F,
) -> Vec<S> {
    let mut all = Vec::with_capacity(devices.len());
    for some in devices.chunks(AT_ONCE) {
        all.extend(futures_util::future::join_all(some.iter().cloned().map(&open)).await);
    }
    all
}

/// The memory that this process has in RAM.
fn resident_kib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it is there");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

fn switch((address, host_key): &(SocketAddr, String), password: &Path) -> Switch {
    Switch {
        id: SwitchId::parse("sw").expect("valid"),
        host: address.ip().to_string(),
        ssh_port: address.port(),
        platform: "cisco_ios".into(),
        credentials: Credentials {
            username: "admin".into(),
            password: Some(SecretRef::File(password.display().to_string())),
            ..Credentials::default()
        },
        host_key: Some(host_key.clone()),
        host_name: None,
        serial: None,
        captive_portal_vlan: VlanId::try_from(999).expect("valid"),
        allow_algorithms: Vec::new(),
        jump_host: None,
    }
}

struct AnyHostKey;

impl client::Handler for AnyHostKey {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

/// As the driver has it when it stands ready: logged in, a shell, the first commands answered.
async fn bare((address, _): (SocketAddr, String)) -> (client::Handle<AnyHostKey>, Channel<Msg>) {
    let config = Arc::new(client::Config { nodelay: true, ..client::Config::default() });
    let mut handle = client::connect(config, address, AnyHostKey).await.expect("a connection");
    assert!(handle.authenticate_password("admin", "admin").await.expect("an answer").success());
    let mut channel = handle.channel_open_session().await.expect("a channel");
    channel.request_pty(false, "vt100", 511, 1_000, 0, 0, &[]).await.expect("a terminal");
    channel.request_shell(false).await.expect("a shell");
    until_prompt(&mut channel).await;
    for line in ["terminal length 0\r", "terminal width 511\r", "show version\r"] {
        channel.data_bytes(line.as_bytes().to_vec()).await.expect("sent");
        until_prompt(&mut channel).await;
    }
    (handle, channel)
}

async fn until_prompt(channel: &mut Channel<Msg>) {
    while let Some(message) = channel.wait().await {
        if matches!(&message, ChannelMsg::Data { data } if data.ends_with(b"#")) {
            return;
        }
    }
}

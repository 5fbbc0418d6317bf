//! What a session costs on a switch that answers at once: its opening, beside OpenSSH's client and a bare russh session to the
//! same server; and one port's dialog (read, configure, read back), beside a bare channel that sends the same bytes.
//!
//! The switch is another thread of this process: figures are those of both ends together.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use russh::client::{self, Msg};
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg, Disconnect};
use std::fs::Permissions;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use switchyard::simulator::{Addressing, Personality, SimulatedFleet, SwitchPlan};
use switchyard::ssh::{Driver, Platforms, Settings};
use switchyard_actors::domain::config::VlanId;
use switchyard_actors::domain::ids::{PortName, SwitchId};
use switchyard_actors::domain::inventory::{Credentials, SecretRef, Switch};
use switchyard_actors::domain::record::PortPlan;
use switchyard_actors::ports::driver::{Intent, SwitchDriver, SwitchSession};
use switchyard_actors::ports::guard::SessionGuard;
use tokio::runtime::Runtime;

/// The switch: where it is, and its key.
struct Device {
    address: SocketAddr,
    host_key: String,
}

/// On a thread that lives as long as the process.
fn start_device(authorized: PublicKey) -> Device {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let plan = SwitchPlan {
                authorized_key: Some(authorized),
                vty_lines: 1_000,
                ..SwitchPlan::new("sw-0", Personality::Ios)
            };
            let addressing = Addressing::LoopbackAddresses { first: Ipv4Addr::new(127, 11, 0, 1), port: 0 };
            let fleet = SimulatedFleet::start(addressing, vec![plan]).await.expect("the switch");
            let device = &fleet.switches()[0];
            tell.send(Device { address: device.address(), host_key: device.host_key() }).expect("awaited");
            std::future::pending::<()>().await;
        });
    });
    told.recv().expect("the switch")
}

fn inventory_entry(device: &Device, key: &Path) -> Switch {
    Switch {
        id: SwitchId::parse("sw-0").expect("valid"),
        host: device.address.ip().to_string(),
        ssh_port: device.address.port(),
        platform: "cisco_ios".into(),
        credentials: Credentials {
            username: "admin".into(),
            private_key: Some(SecretRef::File(key.display().to_string())),
            ..Credentials::default()
        },
        host_key: Some(device.host_key.clone()),
        host_name: None,
        serial: None,
        captive_portal_vlan: VlanId::try_from(999).expect("valid"),
        allow_algorithms: Vec::new(),
        jump_host: None,
    }
}

async fn open(driver: &Driver, switch: &Switch) -> Box<dyn SwitchSession> {
    driver.open(switch, &SessionGuard::default()).await.expect("a session")
}

struct AnyHostKey;

impl client::Handler for AnyHostKey {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

/// A session and its shell, standing at the prompt.
struct BareSession {
    handle: client::Handle<AnyHostKey>,
    channel: Channel<Msg>,
}

impl BareSession {
    async fn open(device: &Device, key: &Arc<PrivateKey>) -> Self {
        let config = Arc::new(client::Config { nodelay: true, ..client::Config::default() });
        let mut handle = client::connect(config, device.address, AnyHostKey).await.expect("a connection");
        let key = PrivateKeyWithHashAlg::new(Arc::clone(key), None);
        assert!(handle.authenticate_publickey("admin", key).await.expect("an answer").success());
        let channel = handle.channel_open_session().await.expect("a channel");
        channel.request_pty(false, "vt100", 511, 1_000, 0, 0, &[]).await.expect("a terminal");
        channel.request_shell(false).await.expect("a shell");
        let mut session = Self { handle, channel };
        session.until_prompts(1).await;
        session
    }

    /// Sends, and waits until the device has shown its prompt so often.
    async fn say(&mut self, text: &str, prompts: usize) {
        self.channel.data_bytes(text.as_bytes().to_vec()).await.expect("sent");
        self.until_prompts(prompts).await;
    }

    async fn until_prompts(&mut self, mut wanted: usize) {
        while wanted > 0 {
            let Some(ChannelMsg::Data { data }) = self.channel.wait().await else { continue };
            wanted = wanted.saturating_sub(data.iter().filter(|byte| **byte == b'#').count());
        }
    }

    async fn close(self) {
        self.handle.disconnect(Disconnect::ByApplication, "", "en").await.expect("closed");
    }
}

/// A whole process, as a script that drives switches with it would start.
fn openssh(device: &Device, key: &Path) {
    let mut ssh = Command::new("ssh")
        .args(["-tt", "-q", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
        .args(["-o", "IdentitiesOnly=yes", "-i", &key.display().to_string()])
        .args(["-p", &device.address.port().to_string(), &format!("admin@{}", device.address.ip())])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("OpenSSH's client");
    std::io::Write::write_all(&mut ssh.stdin.take().expect("piped"), b"exit\r").expect("typed");
    ssh.wait().expect("it ends");
}

fn opening(c: &mut Criterion, bench: &Bench) {
    let mut group = c.benchmark_group("session open and close");
    group.sample_size(30);
    group.bench_function("baseline: OpenSSH's ssh", |b| b.iter(|| openssh(&bench.device, &bench.key_file)));
    group.bench_function("baseline: bare russh", |b| {
        b.iter(|| {
            bench.runtime.block_on(async { BareSession::open(&bench.device, &bench.key).await.close().await })
        });
    });
    group.bench_function("the driver", |b| {
        b.iter(|| {
            bench.runtime.block_on(async { open(&bench.driver, &bench.switch).await.close().await });
        });
    });
    group.finish();
}

fn plan(vlan: u16) -> PortPlan {
    PortPlan { vlan: VlanId::try_from(vlan).expect("valid"), down_kbps: 100_000, up_kbps: 20_000, mac: None }
}

/// Another VLAN each time, so that there is something to do.
async fn configure(session: &mut dyn SwitchSession, port: &PortName, vlan: u16) -> Vec<String> {
    let want = plan(vlan).wanted();
    let before = session.read_port(port).await.expect("read");
    let lines = session.render(Intent::Provision, port, &want, &before).expect("lines");
    session.apply_to(port, &lines).await.expect("applied");
    let after = session.read_port(port).await.expect("read back");
    assert!(want.differences(&after).is_empty());
    drop(session.take_transcript());
    lines
}

fn dialog(c: &mut Criterion, bench: &Bench) {
    let port = PortName::parse(&Personality::Ios.port_name(1)).expect("valid");
    let (mut ours, mut bare, lines) = bench.runtime.block_on(async {
        let mut ours = open(&bench.driver, &bench.switch).await;
        let lines = configure(&mut *ours, &port, 200).await;
        (ours, BareSession::open(&bench.device, &bench.key).await, lines)
    });
    let reading = format!("show running-config interface {}\r", port.as_str());
    let block: String = lines.iter().map(|line| format!("{line}\r")).collect();
    let block = format!("configure terminal\r{block}end\r");
    let mut group = c.benchmark_group("one port's dialog");
    group.bench_with_input(BenchmarkId::new("baseline: a bare channel", lines.len()), &block, |b, block| {
        b.iter(|| {
            bench.runtime.block_on(async {
                bare.say(&reading, 1).await;
                bare.say(block, lines.len() + 2).await;
                bare.say(&reading, 1).await;
            });
        });
    });
    let mut vlan = 200;
    group.bench_function(BenchmarkId::new("the driver", lines.len()), |b| {
        b.iter(|| {
            vlan = if vlan == 200 { 201 } else { 200 };
            bench.runtime.block_on(configure(&mut *ours, &port, vlan));
        });
    });
    group.finish();
    bench.runtime.block_on(async {
        bare.close().await;
        ours.close().await;
    });
}

struct Bench {
    runtime: Runtime,
    device: Device,
    switch: Switch,
    driver: Driver,
    key: Arc<PrivateKey>,
    key_file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
        let key_file = folder.path().join("key");
        std::fs::write(&key_file, key.to_openssh(LineEnding::LF).expect("it has that form").as_bytes())
            .expect("a file");
        // OpenSSH refuses a key that others may read.
        std::fs::set_permissions(&key_file, Permissions::from_mode(0o600)).expect("it is ours");
        let device = start_device(key.public_key().clone());
        Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"),
            switch: inventory_entry(&device, &key_file),
            device,
            driver: Driver::new(Settings::default(), Platforms::load(None).expect("built in")),
            key: Arc::new(key),
            key_file,
            _folder: folder,
        }
    }
}

fn session(c: &mut Criterion) {
    let bench = Bench::new();
    opening(c, &bench);
    dialog(c, &bench);
}

criterion_group!(benches, session);
criterion_main!(benches);

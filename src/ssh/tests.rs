//! The driver against simulated switches: real SSH, real dialogs, faults on order.

mod access;
mod any_line;
mod classes;
mod cut;
mod cutter;
mod dead_man;
mod exec;
mod in_vain;
mod intents;
mod introduction;
mod openssh;
mod visits;

use super::scanner::Answer;
use super::*;
use crate::simulator::{
    Addressing, FallBack, Fault, Personality, SimulatedFleet, SimulatedSwitch, SwitchPlan,
};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::OnceLock;
use std::time::Instant;
use switchyard_actors::domain::config::{PortConfig, VlanId};
use switchyard_actors::domain::ids::{PortName, SwitchId};
use switchyard_actors::domain::inventory::{Credentials, SecretRef};
use switchyard_actors::domain::text::MacAddress;
use switchyard_actors::ports::driver::Intent;
use switchyard_actors::ports::tenure::Tenure;

const PASSWORD: &str = "pw-driver-tests-31";

/// A file with the password, for the whole run.
fn password_file() -> String {
    static FILE: OnceLock<tempfile::NamedTempFile> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), PASSWORD).expect("written");
        file
    });
    file.path().display().to_string()
}

/// The built-in platforms, read once for all tests: their patterns take longer to compile than most tests do.
fn shipped() -> Platforms {
    static SHIPPED: OnceLock<Platforms> = OnceLock::new();
    SHIPPED.get_or_init(|| Platforms::load(None).expect("the built-in platforms")).clone()
}

struct Bench {
    personality: Personality,
    fleet: SimulatedFleet,
    switch: Switch,
    driver: Driver,
    guard: SessionGuard,
}

impl Bench {
    async fn new(personality: Personality, change: impl FnOnce(&mut SwitchPlan)) -> Self {
        let mut plan =
            SwitchPlan { password: PASSWORD.into(), ..SwitchPlan::new("access-sw-17", personality) };
        change(&mut plan);
        let enable_password = plan.enable_password.as_ref().map(|_| SecretRef::File(password_file()));
        let addressing = Addressing::Ports { address: Ipv4Addr::LOCALHOST, first_port: 0 };
        let fleet = SimulatedFleet::start(addressing, vec![plan]).await.expect("a switch");
        let device = &fleet.switches()[0];
        let credentials = Credentials {
            username: "admin".into(),
            password: Some(SecretRef::File(password_file())),
            enable_password,
            ..Credentials::default()
        };
        let switch = Switch {
            id: SwitchId::parse("sw").expect("valid"),
            host: device.address().ip().to_string(),
            ssh_port: device.address().port(),
            platform: personality.platform().into(),
            credentials,
            host_key: Some(device.host_key()),
            host_name: Some("access-sw-17".into()),
            serial: None,
            captive_portal_vlan: VlanId::try_from(999).expect("valid"),
            allow_algorithms: Vec::new(),
            jump_host: None,
        };
        let settings = Settings {
            connect_ms: 2_000,
            key_exchange_ms: 2_000,
            command_ms: 1_000,
            close_ms: 500,
            ..Settings::default()
        };
        let driver = Driver { settings, platforms: shipped(), lane: OnceLock::new() };
        Self { personality, fleet, switch, driver, guard: SessionGuard::default() }
    }

    fn device(&self) -> &SimulatedSwitch {
        &self.fleet.switches()[0]
    }

    fn port(&self) -> PortName {
        self.port_numbered(7)
    }

    fn port_numbered(&self, number: u16) -> PortName {
        PortName::parse(&self.personality.port_name(number)).expect("valid")
    }

    async fn open(&self) -> Result<Box<dyn SwitchSession>, DriverFailure> {
        self.open_under(&self.guard).await
    }

    async fn open_under(&self, guard: &SessionGuard) -> Result<Box<dyn SwitchSession>, DriverFailure> {
        self.driver.open(&self.switch, guard, &mut String::new()).await
    }

    async fn opened(&self) -> Box<dyn SwitchSession> {
        self.open().await.expect("a session")
    }

    async fn refusal(&self) -> DriverFailure {
        let failure = self.open().await.err().expect("refused");
        assert!(!failure.detail.contains(PASSWORD), "{failure}");
        self.until_closed().await;
        failure
    }

    async fn until_closed(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.guard.is_open() {
            assert!(Instant::now() < deadline, "the socket is still open");
            tokio::task::yield_now().await;
        }
    }

    async fn provision(
        &self,
        session: &mut Box<dyn SwitchSession>,
        want: &PortConfig,
    ) -> Result<PortConfig, DriverFailure> {
        let before = session.read_port(&self.port()).await?;
        let lines = session.render(Intent::Provision, &self.port(), want, &before)?;
        session.apply_to(&self.port(), &lines).await?;
        let found = session.read_port(&self.port()).await?;
        session.confirm().await?;
        Ok(found)
    }
}

fn want(mac: Option<&str>) -> PortConfig {
    PortConfig {
        enabled: true,
        access_vlan: VlanId::try_from(142).ok(),
        down_kbps: Some(100_000),
        up_kbps: Some(20_000),
        mac: mac.map(|mac| MacAddress::parse(mac).expect("valid")),
        extra: BTreeMap::new(),
    }
}

/// Those with a shell.
fn shells() -> impl Iterator<Item = Personality> {
    Personality::ALL.into_iter().filter(|personality| *personality != Personality::RouterOs)
}

/// Those that keep what runs and what a reboot brings apart.
const SAVING: [Personality; 5] =
    [Personality::Ios, Personality::Eos, Personality::Aoscx, Personality::EdgeSwitch, Personality::AosS];

/// Those whose command line takes comments, which frame their answers.
const COMMENTING: [Personality; 4] =
    [Personality::Ios, Personality::Eos, Personality::Junos, Personality::Aoscx];

/// What a personality calls things, for orders that name a line.
struct Lines {
    access_vlan: &'static str,
    /// Another line of each provisioning.
    another: &'static str,
    read: &'static str,
    enter: &'static str,
    leave: &'static str,
    refusal: &'static str,
}

fn lines_of(personality: Personality) -> Lines {
    match personality {
        Personality::Ios => Lines {
            access_vlan: "access vlan 142",
            another: "no shutdown",
            read: "show running-config",
            enter: "configure terminal",
            leave: "end",
            refusal: "% Invalid input detected at '^' marker.",
        },
        Personality::Eos => Lines {
            access_vlan: "access vlan 142",
            another: "no shutdown",
            read: "show running-config",
            enter: "configure session",
            leave: "commit timer",
            refusal: "% Invalid input",
        },
        Personality::Junos => Lines {
            access_vlan: "vlan members 142",
            another: "interface-mode access",
            read: "show configuration",
            enter: "configure exclusive",
            leave: "exit configuration-mode",
            refusal: "error: statement creation failed",
        },
        Personality::Aoscx => Lines {
            access_vlan: "vlan access 142",
            another: "no shutdown",
            read: "show running-config",
            enter: "configure terminal",
            leave: "end",
            refusal: "Invalid input: vlan",
        },
        Personality::EdgeSwitch => Lines {
            access_vlan: "vlan pvid 142",
            another: "no shutdown",
            read: "show running-config",
            enter: "configure",
            leave: "exit",
            refusal: "% Invalid input detected at '^' marker.",
        },
        Personality::AosS => Lines {
            access_vlan: "untagged 7",
            another: "enable",
            read: "show running-config",
            enter: "configure",
            leave: "end",
            refusal: "Invalid input: untagged",
        },
        Personality::RouterOs => Lines {
            access_vlan: "pvid=142",
            another: "disabled=no",
            read: "print terse",
            enter: "",
            leave: "",
            refusal: "failure: not now",
        },
    }
}

#[tokio::test]
async fn a_port_is_provisioned_read_back_saved_changed_and_brought_back() {
    for personality in Personality::ALL {
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        let before = session.read_port(&bench.port()).await.expect("read");
        for mac in [Some("02:00:00:00:00:01"), Some("02:00:00:00:00:02"), None] {
            let found = bench.provision(&mut session, &want(mac)).await.expect("provisioned");
            assert_eq!(want(mac).differences(&found), [], "{personality:?} {mac:?}");
            let running = bench.device().running(bench.port().as_str()).expect("a port");
            assert_eq!((running.enabled, running.access_vlan), (true, 142));
            assert!(personality == Personality::Junos || bench.device().has_vlan(142), "{personality:?}");
            assert_eq!(running.static_macs.len(), usize::from(mac.is_some()));
        }
        session.save().await.expect("saved");
        let name = bench.port();
        assert_eq!(bench.device().running(name.as_str()), bench.device().startup(name.as_str()));

        let found =
            bench.provision(&mut session, &want(Some("02:00:00:00:00:03"))).await.expect("provisioned");
        let undo = session.render(Intent::Restore, &name, &before, &found).expect("lines");
        session.apply_to(&name, &undo).await.expect("undone");
        session.confirm().await.expect("confirmed");
        assert_eq!(session.read_port(&name).await.expect("read"), before, "{personality:?}");
        session.probe().await.expect("alive");
        session.close().await;
        assert!(!bench.guard.is_open());
    }
}

async fn undo(session: &mut Box<dyn SwitchSession>, port: &PortName, before: &PortConfig) {
    let found = session.read_port(port).await.expect("read");
    let lines = session.render(Intent::Restore, port, before, &found).expect("lines");
    let undone = session.apply_to(port, &lines).await;
    undone.unwrap_or_else(|failure| panic!("{failure}: {}", session.take_transcript()));
    assert_eq!(session.read_port(port).await.expect("read"), *before, "undone: {lines:#?}");
    session.confirm().await.expect("confirmed");
}

/// A session may break between any two lines: what it left is never taken for the whole, can be finished, and can be undone.
#[tokio::test]
async fn no_part_of_the_lines_reads_back_as_all_of_them_and_each_part_is_finished_or_undone() {
    for personality in Personality::ALL {
        for old in [None, Some("02:00:00:00:00:01")] {
            let bench = Bench::new(personality, |_| ()).await;
            let mut session = bench.opened().await;
            let name = bench.port();
            let lit = PortConfig { access_vlan: VlanId::try_from(999).ok(), ..want(old) };
            bench.provision(&mut session, &lit).await.expect("provisioned");
            let before = session.read_port(&name).await.expect("read");
            let wanted = want(Some("02:00:00:00:00:02"));
            let lines = session.render(Intent::Provision, &name, &wanted, &before).expect("lines");
            let running = || bench.device().running(name.as_str());
            session.apply_to(&name, &lines).await.expect("all");
            let whole = running();
            undo(&mut session, &name, &before).await;
            for sent in 0..lines.len() {
                session.apply_to(&name, &lines[..sent]).await.expect("a part");
                let part = session.read_port(&name).await.expect("read");
                let last = lines[..sent].last();
                let taken_for_whole = wanted.differences(&part).is_empty();
                assert!(!taken_for_whole || running() == whole, "{personality:?} after {last:?}");
                if sent % 2 == 0 {
                    let whole = bench.provision(&mut session, &wanted).await.expect("finished");
                    assert_eq!(wanted.differences(&whole), [], "{personality:?} after {last:?}");
                }
                undo(&mut session, &name, &before).await;
            }
        }
    }
}

#[tokio::test]
async fn the_guard_is_told_of_the_login_before_the_session_stands_ready() {
    for personality in [Personality::Ios, Personality::Junos] {
        let bench = Bench::new(personality, |_| ()).await;
        tokio::select! {
            biased;
            _ = bench.open() => panic!("{personality:?}: it stands ready, and nobody was told of its login"),
            () = bench.guard.until_logged_in() => {}
        }
    }
}

#[tokio::test]
async fn a_transcript_has_the_dialog_and_no_secret() {
    let bench = Bench::new(Personality::Ios, |plan| plan.enable_password = Some(PASSWORD.into())).await;
    let mut session = bench.opened().await;
    bench.provision(&mut session, &want(None)).await.expect("provisioned");
    let text = session.take_transcript();
    assert!(text.contains("switchport access vlan 142") && text.contains("<redacted>"), "{text}");
    assert!(!text.contains(PASSWORD), "{text}");
}

#[tokio::test]
async fn whoever_is_not_who_the_inventory_says_is_refused() {
    let bench = Bench::new(Personality::Ios, |plan| plan.password = "another".into()).await;
    assert_eq!(bench.refusal().await.class, FailureClass::AuthenticationRefused);

    let bench = Bench::new(Personality::Ios, |_| ()).await;
    bench.device().change_host_key();
    assert_eq!(bench.refusal().await.class, FailureClass::HostKeyChanged);

    let mut bench = Bench::new(Personality::Ios, |_| ()).await;
    bench.switch.host_key = None;
    let failure = bench.refusal().await;
    assert_eq!(failure.class, FailureClass::HostKeyChanged);
    assert!(failure.detail.contains("ssh-ed25519"), "says what to pin: {failure}");

    let mut bench = Bench::new(Personality::Eos, |_| ()).await;
    bench.switch.host_name = Some("another-switch".into());
    assert_eq!(bench.refusal().await.class, FailureClass::WrongDevice);
}

/// A switch that reboots in the middle of a login is no switch that an operator must look at.
#[tokio::test]
async fn a_connection_that_closes_during_the_login_is_lost_and_not_refused() {
    for personality in Personality::ALL {
        let bench = Bench::new(personality, |_| ()).await;
        bench.device().order(Fault::DropAtAuthentication { times: 1 });
        let failure = bench.refusal().await;
        assert_eq!(failure.class, FailureClass::SessionLost, "{personality:?}: {failure}");
        bench.opened().await.close().await;
    }
}

#[tokio::test]
async fn a_known_hosts_file_vouches_for_a_key() {
    let mut bench = Bench::new(Personality::Ios, |_| ()).await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    let key = bench.switch.host_key.take().expect("pinned");
    let line = format!("[{}]:{} {key}\n", bench.switch.host, bench.switch.ssh_port);
    std::fs::write(file.path(), line).expect("written");
    bench.driver.settings.known_hosts = Some(file.path().into());
    bench.opened().await.close().await;
    bench.device().change_host_key();
    let failure = bench.refusal().await;
    assert_eq!(failure.class, FailureClass::HostKeyChanged);
}

#[tokio::test]
async fn each_way_not_to_get_a_session_has_its_class() {
    let mut bench = Bench::new(Personality::Ios, |plan| plan.vty_lines = 1).await;
    bench.driver.settings.spare_vty_lines = 0;
    let holder = bench.opened().await;
    let other = SessionGuard::default();
    let full = bench.open_under(&other).await.err().expect("no line is free");
    assert_eq!(full.class, FailureClass::NoFreeVty, "{full}");
    // A second session under the same guard isn't even dialled through.
    assert_eq!(bench.open().await.err().expect("held").class, FailureClass::SessionLost);
    holder.close().await;

    for fault in [Fault::SilentBanner { times: 1 }, Fault::NoFreeLine { times: 1 }] {
        bench.device().order(fault.clone());
        assert_eq!(bench.refusal().await.class, FailureClass::NoFreeVty, "{fault:?}");
    }
    bench.device().offer_only_old_algorithms();
    let failure = bench.refusal().await;
    assert_eq!(failure.class, FailureClass::KeyExchangeFailed);
    assert!(failure.detail.contains("diffie-hellman-group14-sha1"), "names both sides: {failure}");

    let mut bench = Bench::new(Personality::Ios, |_| ()).await;
    bench.switch.credentials.password = Some(SecretRef::Env("SWITCHYARD_NO_SUCH_VARIABLE".into()));
    let failure = bench.refusal().await;
    assert_eq!(failure.class, FailureClass::Misconfigured);
    assert!(failure.detail.contains("env:SWITCHYARD_NO_SUCH_VARIABLE"), "{failure}");
    bench.switch.credentials.password = Some(SecretRef::File(password_file()));
    bench.switch.ssh_port = free_port();
    assert_eq!(bench.refusal().await.class, FailureClass::Unreachable);
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

#[tokio::test]
async fn fifty_key_exchanges_that_never_end_leave_no_socket_behind() {
    let mut bench = Bench::new(Personality::Ios, |_| ()).await;
    bench.driver.settings.key_exchange_ms = 20;
    bench.device().order(Fault::SilentBanner { times: 50 });
    for _ in 0..50 {
        bench.refusal().await;
    }
    assert!(!bench.guard.is_open());
}

fn fall_back(pattern: &str, to: FallBack) -> Fault {
    Fault::FallBack { pattern: pattern.into(), to, times: 1 }
}

#[tokio::test]
async fn each_way_to_lose_a_dialog_has_its_class() {
    for personality in COMMENTING {
        let line = lines_of(personality);
        let vlan = || line.access_vlan.to_owned();
        let faults = [
            (Fault::DropAfterCommand { pattern: vlan(), times: 1 }, FailureClass::SessionLost),
            (Fault::DropBeforeCommand { pattern: vlan(), times: 1 }, FailureClass::SessionLost),
            (Fault::Stall { pattern: vlan(), duration: None, times: 1 }, FailureClass::PromptNotSeen),
            (
                Fault::Reject { pattern: vlan(), text: line.refusal.into(), times: 1 },
                FailureClass::CommandRejected,
            ),
            (Fault::LockConfiguration { times: 1 }, FailureClass::ConfigurationLocked),
            (fall_back(line.access_vlan, FallBack::Privileged), FailureClass::SessionLost),
            (fall_back(line.access_vlan, FallBack::User), FailureClass::SessionLost),
            (fall_back(line.read, FallBack::User), FailureClass::SessionLost),
            (fall_back(line.enter, FallBack::User), FailureClass::SessionLost),
            (Fault::SilentAccept { pattern: line.leave.into(), times: 1 }, FailureClass::SessionLost),
        ];
        for (fault, class) in &faults {
            let bench = Bench::new(personality, |_| ()).await;
            bench.device().order(fault.clone());
            let mut session = bench.opened().await;
            let failure = bench.provision(&mut session, &want(None)).await.expect_err("as ordered");
            assert_eq!(failure.class, *class, "{personality:?} {fault:?}: {failure}");
            if class.leaves_session_usable() {
                let found =
                    bench.provision(&mut session, &want(None)).await.expect("goes on in the same session");
                assert_eq!(want(None).differences(&found), []);
            }
            session.close().await;
            assert!(!bench.guard.is_open());
        }
    }
}

#[tokio::test]
async fn log_lines_and_garbage_between_the_lines_are_read_past() {
    for personality in COMMENTING {
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        let line =
            "%LINEPROTO-5-UPDOWN: Line protocol on Interface GigabitEthernet1/0/9, changed state to up"
                .to_owned();
        let lines = lines_of(personality);
        bench.device().order(Fault::Syslog { pattern: lines.access_vlan.into(), line, times: 1 });
        bench.device().order(Fault::Garble { pattern: lines.another.into(), times: 1 });
        let found = bench.provision(&mut session, &want(None)).await.expect("provisioned");
        assert_eq!(want(None).differences(&found), []);
    }
}

#[tokio::test]
async fn a_port_that_was_read_through_noise_is_read_again_and_never_taken_for_another() {
    for personality in shells() {
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        let clean =
            bench.provision(&mut session, &want(Some("02:00:00:00:00:01"))).await.expect("provisioned");
        let garble = |times| Fault::Garble { pattern: "show ".into(), times };
        bench.device().order(garble(1));
        assert_eq!(session.read_port(&bench.port()).await.expect("read again"), clean, "{personality:?}");
        bench.device().order(garble(100));
        let failure = session.read_port(&bench.port()).await.expect_err("noise without end");
        assert_eq!(failure.class, FailureClass::SessionLost, "{personality:?}: {failure}");
    }
}

#[tokio::test]
async fn an_answer_that_was_swallowed_is_asked_for_again_and_never_taken_for_a_port_with_nothing_set() {
    let table = [
        (Personality::Ios, "show running-config"),
        (Personality::Eos, "show running-config"),
        (Personality::Eos, "show mac"),
        (Personality::Junos, "show configuration"),
        (Personality::Junos, "show interfaces"),
        (Personality::Aoscx, "show running-config"),
    ];
    for (personality, command) in table {
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        let live =
            bench.provision(&mut session, &want(Some("02:00:00:00:00:01"))).await.expect("provisioned");
        let swallow = |times| Fault::SilentAccept { pattern: command.into(), times };
        bench.device().order(swallow(2));
        assert_eq!(session.read_port(&bench.port()).await.expect("read again"), live, "{command}");
        bench.device().order(swallow(3));
        let failure = session.read_port(&bench.port()).await.expect_err("no answer was whole");
        assert_eq!(failure.class, FailureClass::PromptNotSeen, "{command}: {failure}");
    }
}

#[test]
fn an_answer_is_whole_when_it_has_what_it_must_have_or_says_no() {
    let platforms = Platforms::load(None).expect("those that ship");
    let table = [
        ("cisco_ios", 0, "", false),
        ("cisco_ios", 0, "Building configuration...\n\nCurrent configuration : 9 bytes\n", false),
        ("cisco_ios", 0, "!\ninterface GigabitEthernet1/0/1\n shutdown\n", false),
        ("cisco_ios", 0, "!\ninterface GigabitEthernet1/0/1\nend\n\n", true),
        ("cisco_ios", 0, "% Invalid input detected at '^' marker.\n", true),
        ("arista_eos", 0, "", false),
        ("arista_eos", 0, "interface Ethernet1\n", true),
        ("arista_eos", 1, "          Mac Address Table\n", false),
        ("arista_eos", 1, "Total Mac Addresses for this criterion: 0\n", true),
        ("aruba_aoscx", 0, "", false),
        ("aruba_aoscx", 0, "interface 1/1/7\n    shutdown\n    exit\n", true),
        ("juniper_junos", 1, "", false),
        ("juniper_junos", 1, "error: device ge-9/9/99 not found\n", true),
        ("juniper_junos", 0, "{master:0}\n", false),
        ("juniper_junos", 0, "set version 20.4R3.8\n", true),
        ("openvswitch", 0, "tag                 : 142\n", false),
        ("openvswitch", 0, "tag                 : 142\n\ningress_policing_rate: 0\n", true),
        ("openvswitch", 1, "OFPST_PORT_DESC reply (OF1.5) (xid=0x4):\n", false),
        ("openvswitch", 2, "", true),
    ];
    for (platform, command, answer, expected) in table {
        let platform = platforms.get(platform).expect("it ships");
        let text = answer.to_owned();
        let answer = Answer { text, is_whole: true };
        assert_eq!(platform.is_whole(command, &answer), expected, "{}: {answer:?}", platform.name);
        assert!(!platform.is_whole(command, &Answer { is_whole: false, ..answer }));
    }
}

#[tokio::test]
async fn a_failure_tells_what_was_last_seen_and_no_secret() {
    let bench = Bench::new(Personality::Ios, |_| ()).await;
    let mut session = bench.opened().await;
    bench.device().order(Fault::Stall { pattern: "show ".into(), duration: None, times: 1 });
    // What the switch echoes is what was last seen.
    let port = PortName::parse(PASSWORD).expect("also a name");
    let failure = session.read_port(&port).await.expect_err("as ordered");
    assert!(failure.detail.contains("interface <redacted>"), "{failure}");
}

#[tokio::test]
async fn what_was_swallowed_shows_in_the_read_back_and_a_save_that_fails_says_so() {
    for personality in SAVING {
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        bench
            .device()
            .order(Fault::SilentAccept { pattern: lines_of(personality).access_vlan.into(), times: 1 });
        let found = bench.provision(&mut session, &want(None)).await.expect("no answer said no");
        assert_ne!(want(None).differences(&found), []);
        bench
            .device()
            .order(Fault::FailSave { text: "%Error opening nvram:/startup-config".into(), times: 1 });
        let failure = session.save().await.expect_err("as ordered");
        assert_eq!(failure.class, FailureClass::SaveFailed, "{failure}");
        session.save().await.expect("the next one works");
        bench.device().order(fall_back("write memory", FallBack::User));
        let failure = session.save().await.expect_err("as ordered");
        assert_eq!(failure.class, FailureClass::SessionLost, "another session may do it: {failure}");
    }
}

#[tokio::test]
async fn a_port_that_the_switch_does_not_have_is_told_apart() {
    let table = [
        (Personality::Ios, "GigabitEthernet9/9/99"),
        (Personality::Eos, "Ethernet999"),
        (Personality::Junos, "ge-9/9/99"),
        (Personality::Aoscx, "1/1/99"),
    ];
    for (personality, name) in table {
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        let failure =
            session.read_port(&PortName::parse(name).expect("valid")).await.expect_err("no such port");
        assert_eq!(failure.class, FailureClass::PortUnknown, "{personality:?}: {failure}");
        session.read_port(&bench.port()).await.expect("the session still serves");
    }
}

#[test]
fn a_provisioned_ios_port_is_these_lines() {
    let platforms = Platforms::load(None).expect("the built-in platforms");
    let platform = platforms.get("cisco_ios").expect("built in");
    let port = PortName::parse("GigabitEthernet1/0/7").expect("valid");
    let mut before = PortConfig { access_vlan: None, ..want(Some("02:00:00:00:00:09")) };
    before.extra.insert("policy_in".into(), "GOLD".into());
    before.extra.insert("secure_mac".into(), "0200.0000.0009".into());
    let lines =
        platform.lines(Intent::Provision, &port, &want(Some("02:00:00:00:00:01")), &before).expect("lines");
    let expected = "policy-map SY-100000K\nclass class-default\npolice 100000000\n\
        policy-map SY-20000K\nclass class-default\npolice 20000000\n\
        interface GigabitEthernet1/0/7\nswitchport mode access\nswitchport access vlan 142\n\
        no service-policy input GOLD\nservice-policy input SY-20000K\nservice-policy output SY-100000K\n\
        no switchport port-security\nno switchport port-security mac-address 0200.0000.0009\n\
        switchport port-security maximum 1\nswitchport port-security violation restrict\n\
        switchport port-security mac-address 0200.0000.0001\nswitchport port-security\nno shutdown";
    assert_eq!(lines.join("\n"), expected);
}

#[test]
fn a_faulty_platform_file_is_named_with_its_key() {
    let text = include_str!("../../config/platforms/cisco_ios.toml");
    let cases = [
        (text.replace("disabled_if", "disabled_iff"), "TOML"),
        (text.replace(r"vlan (\d+)\s*$'", r"vlan \d+'"), "read.access_vlan"),
        (text.replace("must_match = [", "must_match = ['x', "), "read.must_match"),
        (text.replace("{{ want.access_vlan }}", "{{ want.acess_vlan }}"), "provision.lines"),
        (text.replace("{% endif %}", ""), "provision.lines"),
        (text.replace("saved_if = '\\[OK\\]'", "saved_if = '[OK'"), "save.saved_if"),
        (text.replace("transport = \"shell\"", "transport = \"exec\""), "transport"),
    ];
    for (faulty, key) in cases {
        assert_ne!(faulty, text, "{key}: the case changes something");
        let error = Platform::parse("my_ios.toml", &faulty).expect_err(key).to_string();
        assert!(error.starts_with(&format!("my_ios.toml: {key}")), "{key}: {error}");
    }
}

#[tokio::test]
async fn when_the_tenure_is_over_not_a_byte_leaves_any_more() {
    let mut bench = Bench::new(Personality::Ios, |_| {}).await;
    let tenure = Tenure::new(Arc::new(crate::machine::SystemClock));
    assert!(tenure.extend(Duration::MAX));
    bench.guard = bench.guard.under(tenure.clone());
    let mut session = bench.opened().await;
    let port = bench.port();
    session.read_port(&port).await.expect("as long as the tenure holds");
    let commands = bench.device().counts().commands;
    tenure.end();
    let failure = session.read_port(&port).await.expect_err("nothing may be sent");
    assert_eq!(failure.class, FailureClass::SessionLost, "{failure}");
    session.close().await;
    bench.until_closed().await;
    assert_eq!(bench.device().counts().commands, commands);
    // Nor is a new login begun.
    assert!(bench.open().await.is_err());
    assert_eq!(bench.device().counts().commands, commands);
}

/// The built-in platform of a bench, with something in its file changed.
fn with_platform(bench: &mut Bench, change: impl Fn(&str) -> String) {
    let text = match bench.switch.platform.as_str() {
        "cisco_ios" => include_str!("../../config/platforms/cisco_ios.toml"),
        "juniper_junos" => include_str!("../../config/platforms/juniper_junos.toml"),
        "aruba_aoscx" => include_str!("../../config/platforms/aruba_aoscx.toml"),
        "mikrotik_routeros" => include_str!("../../config/platforms/mikrotik_routeros.toml"),
        _ => include_str!("../../config/platforms/arista_eos.toml"),
    };
    let changed = change(text);
    assert_ne!(changed, text, "the change changes something");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("changed.toml"), changed).expect("written");
    let platforms = Platforms::load(Some(folder.path())).expect("still a platform");
    bench.driver = Driver::new(bench.driver.settings.clone(), platforms);
}

#[tokio::test]
async fn a_switch_that_takes_no_comments_is_spoken_to_without_and_one_that_does_never_runs_them() {
    for personality in COMMENTING {
        for refuses_comments in [false, true] {
            let bench = Bench::new(personality, |plan| plan.refuses_comments = refuses_comments).await;
            let mut session = bench.opened().await;
            let found = bench.provision(&mut session, &want(None)).await.expect("provisioned");
            assert_eq!(want(None).differences(&found), [], "{personality:?}");
            let is_plain = session.take_transcript().contains("takes no comments");
            assert_eq!(is_plain, refuses_comments, "{personality:?}");
            let is_comment = |line: &str| line.starts_with(['!', '#']);
            let comments =
                bench.device().commands().iter().filter(|command| is_comment(&command.line)).count();
            assert_eq!(comments, usize::from(refuses_comments), "only the one that was refused");
        }
    }
}

#[tokio::test]
async fn a_pager_that_should_not_be_there_is_answered_and_never_cuts_what_is_read() {
    for personality in COMMENTING {
        let mut bench = Bench::new(personality, |_| ()).await;
        let clean = {
            let mut session = bench.opened().await;
            let clean = bench.provision(&mut session, &want(Some("02:00:00:00:00:01"))).await;
            session.close().await;
            clean.expect("provisioned")
        };
        with_platform(&mut bench, |text| {
            text.replace("terminal length 0", "terminal length 4")
                .replace("set cli screen-length 0", "set cli screen-length 4")
                .replace("\"no page\"", "\"page 4\"")
        });
        let mut session = bench.opened().await;
        assert_eq!(session.read_port(&bench.port()).await.expect("read"), clean, "{personality:?}");
        assert!(session.take_transcript().contains("typed ahead"), "the first reading was spoilt");
    }
}

#[tokio::test]
async fn a_save_that_asks_is_answered_and_no_comment_is_taken_for_the_answer() {
    let mut bench = Bench::new(Personality::Ios, |_| ()).await;
    with_platform(&mut bench, |text| text.replace("write memory", "copy running-config startup-config"));
    let mut session = bench.opened().await;
    bench.provision(&mut session, &want(None)).await.expect("provisioned");
    session.save().await.expect("saved");
    let name = bench.port();
    assert_eq!(bench.device().running(name.as_str()), bench.device().startup(name.as_str()));
    session.read_port(&name).await.expect("the dialog goes on");
}

#[tokio::test]
async fn more_output_than_is_kept_is_no_answer() {
    let mut bench = Bench::new(Personality::Ios, |_| ()).await;
    bench.driver.settings.output_limit_bytes = 120;
    // What it says of itself is longer.
    let failure = bench.refusal().await;
    assert_eq!(failure.class, FailureClass::PromptNotSeen, "{failure}");
    assert!(failure.detail.contains("ssh.output_limit_bytes"), "{failure}");
}

#[tokio::test]
async fn a_block_that_breaks_off_tells_which_lines_the_switch_may_have() {
    let bench = Bench::new(Personality::Ios, |_| ()).await;
    bench.device().order(Fault::DropAfterCommand { pattern: "vlan 142".into(), times: 1 });
    let mut session = bench.opened().await;
    let failure = bench.provision(&mut session, &want(None)).await.expect_err("as ordered");
    assert!(failure.detail.contains("its effect unknown"), "{failure}");
    assert!(failure.detail.contains("behind it not sent"), "{failure}");
}

#[tokio::test]
async fn switches_are_dialled_from_the_address_that_is_configured() {
    let mut bench = Bench::new(Personality::Ios, |_| {}).await;
    bench.opened().await.close().await;
    bench.until_closed().await;
    let source = Ipv4Addr::new(127, 0, 0, 77).into();
    bench.driver.settings.source_address = Some(source);
    bench.opened().await.close().await;
    let from: Vec<_> = bench.device().sessions().iter().map(|session| session.peer.ip()).collect();
    assert_eq!(from, [Ipv4Addr::LOCALHOST.into(), source]);
    bench.until_closed().await;
    bench.driver.settings.source_address = Some("::1".parse().expect("an address"));
    let failure = bench.refusal().await;
    assert_eq!(failure.class, FailureClass::Unreachable);
    assert!(failure.detail.contains("no address that can be dialled from ::1"), "{failure}");
}

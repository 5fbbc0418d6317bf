//! The driver and the platform file alone, against the real switch: what was written is what stands there, an undo leaves
//! nothing, and each kind of no is told from the others.

use super::cabinet::{CAPTIVE, Subscriber};
use super::lab::Lab;
use super::{FOREIGN, OWN, lab_or_reason};
use crate::harness::{VLAN, story};
use std::collections::BTreeMap;
use switchyard::ssh::{Driver, Platforms, Settings};
use switchyard_actors::domain::config::{PortConfig, VlanId};
use switchyard_actors::domain::failure::{DriverFailure, FailureClass};
use switchyard_actors::domain::ids::{PortName, SwitchId};
use switchyard_actors::domain::inventory::{Credentials, SecretRef, Switch};
use switchyard_actors::domain::text::MacAddress;
use switchyard_actors::ports::driver::{Intent, SwitchDriver, SwitchSession};
use switchyard_actors::ports::guard::SessionGuard;

fn switch(lab: &Lab) -> Switch {
    Switch {
        id: SwitchId::parse("cabinet").expect("a name"),
        host: lab.listens().ip().to_string(),
        ssh_port: lab.listens().port(),
        platform: "openvswitch".into(),
        credentials: Credentials {
            username: "root".into(),
            private_key: Some(SecretRef::File(lab.client_key().display().to_string())),
            ..Credentials::default()
        },
        host_key: Some(lab.host_key()),
        host_name: None,
        serial: None,
        captive_portal_vlan: vlan(CAPTIVE),
        allow_algorithms: Vec::new(),
        jump_host: None,
    }
}

fn vlan(number: u16) -> VlanId {
    VlanId::try_from(number).expect("a VLAN")
}

fn config(number: u16, speeds_kbps: Option<(u64, u64)>, mac: Option<&str>) -> PortConfig {
    PortConfig {
        enabled: true,
        access_vlan: Some(vlan(number)),
        down_kbps: speeds_kbps.map(|(down, _)| down),
        up_kbps: speeds_kbps.map(|(_, up)| up),
        mac: mac.map(|mac| MacAddress::parse(mac).expect("a MAC address")),
        extra: BTreeMap::new(),
    }
}

fn port(name: &str) -> PortName {
    PortName::parse(name).expect("a name")
}

async fn open(switch: &Switch) -> Result<Box<dyn SwitchSession>, DriverFailure> {
    let driver = Driver::new(Settings::default(), Platforms::load(None).expect("those that ship"));
    driver.open(switch, &SessionGuard::default(), &mut String::new()).await
}

async fn session(lab: &Lab) -> Box<dyn SwitchSession> {
    open(&switch(lab)).await.expect("a session")
}

/// Brings the port to `want`, and reads it back.
async fn change(session: &mut dyn SwitchSession, intent: Intent, want: &PortConfig) -> PortConfig {
    let p1 = port("p1");
    let before = session.read_port(&p1).await.expect("read");
    let lines = session.render(intent, &p1, want, &before).expect("lines");
    session
        .apply_to(&p1, &lines)
        .await
        .unwrap_or_else(|failure| panic!("{failure:?}: {}", session.take_transcript()));
    session.read_port(&p1).await.expect("read back")
}

#[test]
fn what_the_driver_writes_is_what_it_reads_back_and_an_undo_leaves_nothing_behind() {
    let Some(lab) = lab_or_reason() else { return };
    story(async {
        let mut session = session(&lab).await;
        let before = session.read_port(&port("p1")).await.expect("read");
        assert_eq!(before, config(CAPTIVE, None, None));
        let bound = config(VLAN, Some((100_000, 20_000)), Some(OWN));
        let moved = config(VLAN, Some((50_000, 5_000)), Some(FOREIGN));
        let dark = PortConfig { enabled: false, ..config(VLAN, Some((50_000, 5_000)), None) };
        let ended = config(CAPTIVE, None, None);
        for want in [&bound, &bound, &moved, &dark, &ended, &bound] {
            assert_eq!(change(&mut *session, Intent::Provision, want).await, *want);
        }
        assert_eq!(change(&mut *session, Intent::Restore, &before).await, before);
        assert_eq!(lab.flows_of(Subscriber::First), "");
        assert_eq!(lab.console("ovs-vsctl list qos"), "");
        session.close().await;
    });
}

#[test]
fn a_disabled_port_goes_dark_and_comes_back_and_an_undone_one_is_at_the_captive_portal_again() {
    let Some(lab) = lab_or_reason() else { return };
    story(async {
        lab.plug_in(Subscriber::First, OWN);
        let mut session = session(&lab).await;
        let before = session.read_port(&port("p1")).await.expect("read");
        let live = config(VLAN, Some((100_000, 20_000)), Some(OWN));
        let dark = PortConfig { enabled: false, ..live.clone() };
        assert_eq!(change(&mut *session, Intent::Provision, &live).await, live);
        lab.wait_until_answered(Subscriber::First);
        assert_eq!(change(&mut *session, Intent::Provision, &dark).await, dark);
        assert_eq!(lab.answered(Subscriber::First, 5), 0, "dark");
        assert_eq!(change(&mut *session, Intent::Provision, &live).await, live);
        lab.wait_until_answered(Subscriber::First);
        assert_eq!(change(&mut *session, Intent::Restore, &before).await, before);
        assert_eq!(lab.answered(Subscriber::First, 5), 0, "undone");
        session.close().await;
    });
}

#[test]
fn rules_of_the_operators_own_survive_on_a_port() {
    let Some(lab) = lab_or_reason() else { return };
    story(async {
        lab.console("ovs-ofctl add-flow br0 priority=300,in_port=p1,udp,tp_src=67,actions=drop");
        let mut session = session(&lab).await;
        for mac in [Some(OWN), None] {
            let want = config(VLAN, None, mac);
            assert_eq!(change(&mut *session, Intent::Provision, &want).await, want);
        }
        assert_eq!(lab.flows_of(Subscriber::First), " priority=300,udp,in_port=p1,tp_src=67 actions=drop");
        session.close().await;
    });
}

#[test]
fn it_says_what_it_is_and_is_refused_as_anything_else_and_under_another_serial_number() {
    let Some(lab) = lab_or_reason() else { return };
    story(async {
        let mut session = session(&lab).await;
        let transcript = session.take_transcript();
        assert!(transcript.contains("it is a openvswitch (model "), "{transcript}");
        session.close().await;
        // A board may have a serial number or none: this is neither.
        let numbered = Switch { serial: Some("no-such-board".into()), ..switch(&lab) };
        let other = Switch { platform: "mikrotik_routeros".into(), ..switch(&lab) };
        for wrong in [numbered, other] {
            let refused = open(&wrong).await.err().expect("another device");
            assert_eq!(refused.class, FailureClass::WrongDevice, "{refused}");
        }
    });
}

#[test]
fn each_kind_of_no_has_its_class() {
    let Some(lab) = lab_or_reason() else { return };
    story(async {
        let mut session = session(&lab).await;
        let unknown = session.read_port(&port("p9")).await.expect_err("no such port");
        assert_eq!(unknown.class, FailureClass::PortUnknown, "{unknown:?}");
        let nonsense = ["ovs-vsctl --timeout=5 set port p1 tag=9999".to_owned()];
        let rejected = session.apply_to(&port("p1"), &nonsense).await.expect_err("no such VLAN");
        assert_eq!(rejected.class, FailureClass::CommandRejected, "{rejected:?}");
        lab.stop_database();
        let gone = session.read_port(&port("p1")).await.expect_err("nobody to ask");
        assert_eq!(gone.class, FailureClass::SessionLost, "{gone:?}");
        session.close().await;
    });
}

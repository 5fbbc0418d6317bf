//! The driver against the switches of fake-switches: stateful, and written by others from real devices' dialogs. They accept
//! what they don't store, end the session at what was left out of them, and ask before they save.

use super::process::{self, FakeSwitches};
use super::{MAC, change, config, open, port, undo, verify_each};
use crate::harness::story;
use crate::real_switch::has_tools;
use switchyard_actors::domain::config::PortConfig;
use switchyard_actors::domain::failure::FailureClass;
use switchyard_actors::domain::inventory::Switch;
use switchyard_actors::ports::driver::Intent;

const SPEEDS: Option<(u64, u64)> = Some((100_000, 20_000));

pub fn switches_or_reason() -> Option<&'static FakeSwitches> {
    has_tools("peers", process::missing()).then(FakeSwitches::shared)
}

#[test]
fn a_cisco_port_is_sold_suspended_taken_up_again_changed_ended_saved_and_undone() {
    let Some(switches) = switches_or_reason() else { return };
    story(async {
        let name = port("FastEthernet0/7");
        let mut session = switches.peer("cisco-plain", "fake_cisco").session().await;
        let before = session.read_port(&name).await.expect("read");
        let live = config(142, SPEEDS, None);
        let suspended = PortConfig { enabled: false, ..live.clone() };
        let faster = config(142, Some((500_000, 50_000)), None);
        let ended = config(999, None, None);
        verify_each(&mut *session, &name, &[live.clone(), suspended, live, faster, ended]).await;
        session.save().await.expect("saved");
        undo(&mut *session, &name, &before).await;
        let transcript = session.take_transcript();
        assert!(!transcript.contains("takes no comments"), "framed by comments: {transcript}");
        session.close().await;
    });
}

#[test]
fn port_security_that_a_switch_accepts_and_never_stores_is_found_by_the_read_back() {
    let Some(switches) = switches_or_reason() else { return };
    story(async {
        let name = port("FastEthernet0/7");
        let mut session = switches.peer("cisco-secured", "fake_cisco").session().await;
        let want = config(142, SPEEDS, Some(MAC));
        let found = change(&mut *session, &name, Intent::Provision, &want).await.expect("accepted");
        let differences: Vec<_> = want.differences(&found).iter().map(ToString::to_string).collect();
        assert!(differences.len() == 1 && differences[0].contains(MAC), "{differences:?}");
        session.close().await;
    });
}

#[test]
fn on_a_switch_without_policy_maps_nothing_is_taken_for_done_and_the_read_back_tells_what_is_missing() {
    let Some(switches) = switches_or_reason() else { return };
    story(async {
        let peer = switches.peer("cisco-shipped", "cisco_ios");
        let name = port("FastEthernet0/7");
        let mut session = peer.session().await;
        let before = session.read_port(&name).await.expect("read");
        let unknown = session.read_port(&port("FastEthernet0/99")).await.expect_err("no such port");
        assert_eq!(unknown.class, FailureClass::PortUnknown, "{unknown}");
        let want = config(142, SPEEDS, None);
        let lost = change(&mut *session, &name, Intent::Provision, &want).await.expect_err("no policy maps");
        assert_eq!(lost.class, FailureClass::SessionLost, "{lost}");
        // It knows no `end` either.
        let left = ["another mode", "closed the session"];
        assert!(left.iter().any(|how| lost.detail.contains(how)), "{lost}");
        session.close().await;
        let mut next = peer.session().await;
        let found = next.read_port(&name).await.expect("read");
        assert_eq!((found.down_kbps, found.up_kbps), (None, None));
        assert_ne!(want.differences(&found), [], "before: {before:?}");
        next.close().await;
    });
}

#[test]
fn a_line_at_which_a_switch_ends_the_session_is_a_lost_session_and_the_next_one_opens() {
    let Some(switches) = switches_or_reason() else { return };
    story(async {
        let peer = switches.peer("cisco-crashes", "fake_cisco");
        let name = port("FastEthernet0/7");
        let mut session = peer.session().await;
        let lines = ["interface FastEthernet0/7", "copy running-config startup-config", "shutdown"];
        let lost = session.apply_to(&name, &lines.map(str::to_owned)).await.expect_err("ended");
        assert_eq!(lost.class, FailureClass::SessionLost, "{lost}");
        assert!(lost.detail.contains("line 2 of 3 was sent, its effect unknown"), "{lost}");
        session.close().await;
        let mut next = peer.session().await;
        assert!(next.read_port(&name).await.expect("read").enabled, "the third line was never sent");
        next.close().await;
    });
}

#[test]
fn an_arista_whose_prompt_stands_behind_its_answer_is_read_changed_saved_refused_and_lost() {
    let Some(switches) = switches_or_reason() else { return };
    story(async {
        let name = port("Ethernet1");
        let lost = switches.peer("arista", "arista_eos").open().await.err().expect("it has no version");
        assert_eq!(lost.class, FailureClass::SessionLost, "{lost}");

        let mut session = switches.peer("arista", "fake_arista").session().await;
        let before = session.read_port(&name).await.expect("read");
        verify_each(&mut *session, &name, &[config(142, None, None), config(999, None, None)]).await;
        session.save().await.expect("saved");
        let shaped = config(143, SPEEDS, None);
        let rejected = change(&mut *session, &name, Intent::Provision, &shaped).await.expect_err("no shaper");
        assert_eq!(rejected.class, FailureClass::CommandRejected, "{rejected}");
        undo(&mut *session, &name, &before).await;
        let crash = ["interface Ethernet9".to_owned()];
        let lost = session.apply_to(&port("Ethernet9"), &crash).await.expect_err("ended");
        assert_eq!(lost.class, FailureClass::SessionLost, "{lost}");
        session.close().await;
    });
}

#[test]
fn a_dell_port_is_in_its_vlan_goes_dark_and_comes_back_and_the_save_takes_its_single_key() {
    let Some(switches) = switches_or_reason() else { return };
    story(async {
        let name = port("1/g1");
        let mut session = switches.peer("dell", "dell_powerconnect").session().await;
        let before = session.read_port(&name).await.expect("read");
        let live = config(142, None, None);
        let dark = PortConfig { enabled: false, ..live.clone() };
        verify_each(&mut *session, &name, &[live.clone(), dark, live, config(999, None, None)]).await;
        session.save().await.expect("saved");
        undo(&mut *session, &name, &before).await;
        session.close().await;
    });
}

#[test]
fn each_says_what_it_is_and_is_refused_in_its_own_words_as_another_makers() {
    let Some(switches) = switches_or_reason() else { return };
    story(async {
        let table = [
            ("cisco-shipped", "cisco_ios", "dell_powerconnect", "Cisco IOS Software"),
            ("dell", "dell_powerconnect", "cisco_ios", "Image Descriptions"),
            ("dell", "dell_powerconnect", "arista_eos", "Image Descriptions"),
        ];
        for (name, own, other, says) in table {
            let mut session = switches.peer(name, own).session().await;
            let transcript = session.take_transcript();
            assert!(transcript.contains(&format!("it is a {own} (")), "{transcript}");
            session.close().await;
            let refused = switches.peer(name, other).open().await.err().expect("another maker's");
            assert_eq!(refused.class, FailureClass::WrongDevice, "{refused}");
            let told = format!("the inventory says {other}, and the device says \"{says}");
            assert!(refused.detail.contains(&told), "{refused}");
        }
        let numbered =
            Switch { serial: Some("CN0123".into()), ..switches.peer("dell", "dell_powerconnect").switch() };
        let refused = open(&numbered).await.err().expect("it tells none");
        assert_eq!(refused.class, FailureClass::Misconfigured, "{refused}");
    });
}

#[test]
fn what_a_dell_says_no_with_is_told_apart_and_a_refused_plan_leaves_the_port_as_it_was() {
    let Some(switches) = switches_or_reason() else { return };
    story(async {
        let name = port("1/g2");
        let mut session = switches.peer("dell-refuses", "dell_powerconnect").session().await;
        let before = session.read_port(&name).await.expect("read");
        let unknown = session.read_port(&port("1/g99")).await.expect_err("no such port");
        assert_eq!(unknown.class, FailureClass::PortUnknown, "{unknown}");
        let no_vlan = ["interface ethernet 1/g2", "switchport access vlan 143", "shutdown"];
        let refused = session.apply_to(&name, &no_vlan.map(str::to_owned)).await.expect_err("no such VLAN");
        assert_eq!(refused.class, FailureClass::CommandRejected, "{refused}");
        assert!(refused.detail.contains("VLAN ID not found"), "{refused}");
        let plan = config(142, SPEEDS, None);
        let refused = change(&mut *session, &name, Intent::Provision, &plan).await.expect_err("no policies");
        assert_eq!(refused.class, FailureClass::CommandRejected, "{refused}");
        undo(&mut *session, &name, &before).await;
        session.close().await;
    });
}

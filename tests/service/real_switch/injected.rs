//! The facts of a paid port where nobody is root: the same service, platform file and OpenSSH, on a datapath whose frames are
//! injected. These tests run everywhere, with root too.

use super::cabinet::{self, CAPTIVE, Subscriber};
use super::injection::Injection;
use super::{FOREIGN, OWN, ask, buy, has_tools, location, outside_of};
use crate::harness::*;
use serde_json::json;
use std::sync::Arc;

/// So many that one is not luck.
const FRAMES: u64 = 5;

fn injection_or_reason() -> Option<Arc<Injection>> {
    has_tools("real_switch", cabinet::missing_tool()).then(|| Arc::new(Injection::build()))
}

async fn let_through(lab: &Arc<Injection>, who: Subscriber, mac: &'static str) -> u64 {
    ask(lab, move |lab| lab.let_through(who, mac, FRAMES)).await
}

#[test]
fn in_the_injection_itself_a_frame_passes_within_a_vlan_and_none_passes_between_two() {
    let Some(lab) = injection_or_reason() else { return };
    assert_eq!(lab.let_through(Subscriber::First, OWN, FRAMES), 0);
    lab.console(&format!("ovs-vsctl set port p1 tag={VLAN}"));
    assert_eq!(lab.let_through(Subscriber::First, OWN, FRAMES), FRAMES);
    assert_eq!(lab.let_through(Subscriber::Second, OWN, FRAMES), 0);
}

#[test]
fn a_paid_port_carries_injected_frames_and_with_a_mac_address_those_of_that_mac_address_only() {
    let Some(lab) = injection_or_reason() else { return };
    story(async {
        let outside = outside_of(&lab).await;
        let service = serve(&outside, "").await;
        let client = Client::new(service.address());
        assert_eq!(let_through(&lab, Subscriber::First, OWN).await, 0, "not paid yet");

        let mut body = direct("first", location(Subscriber::First));
        body["mac_address"] = json!(OWN);
        buy(&outside, &client, "first", body).await;
        assert_eq!(let_through(&lab, Subscriber::First, OWN).await, FRAMES);
        assert_eq!(lab.access_vlan(Subscriber::First), VLAN.to_string());
        assert_eq!(lab.speeds_kbps(Subscriber::First), (Some(100_000), 20_000));
        assert_eq!(let_through(&lab, Subscriber::First, FOREIGN).await, 0, "another MAC");
        assert_eq!(let_through(&lab, Subscriber::First, OWN).await, FRAMES);
        service.stop().await;
    });
}

#[test]
fn without_a_mac_address_frames_of_any_equipment_pass_and_the_neighbour_stays_as_it_was() {
    let Some(lab) = injection_or_reason() else { return };
    story(async {
        let outside = outside_of(&lab).await;
        let service = serve(&outside, "").await;
        let client = Client::new(service.address());
        buy(&outside, &client, "second", direct("second", location(Subscriber::Second))).await;
        for mac in [OWN, FOREIGN] {
            assert_eq!(let_through(&lab, Subscriber::Second, mac).await, FRAMES, "{mac}");
            assert_eq!(
                let_through(&lab, Subscriber::First, mac).await,
                0,
                "the neighbour hasn't paid: {mac}"
            );
        }
        assert_eq!(lab.access_vlan(Subscriber::First), CAPTIVE.to_string());
        service.stop().await;
    });
}

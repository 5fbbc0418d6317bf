//! "The subscriber's internet is live", shown by packets: a real Open vSwitch behind a real OpenSSH, driven by the service
//! as an inventory and a platform file tell it to. A ping gets through or it doesn't.
//!
//! Needs root for the network namespaces. Where none can be made these tests say so and prove nothing, and `injected` alone
//! shows the same facts. Where `CI` is `true` and a tool is not installed, they fail.

pub mod cabinet;
pub mod cleanup;
mod driver;
mod injected;
mod injection;
pub mod lab;

use crate::harness::*;
use cabinet::{CAPTIVE, Cabinet, Subscriber};
use lab::Lab;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;

/// The subscriber's own router, and somebody else's.
const OWN: &str = "02:00:5e:10:00:0a";
const FOREIGN: &str = "02:00:5e:10:00:0b";
/// Four seconds of pings.
const MANY: u16 = 20;

/// The lab, or a word about why there is none.
fn lab_or_reason() -> Option<Lab> {
    if !has_tools("real_switch", lab::missing_tool()) {
        return None;
    }
    let Some(reason) = lab::no_namespaces() else { return Some(Lab::build()) };
    say(&format!("real_switch proves this with injected frames only: {reason}"));
    None
}

/// Whether no tool is missing; a word about it, or a failure where tools are to be had.
pub fn has_tools(suite: &str, missing: Option<&str>) -> bool {
    let Some(tool) = missing else { return true };
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{suite}: {tool} is not installed");
    say(&format!("{suite} proves nothing here: {tool} is not installed"));
    false
}

/// Not by a macro: the test harness would swallow it.
pub fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

fn by_ssh(lab: &Lab, line: &str) -> String {
    let known_hosts = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(known_hosts.path(), format!("{} {}\n", lab.listens().ip(), lab.host_key()))
        .expect("a file");
    let mut command = Command::new("ssh");
    command.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]);
    command.arg("-o").arg(format!("UserKnownHostsFile={}", known_hosts.path().display()));
    command.arg("-i").arg(lab.client_key()).arg(format!("root@{}", lab.listens().ip())).arg(line);
    String::from_utf8(cabinet::must(&mut command).stdout).expect("text").trim_end().to_owned()
}

#[test]
fn in_the_lab_itself_a_ping_passes_within_a_vlan_and_no_frame_passes_between_two() {
    let Some(lab) = lab_or_reason() else { return };
    assert_eq!(lab.answered(Subscriber::First, 5), 0);
    assert_eq!(lab.frames_at_provider(), 0);
    by_ssh(&lab, &format!("ovs-vsctl set port p1 tag={}", VLAN));
    assert_eq!(by_ssh(&lab, "ovs-vsctl get port p1 tag"), VLAN.to_string());
    lab.wait_until_answered(Subscriber::First);
    assert_eq!(lab.answered(Subscriber::Second, 5), 0);
}

/// The opaque token of a port.
fn location(who: Subscriber) -> &'static str {
    match who {
        Subscriber::First => "0000000f01",
        Subscriber::Second => "0000000f02",
    }
}

fn inventory_text(cabinet: &Cabinet) -> String {
    let ports = [Subscriber::First, Subscriber::Second]
        .map(|who| format!("{} = \"{}\"\n", cabinet.port(who), location(who)));
    format!(
        "[[switch]]\nname = \"cabinet\"\nhost = \"{}\"\nssh_port = {}\nplatform = \"openvswitch\"\nusername = \"{}\"\n\
         private_key = \"file:{}\"\nhost_key = \"{}\"\ncaptive_portal_vlan = {CAPTIVE}\n[switch.ports]\n{}",
        cabinet.listens().ip(),
        cabinet.listens().port(),
        cabinet::username(),
        cabinet.client_key().display(),
        cabinet.host_key(),
        ports.concat()
    )
}

/// The partner's world, with the cabinet as its only switch.
async fn outside_of(cabinet: &Cabinet) -> Outside {
    let outside = Outside::start(Fleet { switches: 0, ..SMALL }).await;
    std::fs::write(outside.inventory(), outside.inventory_text() + &inventory_text(cabinet))
        .expect("the inventory");
    outside
}

/// Asks the lab without holding up the service, which lives on this thread.
async fn ask<L: Send + Sync + 'static, T: Send + 'static>(
    lab: &Arc<L>,
    question: impl FnOnce(&L) -> T + Send + 'static,
) -> T {
    let lab = Arc::clone(lab);
    tokio::task::spawn_blocking(move || question(&lab)).await.expect("an answer")
}

/// Buys a plan for this port, and waits for the word that it is live. The subscription's id.
async fn buy(outside: &Outside, client: &Client, external: &str, body: Value) -> String {
    let answer = client.checkout(&body).await;
    assert_eq!(answer.status, 200, "{external}: {answer:?}");
    let job = answer.id("job_id");
    let told = |outside: &Outside, name: &str| outside.events_for(name, &job).pop();
    outside
        .until("told", |o| {
            told(o, "provisioning.completed").or_else(|| told(o, "provisioning.failed")).is_some()
        })
        .await;
    let completed = told(outside, "provisioning.completed");
    assert!(
        completed.as_ref().is_some_and(|event| event.signature.is_valid()),
        "{external}: {:?}",
        told(outside, "provisioning.failed")
    );
    answer.id("subscription_id")
}

async fn bind_and_buy(outside: &Outside, client: &Client, lab: &Arc<Lab>) -> String {
    ask(lab, |lab| lab.plug_in(Subscriber::First, OWN)).await;
    let mut body = direct("first", location(Subscriber::First));
    body["mac_address"] = json!(OWN);
    buy(outside, client, "first", body).await
}

#[test]
fn a_paid_port_carries_packets_and_with_a_mac_address_those_of_that_mac_address_only() {
    let Some(lab) = lab_or_reason().map(Arc::new) else { return };
    story(async {
        let outside = outside_of(&lab).await;
        let service = serve(&outside, "").await;
        let client = Client::new(service.address());
        assert_eq!(ask(&lab, |lab| lab.answered(Subscriber::First, 5)).await, 0, "not paid yet");
        assert_eq!(lab.frames_at_provider(), 0);

        bind_and_buy(&outside, &client, &lab).await;
        ask(&lab, |lab| lab.wait_until_answered(Subscriber::First)).await;
        assert_eq!(lab.access_vlan(Subscriber::First), VLAN.to_string());
        assert_eq!(lab.speeds_kbps(Subscriber::First), (Some(100_000), 20_000));

        ask(&lab, |lab| lab.plug_in(Subscriber::First, FOREIGN)).await;
        let before = lab.frames_at_provider();
        assert_eq!(ask(&lab, |lab| lab.answered(Subscriber::First, MANY)).await, 0, "another MAC");
        assert_eq!(lab.frames_at_provider(), before);
        ask(&lab, |lab| lab.plug_in(Subscriber::First, OWN)).await;
        ask(&lab, |lab| lab.wait_until_answered(Subscriber::First)).await;
        service.stop().await;
    });
}

#[test]
fn without_a_mac_address_any_equipment_may_be_plugged_in_and_the_neighbour_stays_as_it_was() {
    let Some(lab) = lab_or_reason().map(Arc::new) else { return };
    story(async {
        let outside = outside_of(&lab).await;
        let service = serve(&outside, "").await;
        let client = Client::new(service.address());
        buy(&outside, &client, "second", direct("second", location(Subscriber::Second))).await;
        for mac in [OWN, FOREIGN] {
            ask(&lab, move |lab| lab.plug_in(Subscriber::Second, mac)).await;
            ask(&lab, |lab| lab.wait_until_answered(Subscriber::Second)).await;
        }
        assert_eq!(ask(&lab, |lab| lab.answered(Subscriber::First, 5)).await, 0, "the neighbour hasn't paid");
        assert_eq!(lab.access_vlan(Subscriber::First), CAPTIVE.to_string());
        service.stop().await;
    });
}

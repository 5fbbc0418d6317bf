//! What simulated devices remember, as history.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;

use uuid::Uuid;

use crate::simulator::receiver::WebhookReceiver;
use crate::simulator::{Addressing, Personality, PortConfig, SimulatedFleet, SwitchPlan};

use super::super::history::{Answered, EventName, History, Place, PortState, Recipient};
use super::super::moment::Beginning;
use super::super::request::Mac;
use super::super::witness::{kbps, note_dead_letters, note_receiver, note_switch, watch_port};

const PORT: &str = "GigabitEthernet1/0/1";

#[tokio::test]
async fn a_ports_configuration_before_and_after_is_in_plain_terms() {
    let addressing = Addressing::Ports { address: Ipv4Addr::LOCALHOST, first_port: 0 };
    let plan = SwitchPlan::new("sw1", Personality::Ios);
    let fleet = SimulatedFleet::start(addressing, vec![plan]).await.expect("a free port");
    let (switch, mut history) = (fleet.switches()[0].clone(), History::default());
    watch_port(&mut history, &switch, PORT);
    let factory = PortConfig::factory(Personality::Ios);
    let secured = PortConfig {
        enabled: false,
        access_vlan: 142,
        port_security: true,
        static_macs: vec!["0200.5e10.000a".into()],
        ..factory
    };
    switch.configure(PORT, secured);
    note_switch(&mut history, &Beginning::now(), &switch);

    let port = &history.ports[&Place { switch: "sw1".into(), port: PORT.into() }];
    let open = PortState { enabled: true, vlan: 1, down_kbps: None, up_kbps: None, macs: BTreeSet::new() };
    let macs = BTreeSet::from([Mac::parse("02:00:5E:10:00:0A").expect("a MAC")]);
    let shut = PortState { enabled: false, vlan: 142, macs, ..open.clone() };
    assert_eq!((&port.before, &port.running), (&Some(open), &Some(shut)));
    assert_eq!(port.running, port.startup);
    assert!(
        history.sessions.is_empty() && history.commands.is_empty() && history.forgetful_switches.is_empty()
    );
}

#[test]
fn a_policer_is_read_in_either_vendors_words() {
    assert_eq!(kbps("cir 100000000"), Some(100_000));
    assert_eq!(kbps("rate 20000 kbps burst-size 256 kbytes"), Some(20_000));
    assert_eq!(kbps("rate 2 gbps"), Some(2_000_000));
    assert_eq!(kbps("rate 3 mbps"), Some(3_000));
    assert_eq!(kbps("exceed-action drop"), None);
}

#[test]
fn a_line_of_the_dead_letters_names_what_it_is_about() {
    let (id, job, subscription) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    let lines = [
        format!(
            "{id}  partner {id}  provisioning.completed  subscription {subscription}  job {job}  3 attempts  X"
        ),
        format!("{id}  partner {id}  subscription.activated  subscription {subscription}  1 attempts  X"),
        "no dead letters".to_owned(),
    ];
    let mut history = History::default();
    note_dead_letters(&mut history, &lines);
    let [outcome, activation] = &history.dead_letters[..] else { panic!("{:?}", history.dead_letters) };
    assert_eq!((&outcome.event, outcome.job), (&EventName::Completed, Some(job)));
    assert_eq!((&activation.event, activation.job), (&EventName::Activated, None));
    assert_eq!((outcome.subscription, activation.subscription), (Some(subscription), Some(subscription)));
}

#[test]
fn a_receivers_request_is_a_delivery() {
    let receiver = WebhookReceiver::start(HashMap::new()).expect("a free port");
    let mut stream = std::net::TcpStream::connect(receiver.address()).expect("a connection");
    let request = "POST / HTTP/1.1\r\nHost: p\r\nConnection: close\r\nContent-Length: 2\r\n\
                   X-Webhook-Id: e1\r\nX-Webhook-Attempt: 2\r\nX-Webhook-Signature: sha256=00\r\n\r\n{}";
    std::io::Write::write_all(&mut stream, request.as_bytes()).expect("the request is taken");
    std::io::copy(&mut stream, &mut std::io::sink()).expect("the answer ends");

    let mut history = History::default();
    note_receiver(&mut history, &Beginning::now(), &receiver, Recipient::Shared);
    let [delivery] = &history.deliveries[..] else { panic!("{:?}", history.deliveries) };
    assert_eq!((delivery.id.as_deref(), delivery.attempt), (Some("e1"), Some(2)));
    assert_eq!((delivery.signature.as_deref(), &delivery.previous_signature), (Some("sha256=00"), &None));
    assert_eq!((&delivery.body[..], delivery.answered), (&b"{}"[..], Answered::Status(200)));
}

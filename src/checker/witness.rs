//! Puts what simulated devices remember into a history: the switches' sessions, commands and configurations, and what a
//! receiver got. The devices stand outside, as real ones would; nothing of the service is asked.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::history::{Answered, Command, Delivery, History, Place, PortState, Reading, Recipient, Session};
use super::moment::{Beginning, Span};
use super::request::Mac;
use crate::simulator::receiver::{Answer, Delivery as Received, WebhookReceiver};
use crate::simulator::{PortConfig, SimulatedSwitch};

/// Watches a port from now on: how it is configured is how it was before. Whoever changes by hand, and saves, a port that
/// nobody asked for has it watched anew.
///
/// # Panics
/// If the switch has no such port.
pub fn watch_port(history: &mut History, switch: &SimulatedSwitch, port: &str) {
    let before = switch.running(port).map(|config| state_of(switch, &config));
    assert!(before.is_some(), "{} has no port {port}", switch.name());
    let place = Place { switch: switch.name().to_owned(), port: port.to_owned() };
    history.ports.entry(place).or_default().before = before;
}

/// All that the switch remembers, and how its watched ports are configured now. Once, at the end.
pub fn note_switch(history: &mut History, beginning: &Beginning, switch: &SimulatedSwitch) {
    note_switch_of(history, beginning, switch, |_| None);
}

/// The same, where it can be told from its address whose a session is.
pub fn note_switch_of(
    history: &mut History,
    beginning: &Beginning,
    switch: &SimulatedSwitch,
    whose: impl Fn(SocketAddr) -> Option<String>,
) {
    let name = switch.name();
    for session in switch.sessions() {
        let until = session.closed.map(|at| beginning.moment(at));
        let span = Span { from: beginning.moment(session.opened), until };
        let (number, holder) = (session.number, whose(session.peer));
        history.sessions.push(Session { switch: name.to_owned(), number, holder, span });
    }
    history.readings.extend(switch.readings().into_iter().map(|reading| Reading {
        place: Place { switch: name.to_owned(), port: reading.port },
        at: beginning.moment(reading.at),
        state: state(&reading.config, |policy| reading.policers.get(policy)?.clone()),
    }));
    let commands = switch.commands();
    if switch.counts().commands > commands.len() as u64 {
        history.forgetful_switches.insert(name.to_owned());
    }
    history.commands.extend(commands.into_iter().map(|command| Command {
        switch: name.to_owned(),
        session: command.session,
        at: beginning.moment(command.at),
        line: command.line,
    }));
    let first = Place { switch: name.to_owned(), port: String::new() };
    for (place, port) in history.ports.range_mut(first..).take_while(|(place, _)| place.switch == name) {
        port.running = switch.running(&place.port).map(|config| state_of(switch, &config));
        port.startup = switch.startup(&place.port).map(|config| state_of(switch, &config));
    }
}

/// Every webhook that the receiver got. Once, at the end.
pub fn note_receiver(
    history: &mut History,
    beginning: &Beginning,
    receiver: &WebhookReceiver,
    to: Recipient,
) {
    let deliveries = receiver.deliveries();
    history.deliveries.extend(deliveries.into_iter().map(|received| delivery(beginning, received, to)));
}

fn delivery(beginning: &Beginning, received: Received, to: Recipient) -> Delivery {
    let header = |name| received.header(name).map(str::to_owned);
    Delivery {
        at: beginning.moment(received.arrived),
        to,
        id: header("X-Webhook-Id"),
        attempt: received.attempt(),
        signature: header("X-Webhook-Signature"),
        previous_signature: header("X-Webhook-Signature-Previous"),
        answered: answered(&received.answer),
        body: received.body,
    }
}

/// As the contract counts: an attempt is over with its last byte. A body that is too long has its status all the same.
fn answered(answer: &Answer) -> Answered {
    match answer {
        Answer::Status(status) => Answered::Status(*status),
        Answer::Redirect(_) => Answered::Status(302),
        Answer::HugeBody => Answered::Status(200),
        Answer::Hang | Answer::SlowBody | Answer::CloseWithoutAnswer => Answered::Nothing,
    }
}

/// With the policers that run now, also for the start-up configuration, for want of others.
fn state_of(switch: &SimulatedSwitch, config: &PortConfig) -> PortState {
    state(config, |policy| {
        let classes = switch.policy_map(policy)?;
        classes.into_iter().find_map(|(_, policer)| policer)
    })
}

/// In plain terms. What limits the rate is the policer behind the policy's name. Addresses count only where port security keeps
/// others out.
fn state(config: &PortConfig, policer: impl Fn(&str) -> Option<String>) -> PortState {
    let policed = |policy: &Option<String>| kbps(&policer(policy.as_deref()?)?);
    let macs = config.static_macs.iter().filter(|_| config.port_security);
    PortState {
        enabled: config.enabled,
        vlan: config.access_vlan,
        down_kbps: config.shape_kbps.or_else(|| policed(&config.service_policy_out)),
        up_kbps: policed(&config.service_policy_in),
        macs: macs.filter_map(|mac| Mac::parse(mac)).collect::<BTreeSet<_>>(),
    }
}

/// `cir 100000000` in bits a second (IOS), `rate 20000 kbps burst-size ...` with a unit (EOS).
pub(super) fn kbps(policer: &str) -> Option<u64> {
    let mut words = policer.split_whitespace();
    words.find(|word| matches!(*word, "cir" | "rate"))?;
    let rate: u64 = words.next()?.parse().ok()?;
    match words.next() {
        Some("gbps") => Some(rate * 1_000_000),
        Some("mbps") => Some(rate * 1_000),
        Some("kbps") => Some(rate),
        _ => Some(rate / 1_000),
    }
}

//! How long the outside checker takes over the history of a long torture run, and of a tenth of it: ten times as much may take
//! ten times as long, and not a hundred.

#![allow(clippy::print_stdout)] // a bench that prints nothing says nothing

use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use switchyard::checker::history::*;
use switchyard::checker::moment::{Moment, Span};
use switchyard::checker::request::Request;
use switchyard::checker::{Report, judge};
use uuid::Uuid;

const PARTNERS: usize = 20;
const SWITCHES: usize = 1_200;
const CHECKOUTS: usize = 60_000;
const COMMANDS_A_CHECKOUT: usize = 33;
const VLAN: u16 = 142;

/// A switch and a port for each checkout, one after the other.
fn place(n: usize) -> Place {
    Place {
        switch: format!("sw-{:04}", n % SWITCHES),
        port: format!("GigabitEthernet1/0/{}", n / SWITCHES + 1),
    }
}

fn partner(n: usize) -> Uuid {
    Uuid::from_u128(0xA000 + (n % PARTNERS) as u128)
}

fn id(kind: u128, n: usize) -> Uuid {
    Uuid::from_u128((kind << 64) + n as u128)
}

fn at(n: usize, millis: u64) -> Moment {
    Moment::of_millis(30 * n as u64 + millis)
}

fn state(vlan: u16, kbps: Option<u64>) -> PortState {
    PortState { enabled: true, vlan, down_kbps: kbps, up_kbps: kbps, macs: BTreeSet::new() }
}

/// Nothing in it is wrong: every tenth checkout is asked for twice, and every fifth webhook arrives twice.
fn history(checkouts: usize) -> History {
    let mut history = History { ending: Ending::Drained, ..History::default() };
    for n in 0..PARTNERS {
        let secret = Secret { name: format!("webhook secret {n}"), value: format!("whsec-of-partner-{n}") };
        let secrets = vec![WebhookSecret { secret, valid: Span::since(Moment(0)) }];
        history.partners.push(Partner { id: partner(n), secrets });
        let (down_kbps, up_kbps) = (Some(100_000), Some(100_000));
        history.plans.push(Plan { id: id(0xB, n), vlan: VLAN, down_kbps, up_kbps });
    }
    history.secrets.push(Secret { name: "switch password".into(), value: "pw-9JhQ-switch-login".into() });
    let log = "an ordinary line of a log, as there are many in a long run\n".repeat(checkouts * 10);
    history.texts.push(Text { place: "service.log".into(), text: log });
    (0..checkouts).for_each(|n| check_out(&mut history, n));
    history
}

fn check_out(history: &mut History, n: usize) {
    let location = format!("{n:010x}");
    let live = state(VLAN, Some(100_000));
    let port = Port {
        before: Some(state(1, None)),
        running: Some(live.clone()),
        startup: Some(live),
        ..Port::default()
    };
    history.ports.insert(place(n), port);
    history.locations.insert(location.clone(), place(n));
    let body = json!({
        "service_provider_document_id": partner(n),
        "plan_version_id": id(0xB, n % PARTNERS),
        "external_subscription_id": format!("order-{n}"),
        "location_hash": location,
    });
    let taken =
        json!({"job_id": id(0xC, n), "subscription_id": id(0xD, n), "message": "Provisioning started"});
    let request = Request::parse(body.to_string().as_bytes()).expect("a request");
    for repeat in 0..1 + u64::from(n.is_multiple_of(10)) {
        let answer = Answer {
            at: at(n, 5 + repeat * 10),
            status: 200,
            body: taken.to_string().into_bytes(),
            replayed: repeat > 0,
        };
        let (sent, reply) = (at(n, repeat * 10), Reply::Answer(answer));
        history.attempts.push(Attempt { request: request.clone(), sent, reply });
    }
    visit(history, n);
    tell(history, n, "provisioning.completed", &location);
    tell(history, n, "subscription.activated", &location);
}

fn visit(history: &mut History, n: usize) {
    let (place, number) = (place(n), n as u64);
    let span = Span::new(at(n, 20), at(n, 60));
    history.sessions.push(Session { switch: place.switch.clone(), number, holder: None, span });
    history.readings.push(Reading { place: place.clone(), at: at(n, 50), state: state(VLAN, Some(100_000)) });
    for line in 0..COMMANDS_A_CHECKOUT {
        let at = Moment(at(n, 21).0 + line as u64);
        let line = format!("interface {}", place.port);
        history.commands.push(Command { switch: place.switch.clone(), session: number, at, line });
    }
}

fn tell(history: &mut History, n: usize, event: &str, location: &str) {
    let mut body = json!({
        "event": event,
        "provider_document_id": partner(n),
        "external_subscription_id": format!("order-{n}"),
        "subscription_id": id(0xD, n),
        "timestamp": 1.5,
    });
    if event == "provisioning.completed" {
        body["job_id"] = json!(id(0xC, n));
    } else {
        body["plan_version_id"] = json!(id(0xB, n % PARTNERS));
        body["location_hash"] = json!(location);
    }
    let body = body.to_string().into_bytes();
    let delivery = Delivery {
        at: at(n, 100),
        to: Recipient::Partner(partner(n)),
        id: Some(id(0xE + u128::from(event.starts_with('s')), n).to_string()),
        attempt: Some(1),
        signature: Some(sign(n, &body)),
        previous_signature: None,
        body,
        answered: Answered::Status(200),
    };
    let times = 1 + usize::from(n.is_multiple_of(5));
    history.deliveries.extend(std::iter::repeat_n(delivery, times));
}

fn sign(n: usize, body: &[u8]) -> String {
    use hmac::{Hmac, KeyInit, Mac as _};
    let secret = format!("whsec-of-partner-{}", n % PARTNERS);
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

fn judged(checkouts: usize) -> (Report, Duration) {
    let history = history(checkouts);
    println!("{checkouts} checkouts, {} commands; {} with the history", history.commands.len(), memory());
    let began = processor_time();
    (judge(&history), processor_time() - began)
}

/// Of this process: what others do on the machine doesn't count.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).expect("no time before the process's start")
}

/// The most that this process ever had.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or(" ?");
    format!("at most {} so far", peak.trim())
}

fn main() {
    let (_, tenth) = judged(CHECKOUTS / 10);
    let (report, whole) = judged(CHECKOUTS);
    print!("{report}");
    let ratio = whole.as_secs_f64() / tenth.as_secs_f64();
    println!("judged in {whole:.2?}, a tenth of it in {tenth:.2?}: {ratio:.1} times; {}", memory());
    assert!(report.violated().is_empty() && report.not_judged().is_empty(), "nothing is wrong with it");
}

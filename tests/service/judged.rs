//! Everything at once, judged from outside: broken sessions, a rejected line, a receiver that fails and refuses, and the process
//! killed with work under way. What must hold is looked at by the checker alone.

use crate::harness::*;
use crate::witnesses::Witnesses;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::{Duration, Instant};
use switchyard::checker::history::Attempt;
use switchyard::simulator::receiver::{Answer, Requests};
use switchyard::simulator::{FallBack, Fault};

const SWITCHES: usize = 13;
const PORTS: u16 = 4;
/// The port of which its switch refuses a line once.
const REJECTED: (usize, u16) = (6, PORTS - 1);

fn places() -> impl DoubleEndedIterator<Item = (usize, u16)> {
    (0..PORTS).flat_map(|port| (0..SWITCHES).map(move |switch| (switch, port)))
}

fn order_faults(outside: &Outside) {
    let vlan = || format!("switchport access vlan {VLAN}");
    let faults = [
        Fault::RefuseConnections { times: 2 },
        Fault::DropAfterCommand { pattern: vlan(), times: 1 },
        Fault::DropBeforeCommand { pattern: vlan(), times: 1 },
        Fault::Garble { pattern: vlan(), times: 1 },
        Fault::RebootAt { pattern: vlan(), times: 1, down_for: Duration::from_millis(200) },
        Fault::SilentAccept { pattern: vlan(), times: 1 },
        // Of a port that is not asked for before the kill: a refusal that nobody had time to put on record would be spent.
        Fault::Reject {
            pattern: outside.port_name(REJECTED.0, REJECTED.1),
            text: "% Invalid input\n".into(),
            times: 1,
        },
        Fault::SilentBanner { times: 1 },
        Fault::FallBack { pattern: vlan(), to: FallBack::Privileged, times: 1 },
        Fault::FallBack { pattern: vlan(), to: FallBack::User, times: 1 },
        Fault::FallBack { pattern: "show running-config".into(), to: FallBack::User, times: 1 },
        Fault::NoFreeLine { times: 2 },
        Fault::LockConfiguration { times: 2 },
    ];
    for (switch, fault) in outside.fleet.switches().iter().zip(faults) {
        switch.order(fault);
    }
    let of_event = |event: &str, times| Requests::OfEvent { event: event.into(), times };
    outside.receiver.order(of_event("provisioning.completed", 2), Answer::Status(500));
    outside.receiver.order(of_event("provisioning.completed", 1), Answer::CloseWithoutAnswer);
    outside.receiver.order(of_event("subscription.activated", 1), Answer::Status(404));
}

/// A checkout for a port, and its partner's secret: the last port of each switch is the other partner's.
fn checkout(outside: &Outside, (switch, port): (usize, u16)) -> (Value, &'static str) {
    let mut body = direct(&format!("order-{switch}-{port}"), &outside.location(switch, port));
    if port + 1 < PORTS {
        return (body, SECRET);
    }
    body["service_provider_document_id"] = json!(OTHER_PARTNER);
    body["plan_version_id"] = json!(FOREIGN_PLAN);
    (body, OTHER_SECRET)
}

/// As a partner does it: the same body, until it is taken.
async fn until_taken(witnesses: &mut Witnesses, client: &Client, (body, secret): &(Value, &str)) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let attempt = witnesses.checkout(client, body, secret).await;
        let is_taken = is_taken(&attempt);
        witnesses.remember([attempt]);
        if is_taken {
            return;
        }
        assert!(Instant::now() < deadline, "never taken: {body}");
    }
}

fn is_taken(attempt: &Attempt) -> bool {
    attempt.reply.answer().is_some_and(|answer| answer.status == 200)
}

/// Half of the checkouts, a kill, and then all of them, and other wishes under their keys.
async fn checkouts_around_a_kill(outside: &Outside, witnesses: &mut Witnesses) -> Process {
    let address = free_address();
    let mut doomed = Process::start(outside, address, &[]).await;
    let client = Client::new(address);
    for place in places().take(SWITCHES * usize::from(PORTS) / 2) {
        until_taken(witnesses, &client, &checkout(outside, place)).await;
    }
    doomed.kill();
    let (body, secret) = checkout(outside, (0, PORTS - 1));
    let unheard = witnesses.checkout(&client, &body, secret).await;
    witnesses.remember([unheard]);
    let restarted = Process::start(outside, address, &[]).await;
    let client = Client::new(address);
    for place in places().rev() {
        let mut asked = checkout(outside, place);
        until_taken(witnesses, &client, &asked).await;
        asked.0["mac_address"] = json!("02:00:5e:10:00:0a");
        let refused = witnesses.checkout(&client, &asked.0, asked.1).await;
        witnesses.remember([refused]);
    }
    restarted
}

/// Waits for as many as there must be, and leaves it to the checker to find one too many.
async fn at_rest(outside: &Outside) {
    let live = SWITCHES * usize::from(PORTS) - 1;
    let told = |o: &Outside, name: &str| {
        let deliveries = o.receiver.deliveries();
        let events = deliveries.iter().filter(|delivery| delivery.event() == Some(name));
        events.filter_map(|delivery| delivery.field("subscription_id")).collect::<HashSet<_>>().len()
    };
    outside.until("one failed", |o| told(o, "provisioning.failed") >= 1).await;
    outside.until("the rest completed", |o| told(o, "provisioning.completed") >= live).await;
    outside.until("the rest activated", |o| told(o, "subscription.activated") >= live).await;
    let is_saved = |o: &Outside| {
        places().filter(|place| *place != REJECTED).all(|(switch, port)| o.is_live_and_saved(switch, port))
    };
    outside.until("the rest saved", is_saved).await;
}

/// A last start, in this process, where it can be seen that nothing is left to do; and what was given up.
async fn come_to_rest(outside: &Outside) -> Vec<String> {
    let service = serve(outside, "").await;
    let store = service.store();
    until_at_rest(&*store).await;
    let dead = switchyard::operations::dead_letters(&*store).await.expect("a list");
    drop(store);
    service.stop().await;
    dead
}

#[test]
fn through_broken_sessions_a_failing_receiver_and_a_kill_all_nine_invariants_hold() {
    story(async {
        let outside = Outside::start(Fleet { switches: SWITCHES, ports: PORTS, ..SMALL }).await;
        let mut witnesses = Witnesses::of(&outside);
        order_faults(&outside);
        let mut service = checkouts_around_a_kill(&outside, &mut witnesses).await;
        at_rest(&outside).await;
        service.terminate();
        service.wait_until_ended().await;
        witnesses.hear_log(service.log_text());
        witnesses.hear_dead_letters(&come_to_rest(&outside).await);

        let report = witnesses.judge(&outside);
        assert_eq!((report.violated(), report.not_judged()), (vec![], vec![]), "{report}");
    });
}

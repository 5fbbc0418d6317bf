//! Many ports that wait for one switch: one visit, one save, and an outcome for each.

use crate::harness::*;
use futures_util::future::join_all;
use serde_json::json;
use std::sync::Arc;
use switchyard::simulator::{Fault, Personality, SimulatedSwitch};
use switchyard::startup::Application;

/// As many as wait together.
const MANY: u16 = 24;
/// The one among them that is refused.
const ODD: u16 = 7;

const ONE_SWITCH: Fleet = Fleet { switches: 1, ports: MANY + 1, personality: |_| Personality::Ios, ..SMALL };

fn device(outside: &Outside) -> Arc<SimulatedSwitch> {
    outside.fleet.switch(&switch_name(0)).expect("there")
}

fn lines(outside: &Outside, line: &str) -> usize {
    device(outside).commands().iter().filter(|command| command.line == line).count()
}

fn body(outside: &Outside, port: u16) -> serde_json::Value {
    let mut body = direct(&format!("order-{port}"), &outside.location(0, port));
    body["mac_address"] = json!(format!("02-00-5E-10-00-{port:02X}"));
    body
}

/// Ports 0 to 23 are ordered while the switch is busy with the save of another, and then that session is cut: nobody can
/// begin with one before all are there. The jobs.
async fn many_waiting(outside: &Outside, service: &Application) -> Vec<String> {
    let client = Client::new(service.address());
    device(outside).order(Fault::Stall { pattern: "write memory".into(), duration: None, times: 1 });
    assert_eq!(client.checkout(&body(outside, MANY)).await.status, 200);
    outside.until("saving", |outside| lines(outside, "write memory") == 1).await;
    let bodies: Vec<_> = (0..MANY).map(|port| body(outside, port)).collect();
    let answers = join_all(bodies.iter().map(|body| client.checkout(body))).await;
    device(outside).cut_sessions();
    answers.iter().map(|answer| answer.id("job_id")).collect()
}

#[test]
fn twenty_four_waiting_ports_are_one_visit_and_one_save() {
    story(async {
        let outside = Outside::start(ONE_SWITCH).await;
        let service = serve(&outside, "").await;
        let jobs = many_waiting(&outside, &service).await;
        outside.until("saved", |outside| (0..=MANY).all(|port| outside.is_live_and_saved(0, port))).await;
        for job in &jobs {
            outside.until("told", |o| o.events_for("provisioning.completed", job).len() == 1).await;
        }
        // One for the port before them.
        assert_eq!(lines(&outside, "configure terminal"), 2);
        // That one's save was held up.
        assert_eq!((lines(&outside, "write memory"), outside.most_sessions(0)), (2, 1));
        service.stop().await;
    });
}

#[test]
fn one_of_twenty_four_that_is_refused_fails_with_its_reason_and_twenty_three_are_live() {
    story(async {
        let outside = Outside::start(ONE_SWITCH).await;
        let before = device(&outside).running(&outside.port_name(0, ODD));
        device(&outside).order(Fault::Reject {
            pattern: format!("port-security mac-address 0200.5e10.00{ODD:02x}"),
            text: format!("Found duplicate mac-address 0200.5e10.00{ODD:02x}."),
            times: 1,
        });
        let service = serve(&outside, "").await;
        let jobs = many_waiting(&outside, &service).await;
        let others = (0..=MANY).filter(|port| *port != ODD);
        outside.until("saved", |outside| others.clone().all(|port| outside.is_live_and_saved(0, port))).await;
        let refused = &jobs[usize::from(ODD)];
        outside.until("told", |o| o.events_for("provisioning.failed", refused).len() == 1).await;
        let told = outside.events_for("provisioning.failed", refused).pop().expect("one");
        let reason = "The switch rejected the configuration of the port. Contact the operator.";
        assert_eq!(told.field("error"), Some(reason));
        let completed = |job: &String| outside.events_for("provisioning.completed", job).len() == 1;
        for job in jobs.iter().filter(|job| *job != refused) {
            outside.until("told", |_| completed(job)).await;
        }
        assert_eq!(device(&outside).running(&outside.port_name(0, ODD)), before);
        let story = service.transcript(&switch_name(0), refused).await.expect("a story");
        assert!(story.contains("Found duplicate mac-address"), "{story}");
        service.stop().await;
    });
}

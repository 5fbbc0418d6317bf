//! The Junos personality, line by line as Juniper documents it.

use std::time::Duration;

use super::super::{Fault, PortConfig, SimulatedFleet, SimulatedSwitch, SwitchPlan};
use super::terminal::Terminal;
use super::{Personality, one};

const OPERATIONAL: &str = "\r\n{master:0}\r\nadmin@ex1> ";
const EDIT: &str = "\r\n{master:0}[edit]\r\nadmin@ex1# ";

async fn one_junos() -> (SimulatedFleet, std::sync::Arc<SimulatedSwitch>) {
    one(SwitchPlan::new("ex1", Personality::Junos)).await
}

async fn ready(switch: &SimulatedSwitch) -> Terminal {
    let mut terminal = Terminal::open(switch.address()).await;
    terminal.expect(OPERATIONAL).await;
    assert_eq!(terminal.run("set cli screen-length 0", OPERATIONAL).await, "Screen length set to 0\r\n");
    terminal
}

async fn edit(terminal: &mut Terminal, lines: &[&str]) {
    let entered = terminal.run("configure exclusive", EDIT).await;
    assert!(entered.ends_with("Entering configuration mode\r\n"), "{entered}");
    for line in lines {
        assert_eq!(terminal.run(line, EDIT).await, "", "{line}");
    }
}

#[tokio::test]
async fn nothing_stands_before_the_commit_and_a_confirmed_one_stays() {
    let (_fleet, switch) = one_junos().await;
    let mut terminal = ready(&switch).await;
    let lines = [
        "set interfaces ge-0/0/7 disable",
        "set interfaces ge-0/0/7 unit 0 family ethernet-switching vlan members 142",
        "set class-of-service interfaces ge-0/0/7 shaping-rate 100m",
    ];
    edit(&mut terminal, &lines).await;
    assert_eq!(switch.running("ge-0/0/7"), Some(PortConfig::factory(Personality::Junos)));
    let said = terminal.run("commit confirmed 5", EDIT).await;
    assert!(said.starts_with("commit confirmed will be automatically rolled back in 5 minutes"), "{said}");
    assert!(said.contains("commit complete\r\n"), "{said}");
    let expected = PortConfig {
        enabled: false,
        access_vlan: 142,
        shape_kbps: Some(100_000),
        ..PortConfig::factory(Personality::Junos)
    };
    assert_eq!(switch.running("ge-0/0/7").as_ref(), Some(&expected));
    assert_ne!(switch.startup("ge-0/0/7").as_ref(), Some(&expected), "a reboot brings the old one");
    let pending = terminal.run("run show system commit", EDIT).await;
    assert!(pending.contains("commit confirmed, rollback in 5mins\r\n    rollback pending\r\n"), "{pending}");
    assert_eq!(terminal.run("commit", EDIT).await, "commit complete\r\n");
    assert!(!terminal.run("run show system commit", EDIT).await.contains("rollback pending"));
    switch.run_out();
    assert_eq!(switch.startup("ge-0/0/7"), Some(expected));
}

#[tokio::test]
async fn what_nobody_confirms_is_rolled_back_when_its_minutes_are_over() {
    let plan = SwitchPlan { minute: Duration::from_micros(10), ..SwitchPlan::new("ex1", Personality::Junos) };
    let (_fleet, switch) = one(plan).await;
    let mut terminal = ready(&switch).await;
    edit(&mut terminal, &["set interfaces ge-0/0/7 disable"]).await;
    terminal.run("commit confirmed 1", EDIT).await;
    assert!(switch.running("ge-0/0/7").expect("the port").enabled);
    assert_eq!(switch.taken_back(), 1);
    let log = terminal.run("run show system commit", EDIT).await;
    assert!(log.contains(" by root via other\r\n1 "), "{log}");
}

#[tokio::test]
async fn a_commit_that_names_what_is_not_there_is_refused_with_its_place() {
    let (_fleet, switch) = one_junos().await;
    let mut terminal = ready(&switch).await;
    let line = "set interfaces ge-0/0/7 unit 0 family ethernet-switching filter input NONE";
    edit(&mut terminal, &[line]).await;
    let refused = terminal.run("commit", EDIT).await;
    assert!(
        refused.contains("[edit interfaces ge-0/0/7 unit 0 family ethernet-switching filter]"),
        "{refused}"
    );
    assert!(refused.ends_with("error: configuration check-out failed\r\n"), "{refused}");
    terminal.type_in("exit\r").await;
    terminal.expect("Exit with uncommitted changes? [yes,no] (yes) ").await;
    terminal.type_in("no\r").await;
    terminal.expect(EDIT).await;
    assert_eq!(terminal.run("rollback 0", EDIT).await, "load complete\r\n");
    assert_eq!(terminal.run("exit", OPERATIONAL).await, "Exiting configuration mode\r\n");
}

#[tokio::test]
async fn who_holds_the_configuration_is_named_and_lets_go_when_he_is_gone() {
    let (_fleet, switch) = one_junos().await;
    let mut holder = ready(&switch).await;
    edit(&mut holder, &["set interfaces ge-0/0/7 disable"]).await;
    let mut other = ready(&switch).await;
    let locked = other.run("configure exclusive", OPERATIONAL).await;
    assert!(
        locked.starts_with("error: configuration database locked by:\r\n  admin terminal p1 (pid "),
        "{locked}"
    );
    switch.order(Fault::DropAfterCommand { pattern: "top".into(), times: 1 });
    holder.type_in("top\r").await;
    holder.expect_closed().await;
    edit(&mut other, &[]).await;
    assert_eq!(other.run("show | compare", EDIT).await, "", "what he didn't commit is gone");
}

#[tokio::test]
async fn what_is_misread_is_told_where_and_a_port_that_is_not_there_by_its_name() {
    let (_fleet, switch) = one_junos().await;
    let mut terminal = ready(&switch).await;
    assert!(terminal.run("shwo version", OPERATIONAL).await.ends_with("unknown command.\r\n"));
    let terse = terminal.run("show interfaces ge-9/9/99 terse", OPERATIONAL).await;
    assert_eq!(terse, "error: device ge-9/9/99 not found\r\n");
    edit(&mut terminal, &["# a comment"]).await;
    let misread = terminal.run("set interfaces ge-0/0/7 unit 0 familly inet", EDIT).await;
    assert!(misread.ends_with("^\r\nsyntax error.\r\n"), "{misread}");
    assert_eq!(
        terminal.run("delete interfaces ge-0/0/7 disable", EDIT).await,
        "warning: statement not found\r\n"
    );
}

#[tokio::test]
async fn a_change_by_hand_is_shown_as_it_would_be_typed() {
    let (_fleet, switch) = one_junos().await;
    let by_hand = PortConfig {
        enabled: false,
        mode_access: true,
        access_vlan: 66,
        service_policy_in: Some("port-7".into()),
        port_security: true,
        static_macs: vec!["0011.2233.4455".into()],
        ..PortConfig::factory(Personality::Junos)
    };
    switch.configure("ge-0/0/7", by_hand.clone());
    assert_eq!(switch.running("ge-0/0/7"), Some(by_hand));
    assert!(switch.has_vlan(66));
    let mut terminal = ready(&switch).await;
    let command = "show configuration | display set | match \"^set version |ge-0/0/7 \"";
    let shown = terminal.run(command, OPERATIONAL).await;
    assert!(shown.starts_with("set version 20.4R3.8\r\nset interfaces ge-0/0/7 disable\r\n"), "{shown}");
    assert_eq!(switch.readings().len(), 1);
}

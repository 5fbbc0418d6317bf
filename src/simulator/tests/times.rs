//! What a switch tells of when, as a client made it happen.

use std::time::Instant;

use super::super::{Personality, Sighting, SwitchPlan};
use super::terminal::Terminal;
use super::{one, until};

const PRIVILEGED: &str = "sw1#";

fn plan() -> SwitchPlan {
    SwitchPlan { keeps_times: true, ..SwitchPlan::new("sw1", Personality::Ios) }
}

#[tokio::test]
async fn a_report_has_the_session_with_its_shell_and_its_end_the_lines_that_name_a_port_and_the_save() {
    let (_fleet, switch) = one(plan()).await;
    let began = Instant::now();
    let mut terminal = Terminal::ready(switch.address(), PRIVILEGED).await;
    terminal.run("show running-config interface GigabitEthernet1/0/7", PRIVILEGED).await;
    terminal.run("configure terminal", "sw1(config)#").await;
    terminal.run("interface Gi1/0/7", "sw1(config-if)#").await;
    terminal.run("shutdown", "sw1(config-if)#").await;
    terminal.run("end", PRIVILEGED).await;
    assert_eq!(switch.unsaved_ports(), 1);
    terminal.run("write memory", PRIVILEGED).await;
    drop(terminal);
    until(&switch, "the line is free", |counts| counts.sessions_open == 0).await;

    let seen = switch.sightings(|at| u64::try_from((at - began).as_nanos()).expect("soon"));
    let [Sighting::Switch { .. }, session, save, port] = &seen[..] else { panic!("{seen:?}") };
    let Sighting::Session { accepted_ns, shell_ns: Some(shell), ended_ns: Some(ended), lines: 7, .. } =
        session
    else {
        panic!("{session:?}")
    };
    assert!(accepted_ns <= shell && shell < ended);
    assert!(
        matches!(save, Sighting::Save { begun_ns, ended_ns, .. } if begun_ns <= ended_ns && ended_ns < ended)
    );
    let Sighting::Port { number: 7, lines_ns, vlan: None, saved: true, .. } = port else {
        panic!("{port:?}")
    };
    assert!(lines_ns.len() == 2 && lines_ns[0].0 > *shell && lines_ns.is_sorted(), "{lines_ns:?}");
}

#[tokio::test]
async fn a_switch_that_keeps_no_times_tells_none_and_one_that_remembers_nothing_does_its_work() {
    let (_fleet, switch) = one(SwitchPlan { keeps_times: false, remembered: 0, ..plan() }).await;
    let mut terminal = Terminal::ready(switch.address(), PRIVILEGED).await;
    let shown = terminal.run("show running-config interface Gi1/0/7", PRIVILEGED).await;
    assert!(shown.contains("interface GigabitEthernet1/0/7"), "{shown}");
    let (seen, counts) = (switch.sightings(|_| 0), switch.counts());
    assert!(seen.is_empty() && switch.commands().is_empty() && switch.readings().is_empty());
    assert_eq!(counts.commands, 2, "with the one that turns the pager off");
}

#[tokio::test]
async fn a_switch_whose_sessions_are_all_cut_cuts_each_in_the_middle_of_its_lines() {
    let (_fleet, switch) = one(SwitchPlan { dropped_sessions: 1.0, ..plan() }).await;
    for _ in 0..3 {
        let mut terminal = Terminal::ready(switch.address(), PRIVILEGED).await;
        terminal.type_in(&"show clock\r".repeat(30)).await;
        terminal.expect_closed().await;
    }
    let seen = switch.sightings(|_| 0);
    let lines = seen.iter().filter_map(|seen| match seen {
        Sighting::Session { lines, .. } => Some(*lines),
        Sighting::Switch { .. } | Sighting::Port { .. } | Sighting::Save { .. } => None,
    });
    let lines: Vec<_> = lines.collect();
    assert!(lines.len() == 3 && lines.iter().all(|lines| (2..=21).contains(lines)), "{lines:?}");
}

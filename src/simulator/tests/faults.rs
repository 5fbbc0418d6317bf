//! Each fault, as a client meets it, and what the switch has afterwards.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::super::{FallBack, Fault, Personality, SimulatedSwitch, SwitchPlan};
use super::terminal::{Terminal, connect, log_in};
use super::{one, one_ios, until};

const PRIVILEGED: &str = "sw1#";
const PORT: &str = "sw1(config-if)#";

async fn on_port_one(address: SocketAddr) -> Terminal {
    let mut terminal = Terminal::ready(address, PRIVILEGED).await;
    terminal.run("configure terminal", "sw1(config)#").await;
    terminal.run("interface Gi1/0/1", PORT).await;
    terminal
}

fn is_enabled(switch: &SimulatedSwitch) -> bool {
    switch.running("Gi1/0/1").expect("the port").enabled
}

#[tokio::test]
async fn a_drop_after_the_command_leaves_it_done_and_one_before_does_not() {
    for (fault, enabled) in [
        (Fault::DropAfterCommand { pattern: "shutdown".into(), times: 1 }, false),
        (Fault::DropBeforeCommand { pattern: "shutdown".into(), times: 1 }, true),
    ] {
        let (_fleet, switch) = one_ios().await;
        let mut terminal = on_port_one(switch.address()).await;
        switch.order(fault.clone());
        terminal.type_in("shutdown\r").await;
        let last = terminal.expect_closed().await;
        assert!(!last.contains(PORT), "{fault:?}: no prompt came, but {last:?}");
        assert_eq!(is_enabled(&switch), enabled, "{fault:?}");
        until(&switch, "the line is free", |counts| counts.sessions_open == 0).await;
        assert_eq!(switch.commands().last().map(|c| c.line.clone()).as_deref(), Some("shutdown"));
    }
}

#[tokio::test]
async fn a_stall_holds_the_output_back_but_not_the_deed() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = on_port_one(switch.address()).await;
    let pause = Duration::from_millis(80);
    switch.order(Fault::Stall { pattern: "shutdown".into(), duration: Some(pause), times: 1 });
    let begin = Instant::now();
    terminal.run("shutdown", PORT).await;
    assert!(begin.elapsed() >= pause);
    switch.order(Fault::Stall { pattern: "no shutdown".into(), duration: None, times: 1 });
    terminal.type_in("no shutdown\r").await;
    terminal.expect("no shutdown\r\n").await;
    until(&switch, "the line was taken", |_| is_enabled(&switch)).await;
    drop(terminal);
    until(&switch, "a stalled line is freed by its client's leaving", |c| c.sessions_open == 0).await;
}

#[tokio::test]
async fn garbled_output_is_no_text_and_the_prompt_still_comes() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = Terminal::ready(switch.address(), PRIVILEGED).await;
    switch.order(Fault::Garble { pattern: "show privilege".into(), times: 1 });
    let output = terminal.run("show privilege", PRIVILEGED).await;
    assert!(output.contains('\u{fffd}') && output.contains("%SYS-5-CONFIG_I"), "{output:?}");
    assert_eq!(terminal.run("show privilege", PRIVILEGED).await, "Current privilege level is 15\r\n");
}

#[tokio::test]
async fn a_log_message_comes_before_the_output() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = Terminal::ready(switch.address(), PRIVILEGED).await;
    let line = "%LINK-5-CHANGED: Interface GigabitEthernet1/0/1, changed state to up".to_owned();
    switch.order(Fault::Syslog { pattern: "privilege".into(), line: line.clone(), times: 1 });
    let output = terminal.run("show privilege", PRIVILEGED).await;
    assert_eq!(output, format!("{line}\r\nCurrent privilege level is 15\r\n"));
}

#[tokio::test]
async fn a_rejected_and_a_swallowed_line_are_not_done() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = on_port_one(switch.address()).await;
    let text = "Command authorization failed.".to_owned();
    switch.order(Fault::Reject { pattern: "shutdown".into(), text, times: 1 });
    assert_eq!(terminal.run("shutdown", PORT).await, "Command authorization failed.\r\n");
    switch.order(Fault::SilentAccept { pattern: "shutdown".into(), times: 1 });
    assert_eq!(terminal.run("shutdown", PORT).await, "");
    assert!(is_enabled(&switch));
    terminal.run("shutdown", PORT).await;
    assert!(!is_enabled(&switch));
}

#[tokio::test]
async fn a_reboot_at_a_line_loses_what_was_not_saved_and_refuses_for_a_while() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = on_port_one(switch.address()).await;
    terminal.run("shutdown", PORT).await;
    let down_for = Duration::from_secs(3600);
    switch.order(Fault::RebootAt { pattern: "write".into(), times: 1, down_for });
    terminal.run("end", PRIVILEGED).await;
    terminal.type_in("write memory\r").await;
    terminal.expect_closed().await;
    assert!(is_enabled(&switch), "neither saved nor still there");
    assert_eq!((switch.counts().reboots, switch.counts().saves), (1, 0));
    assert!(connect(switch.address()).await.is_err());
    switch.reboot();
    assert!(log_in(switch.address(), "admin", "admin").await.is_some(), "back at once");
}

#[tokio::test]
async fn a_save_fails_on_order_and_the_start_up_configuration_stays() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = on_port_one(switch.address()).await;
    terminal.run("shutdown", PORT).await;
    terminal.run("end", PRIVILEGED).await;
    let text = "startup-config file open failed (Device or resource busy)".to_owned();
    switch.order(Fault::FailSave { text: text.clone(), times: 1 });
    let said = terminal.run("write memory", PRIVILEGED).await;
    assert_eq!(said, format!("Building configuration...\r\n{text}\r\n"));
    assert!(switch.startup("Gi1/0/1").expect("the port").enabled);
    terminal.run("write memory", PRIVILEGED).await;
    assert!(!switch.startup("Gi1/0/1").expect("the port").enabled);
}

#[tokio::test]
async fn a_locked_configuration_is_told_without_a_percent_sign() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = Terminal::ready(switch.address(), PRIVILEGED).await;
    switch.order(Fault::LockConfiguration { times: 1 });
    let refused = terminal.run("configure terminal", PRIVILEGED).await;
    assert!(refused.starts_with("Configuration mode locked exclusively") && !refused.contains('%'));
    terminal.run("configure terminal", "sw1(config)#").await;
}

#[tokio::test]
async fn a_save_that_loses_its_session_still_ends_and_one_that_meets_a_reboot_does_not() {
    let plan =
        SwitchPlan { save_latency: Duration::from_secs(3600), ..SwitchPlan::new("sw1", Personality::Ios) };
    let (_fleet, switch) = one(plan).await;
    let mut terminal = Terminal::ready(switch.address(), PRIVILEGED).await;
    terminal.type_in("write memory\r").await;
    terminal.expect("Building configuration...\r\n").await;
    let mut other = Terminal::ready(switch.address(), PRIVILEGED).await;
    let busy = other.run("write memory", PRIVILEGED).await;
    assert!(busy.contains("startup-config file open failed (Device or resource busy)"), "{busy}");
    drop(terminal);
    until(&switch, "saved", |counts| counts.saves == 1).await;
    other.type_in("write memory\r").await;
    other.expect("Building configuration...\r\n").await;
    switch.reboot();
    other.expect_closed().await;
    until(&switch, "the line is free", |counts| counts.sessions_open == 0).await;
    assert_eq!(switch.counts().saves, 1);
}

#[tokio::test]
async fn a_session_that_fell_back_reads_the_line_in_the_mode_where_it_stands() {
    for (to, prompt) in [(FallBack::Privileged, PRIVILEGED), (FallBack::User, "sw1>")] {
        let (_fleet, switch) = one_ios().await;
        let mut terminal = on_port_one(switch.address()).await;
        switch.order(Fault::FallBack { pattern: "shutdown".into(), to, times: 1 });
        let refused = terminal.run("shutdown", prompt).await;
        assert!(refused.contains("% Invalid input detected at '^' marker."), "{to:?}: {refused:?}");
        assert!(is_enabled(&switch));
        let was_typed_at = switch.commands().last().map(|command| command.prompt.clone());
        assert_eq!(was_typed_at.as_deref(), Some(PORT), "the client can't have known");
        let privileged = terminal.run("show running-config interface Gi1/0/1", prompt).await;
        assert_eq!(privileged.contains("interface GigabitEthernet1/0/1"), to == FallBack::Privileged);
    }
}

#[tokio::test]
async fn falling_back_gives_up_the_lock_and_keeps_a_candidate_pending() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = Terminal::ready(switch.address(), PRIVILEGED).await;
    terminal.run("configure terminal lock", "sw1(config)#").await;
    switch.order(Fault::FallBack { pattern: "interface".into(), to: FallBack::Privileged, times: 1 });
    terminal.run("interface Gi1/0/1", PRIVILEGED).await;
    let mut other = Terminal::ready(switch.address(), PRIVILEGED).await;
    other.run("configure terminal", "sw1(config)#").await;

    let (_fleet, switch) = one(SwitchPlan::new("leaf1", Personality::Eos)).await;
    let mut terminal = Terminal::ready(switch.address(), "leaf1#").await;
    terminal.run("configure session mine", "leaf1(config-s-mine)#").await;
    switch.order(Fault::FallBack { pattern: "vlan".into(), to: FallBack::Privileged, times: 1 });
    terminal.run("vlan 142", "leaf1#").await;
    terminal.run("configure session mine commit", "leaf1#").await;
    assert!(!switch.has_vlan(142));
}

#[tokio::test]
async fn with_no_free_line_on_order_tcp_is_closed_before_the_identification_and_then_there_is_one() {
    let (_fleet, switch) = one_ios().await;
    switch.order(Fault::NoFreeLine { times: 2 });
    for _ in 0..2 {
        assert!(connect(switch.address()).await.is_err());
    }
    assert!(log_in(switch.address(), "admin", "admin").await.is_some());
    assert_eq!(switch.counts().connections_refused, 2);
}

#[tokio::test]
async fn a_reboot_out_of_the_blue_cuts_a_silent_session_and_loses_what_was_not_saved() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = on_port_one(switch.address()).await;
    terminal.run("shutdown", PORT).await;
    switch.reboot_for(Duration::from_secs(3600));
    terminal.expect_closed().await;
    assert!(is_enabled(&switch));
    assert!(connect(switch.address()).await.is_err());
    assert_eq!(switch.counts().reboots, 1);
}

#[tokio::test]
async fn a_change_by_hand_shows_at_once_and_a_reboot_loses_it() {
    for personality in [Personality::Ios, Personality::Eos] {
        let (_fleet, switch) = one(SwitchPlan::new("sw1", personality)).await;
        let port = personality.port_name(3);
        switch.change_by_hand(&port, |port| {
            port.access_vlan = 77;
            port.static_macs.push("0200.0000.0001".into());
        });
        let typed = switch.running(&port).expect("the port");
        assert_eq!((typed.access_vlan, typed.static_macs.len()), (77, 1));
        assert_eq!(switch.startup(&port).expect("the port").access_vlan, 1);
        let mut terminal = Terminal::ready(switch.address(), PRIVILEGED).await;
        let shown = terminal.run("show running-config | include access vlan", PRIVILEGED).await;
        assert!(shown.contains("switchport access vlan 77"), "{shown}");
        switch.reboot();
        assert_eq!(switch.running(&port), switch.startup(&port));
    }
}

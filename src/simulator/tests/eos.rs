//! The EOS personality, line by line as Arista documents it.

use super::super::{PortConfig, SimulatedFleet, SimulatedSwitch, SwitchPlan};
use super::terminal::Terminal;
use super::{Personality, one};

const PRIVILEGED: &str = "leaf1#";
const GLOBAL: &str = "leaf1(config)#";
const PORT: &str = "leaf1(config-if-Et7)#";

async fn one_eos() -> (SimulatedFleet, std::sync::Arc<SimulatedSwitch>) {
    one(SwitchPlan::new("leaf1", Personality::Eos)).await
}

async fn ready(switch: &SimulatedSwitch) -> Terminal {
    Terminal::ready(switch.address(), PRIVILEGED).await
}

#[tokio::test]
async fn terminal_settings_are_confirmed_in_words() {
    let (_fleet, switch) = one_eos().await;
    let mut terminal = ready(&switch).await;
    assert_eq!(terminal.run("terminal length 0", PRIVILEGED).await, "Pagination disabled.\r\n");
    assert_eq!(terminal.run("terminal width 32767", PRIVILEGED).await, "Width set to 32767 columns.\r\n");
}

#[tokio::test]
async fn misread_lines_are_told_shortly() {
    let (_fleet, switch) = one_eos().await;
    let mut terminal = ready(&switch).await;
    assert_eq!(terminal.run("show nonsense", PRIVILEGED).await, "% Invalid input\r\n");
    assert_eq!(terminal.run("copy", PRIVILEGED).await, "% Incomplete command\r\n");
    assert_eq!(terminal.run("sh p", PRIVILEGED).await, "% Ambiguous command\r\n");
    terminal.run("configure", GLOBAL).await;
    assert_eq!(terminal.run("interface Ethernet49", GLOBAL).await, "% Invalid input\r\n");
    assert_eq!(terminal.run("!k7f3", GLOBAL).await, "");
}

#[tokio::test]
async fn a_port_is_provisioned_as_documented() {
    let (_fleet, switch) = one_eos().await;
    let mut terminal = ready(&switch).await;
    terminal
        .run_silent(&[
            ("configure terminal", GLOBAL),
            ("vlan 142", "leaf1(config-vlan-142)#"),
            ("policy-map type quality-of-service SUB-100M", "leaf1(config-pmap-qos-SUB-100M)#"),
            ("class class-default", "leaf1(config-pmap-c-qos-SUB-100M-class-default)#"),
            (
                "police rate 100 mbps burst-size 256 kbytes",
                "leaf1(config-pmap-c-qos-SUB-100M-class-default)#",
            ),
            ("interface Ethernet7", PORT),
            ("switchport mode access", PORT),
            ("switchport access vlan 142", PORT),
            ("shape rate 100 mbps", PORT),
            ("service-policy type qos input SUB-100M", PORT),
            ("switchport port-security maximum 1", PORT),
            ("switchport port-security violation protect", PORT),
            ("switchport port-security", PORT),
            ("mac address-table static 00AA.2233.4455 vlan 142 interface Ethernet7", GLOBAL),
            ("end", PRIVILEGED),
        ])
        .await;
    let expected = PortConfig {
        access_vlan: 142,
        shape_kbps: Some(100_000),
        service_policy_in: Some("SUB-100M".into()),
        port_security: true,
        violation: Some("protect".into()),
        static_macs: vec!["00aa.2233.4455".into()],
        ..PortConfig::factory(Personality::Eos)
    };
    assert_eq!(switch.running("Ethernet7"), Some(expected));
    let shown = terminal.run("show running-config interfaces Ethernet7", PRIVILEGED).await;
    assert_eq!(
        shown.replace("\r\n", "\n"),
        "interface Ethernet7\n   switchport access vlan 142\n   switchport port-security\n   \
         switchport port-security violation protect\n   shape rate 100000 kbps\n   \
         service-policy type qos input SUB-100M\n"
    );
    let macs = terminal.run("show running-config | include mac address-table", PRIVILEGED).await;
    assert_eq!(macs, "mac address-table static 00aa.2233.4455 vlan 142 interface Ethernet7\r\n");
    let policy = terminal.run("show running-config | section policy-map", PRIVILEGED).await;
    assert!(policy.ends_with("      police rate 100 mbps burst-size 256 kbytes\r\n"), "{policy}");
    let switchport = terminal.run("show interfaces Et7 switchport", PRIVILEGED).await;
    assert!(switchport.contains("Access Mode VLAN: 142 (VLAN0142)\r\n"));
    assert_eq!(terminal.run("write memory", PRIVILEGED).await, "Copy completed successfully.\r\n");
    assert_eq!(switch.startup("Et7"), switch.running("Et7"));
}

#[tokio::test]
async fn a_missing_vlan_is_taken_silently_and_a_missing_policy_is_not() {
    let (_fleet, switch) = one_eos().await;
    let mut terminal = ready(&switch).await;
    terminal
        .run_silent(&[("configure", GLOBAL), ("interface Et7", PORT), ("switchport access vlan 99", PORT)])
        .await;
    let switchport = terminal.run("show interfaces Et7 switchport", PORT).await;
    assert!(switchport.contains("Access Mode VLAN: 99 (Inactive)\r\n"));
    let refused = terminal.run("service-policy type qos input NONE", PORT).await;
    assert_eq!(refused, "% Policy map NONE not configured\r\n");
}

#[tokio::test]
async fn a_session_is_committed_whole_or_not_at_all() {
    let (_fleet, switch) = one_eos().await;
    let mut terminal = ready(&switch).await;
    let in_session = "leaf1(config-s-sub17)#";
    let on_port = "leaf1(config-s-sub17-if-Et7)#";
    let edit =
        [("configure session sub17", in_session), ("interface Ethernet7", on_port), ("shutdown", on_port)];
    let is_enabled = || switch.running("Et7").expect("the port").enabled;
    terminal.run_silent(&edit).await;
    let differences = terminal.run("show session-config diffs", on_port).await;
    assert!(differences.contains("+interface Ethernet7\r\n+   shutdown\r\n"), "{differences}");
    terminal.run_silent(&[("abort", PRIVILEGED)]).await;
    assert!(is_enabled());
    terminal.run_silent(&edit).await;
    assert!(is_enabled());
    terminal.run_silent(&[("commit", PRIVILEGED)]).await;
    assert!(!is_enabled());
}

#[tokio::test]
async fn sessions_left_open_are_pending_and_their_number_is_limited() {
    let (_fleet, switch) = one_eos().await;
    let mut terminal = ready(&switch).await;
    for name in ["a", "b", "c", "d", "e"] {
        terminal.run(&format!("configure session {name}"), &format!("leaf1(config-s-{name})#")).await;
        terminal.run("end", PRIVILEGED).await;
    }
    let refused = terminal.run("configure session f", PRIVILEGED).await;
    assert_eq!(refused, "% Maximum number of pending sessions has been reached\r\n");
    terminal.run_silent(&[("configure session a abort", PRIVILEGED)]).await;
    terminal.run("configure session f", "leaf1(config-s-f)#").await;
}

#[tokio::test]
async fn a_commit_with_a_timer_is_taken_back_unless_it_is_committed_once_more() {
    let (_fleet, switch) = one_eos().await;
    let mut terminal = ready(&switch).await;
    let is_enabled = || switch.running("Et7").expect("the port").enabled;
    let in_session = "leaf1(config-s-switch)#";
    let on_port = "leaf1(config-s-switch-if-Et7)#";
    let edit = [
        ("configure session switchyard-1", in_session),
        ("interface Ethernet7", on_port),
        ("shutdown", on_port),
        ("commit timer 00:05:00", PRIVILEGED),
    ];
    for decision in ["nobody", "abort", "commit"] {
        terminal.run_silent(&edit).await;
        assert!(!is_enabled());
        let sessions = terminal.run("show configuration sessions detail", PRIVILEGED).await;
        assert!(sessions.contains("  switchyard-1             pendingCommitTimer "), "{sessions}");
        match decision {
            "nobody" => switch.run_out(),
            decision => {
                let line = format!("configure session switchyard-1 {decision}");
                terminal.run_silent(&[(&line, PRIVILEGED)]).await;
            }
        }
        switch.run_out();
        assert_eq!(is_enabled(), decision != "commit", "{decision}");
        let sessions = terminal.run("show configuration sessions detail", PRIVILEGED).await;
        assert!(!sessions.contains("switchyard-1"), "{sessions}");
    }
}

#[tokio::test]
async fn a_change_by_hand_is_seen_by_who_logs_in() {
    let (_fleet, switch) = one_eos().await;
    let by_hand = PortConfig {
        enabled: false,
        access_vlan: 66,
        static_macs: vec!["0011.2233.4455".into()],
        ..PortConfig::factory(Personality::Eos)
    };
    switch.configure("Ethernet7", by_hand.clone());
    assert_eq!(switch.running("Ethernet7"), Some(by_hand.clone()));
    assert_eq!(switch.startup("Ethernet7"), Some(by_hand));
    let mut terminal = ready(&switch).await;
    let shown = terminal.run("show running-config interfaces Ethernet7", PRIVILEGED).await;
    assert_eq!(shown, "interface Ethernet7\r\n   shutdown\r\n   switchport access vlan 66\r\n");
    let macs = terminal.run("show mac address-table static", PRIVILEGED).await;
    assert!(macs.contains("  66    0011.2233.4455    STATIC      Et7\r\n"), "{macs}");
}

#[tokio::test]
async fn version_and_host_name_tell_who_it_is() {
    let (_fleet, switch) = one_eos().await;
    let mut terminal = ready(&switch).await;
    let version = terminal.run("show version", PRIVILEGED).await;
    assert!(version.contains("Serial number: JPE"));
    assert!(version.contains("Uptime: 5 weeks, 5 days and "), "{version}");
    let host = terminal.run("show hostname | include Hostname", PRIVILEGED).await;
    assert_eq!(host, "Hostname: leaf1\r\n");
}

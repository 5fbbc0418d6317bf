//! The IOS personality, line by line as Cisco documents it.

use super::super::{Personality, SwitchPlan};
use super::terminal::Terminal;
use super::{one, one_ios, until};

const PRIVILEGED: &str = "sw1#";
const GLOBAL: &str = "sw1(config)#";
const PORT: &str = "sw1(config-if)#";

async fn configuring(address: std::net::SocketAddr) -> Terminal {
    let mut terminal = Terminal::ready(address, PRIVILEGED).await;
    let entered = terminal.run("configure terminal", GLOBAL).await;
    assert_eq!(entered, "Enter configuration commands, one per line.  End with CNTL/Z.\r\n");
    terminal
}

#[tokio::test]
async fn each_key_is_echoed_before_enter() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = Terminal::ready(switch.address(), PRIVILEGED).await;
    terminal.type_in("sh").await;
    terminal.expect("sh").await;
    terminal.type_in("ow priv").await;
    terminal.expect("ow priv").await;
    terminal.type_in("\r").await;
    assert_eq!(terminal.expect(PRIVILEGED).await, "\r\nCurrent privilege level is 15\r\nsw1#");
}

#[tokio::test]
async fn enable_asks_for_a_password_three_times() {
    let plan =
        SwitchPlan { enable_password: Some("secret".into()), ..SwitchPlan::new("sw1", Personality::Ios) };
    let (_fleet, switch) = one(plan).await;
    let mut terminal = Terminal::open(switch.address()).await;
    terminal.expect("sw1>").await;
    assert!(terminal.run("configure terminal", "sw1>").await.contains("% Invalid input detected"));
    terminal.type_in("enable\r").await;
    for _ in 0..3 {
        terminal.expect("Password: ").await;
        terminal.type_in("wrong\r").await;
    }
    assert_eq!(terminal.expect("sw1>").await, "\r\n% Bad secrets\r\n\r\nsw1>");
    terminal.type_in("enable\r").await;
    terminal.expect("Password: ").await;
    terminal.type_in("secret\r").await;
    assert_eq!(terminal.expect(PRIVILEGED).await, "\r\nsw1#");
    let lines: Vec<_> = switch.commands().into_iter().map(|command| command.line).collect();
    assert_eq!(lines, ["configure terminal", "enable", "enable"], "no password is remembered");
}

#[tokio::test]
async fn long_output_is_paged_until_paging_is_off() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = Terminal::open(switch.address()).await;
    terminal.expect(PRIVILEGED).await;
    terminal.type_in("show running-config\r").await;
    let first = terminal.expect(" --More-- ").await;
    assert_eq!(first.matches("\r\n").count(), 24, "the echo's end, and 23 lines");
    terminal.type_in(" ").await;
    terminal.expect(" --More-- ").await;
    terminal.type_in("q").await;
    terminal.expect(PRIVILEGED).await;
    terminal.run("terminal length 0", PRIVILEGED).await;
    let whole = terminal.run("show running-config", PRIVILEGED).await;
    assert!(whole.contains("interface GigabitEthernet1/0/48\r\n") && whole.ends_with("end\r\n\r\n"));
}

#[tokio::test]
async fn what_it_does_not_know_is_marked_under_the_word() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = Terminal::ready(switch.address(), PRIVILEGED).await;
    let invalid = terminal.run("show nonsense", PRIVILEGED).await;
    assert_eq!(invalid, "         ^\r\n% Invalid input detected at '^' marker.\r\n\r\n");
    assert_eq!(terminal.run("copy", PRIVILEGED).await, "% Incomplete command.\r\n\r\n");
    assert_eq!(terminal.run("sh p", PRIVILEGED).await, "% Ambiguous command:  \"sh p\"\r\n");
    assert_eq!(terminal.run("!k7f3", PRIVILEGED).await, "");
    let mut terminal = configuring(switch.address()).await;
    assert!(terminal.run("interface Gi1/0/49", GLOBAL).await.contains("% Invalid input detected"));
    terminal.run("interface Gi1/0/1", PORT).await;
    assert!(terminal.run("switchport access vlan 5000", PORT).await.contains("% Invalid input detected"));
}

#[tokio::test]
async fn commands_may_be_shortened_while_they_are_unambiguous() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = Terminal::ready(switch.address(), PRIVILEGED).await;
    terminal.run("conf t", GLOBAL).await;
    terminal.run_silent(&[("int gi1/0/7", PORT), ("desc flat 3", PORT), ("sh", PORT)]).await;
    let shown = terminal.run("do sh run int Gi1/0/7", PORT).await;
    assert_eq!(shown.replace("\r\n", "\n"), switch.running_text("Gi1/0/7").expect("the port"));
    terminal.run_silent(&[("no sh", PORT), ("end", PRIVILEGED)]).await;
    assert!(terminal.run("wr mem", PRIVILEGED).await.ends_with("[OK]\r\n"));
    assert_eq!(switch.startup("gi1/0/7").expect("the port").description.as_deref(), Some("flat 3"));
}

#[tokio::test]
async fn a_long_name_is_cut_in_configuration_mode_only() {
    let (_fleet, switch) = one(SwitchPlan::new("access-building-seven-floor2", Personality::Ios)).await;
    let mut terminal = Terminal::ready(switch.address(), "access-building-seven-floor2#").await;
    terminal.run("conf t", "access-building-seve(config)#").await;
    terminal.run("int Gi 1/0/1", "access-building-seve(config-if)#").await;
    terminal.type_in("\x1a").await;
    terminal.expect("access-building-seven-floor2#").await;
}

#[tokio::test]
async fn a_port_is_provisioned_as_documented() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = configuring(switch.address()).await;
    terminal
        .run_silent(&[
            ("policy-map SUB-100M", "sw1(config-pmap)#"),
            ("class class-default", "sw1(config-pmap-c)#"),
            ("police 100000000", "sw1(config-pmap-c-police)#"),
            ("interface GigabitEthernet1/0/7", PORT),
            ("description flat 3", PORT),
            ("switchport mode access", PORT),
        ])
        .await;
    let created = terminal.run("switchport access vlan 142", PORT).await;
    assert_eq!(created, "% Access VLAN does not exist. Creating vlan 142\r\n");
    terminal
        .run_silent(&[
            ("service-policy input SUB-100M", PORT),
            ("switchport port-security mac-address 00AA.2233.4455", PORT),
            ("switchport port-security maximum 2", PORT),
            ("switchport port-security violation restrict", PORT),
            ("switchport port-security", PORT),
            ("shutdown", PORT),
            ("no shutdown", PORT),
            ("end", PRIVILEGED),
        ])
        .await;
    let port = switch.running("Gi1/0/7").expect("the port");
    assert!(port.enabled && port.mode_access && port.port_security);
    assert_eq!((port.access_vlan, port.max_mac), (142, 2));
    assert_eq!(port.static_macs, ["00aa.2233.4455"]);
    assert_eq!(switch.startup("Gi1/0/7").expect("the port").access_vlan, 1);
    assert_eq!(
        switch.policy_map("SUB-100M"),
        Some(vec![("class-default".into(), Some("cir 100000000".into()))])
    );
    let shown = terminal.run("show running-config interface GigabitEthernet1/0/7", PRIVILEGED).await;
    assert_eq!(shown.replace("\r\n", "\n"), switch.running_text("GigabitEthernet1/0/7").expect("the port"));
    let block = "interface GigabitEthernet1/0/7\n description flat 3\n switchport access vlan 142\n \
                 switchport mode access\n switchport port-security maximum 2\n \
                 switchport port-security violation restrict\n \
                 switchport port-security mac-address 00aa.2233.4455\n switchport port-security\n \
                 service-policy input SUB-100M\nend\n";
    assert!(shown.replace("\r\n", "\n").contains(block), "{shown}");
}

#[tokio::test]
async fn show_commands_tell_what_is_configured() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = configuring(switch.address()).await;
    for line in ["int Gi1/0/7", "switchport mode access", "switchport access vlan 142"] {
        terminal.type_in(&format!("{line}\r")).await;
        terminal.expect(PORT).await;
    }
    terminal.run_silent(&[("switchport port-security", PORT), ("end", PRIVILEGED)]).await;
    let switchport = terminal.run("show interfaces Gi1/0/7 switchport", PRIVILEGED).await;
    assert!(switchport.contains("Administrative Mode: static access\r\n"));
    assert!(switchport.contains("Access Mode VLAN: 142 (VLAN0142)\r\n"));
    let security = terminal.run("show port-security interface Gi1/0/7", PRIVILEGED).await;
    assert!(security.contains("Port Security              : Enabled\r\n"));
    let vlans = terminal.run("show vlan brief", PRIVILEGED).await;
    assert!(vlans.contains("142  VLAN0142                         active    Gi1/0/7\r\n"), "{vlans}");
    let version = terminal.run("show version | include uptime|board ID", PRIVILEGED).await;
    assert!(version.starts_with("sw1 uptime is 5 weeks, 5 days, "), "{version}");
    assert!(version.contains("Processor board ID FCW"));
}

#[tokio::test]
async fn documented_refusals_leave_the_port_as_it_was() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = configuring(switch.address()).await;
    let refusals = [
        ("service-policy input NONE", "% policy map NONE not configured\r\n"),
        ("switchport port-security", "Command rejected: GigabitEthernet1/0/2 is a dynamic port.\r\n"),
        (
            "switchport port-security mac-address 0011.2233.4455",
            "Command rejected: GigabitEthernet1/0/2 is a dynamic port.\r\n",
        ),
    ];
    terminal.run("interface Gi1/0/2", PORT).await;
    for (line, refusal) in refusals {
        assert_eq!(terminal.run(line, PORT).await, refusal);
    }
    let mac = "switchport port-security mac-address 0011.2233.4455";
    terminal
        .run_silent(&[
            ("switchport mode access", PORT),
            (mac, PORT),
            ("int Gi1/0/3", PORT),
            ("switchport mode access", PORT),
        ])
        .await;
    assert_eq!(terminal.run(mac, PORT).await, "Found duplicate mac-address 0011.2233.4455.\r\n");
    terminal.run_silent(&[("switchport port-security mac-address 0011.2233.0001", PORT)]).await;
    let full = terminal.run("switchport port-security mac-address 0011.2233.0002", PORT).await;
    assert_eq!(
        full,
        "Total secure mac-addresses on interface GigabitEthernet1/0/3 has reached maximum limit.\r\n"
    );
    assert_eq!(switch.running("Gi1/0/3").expect("the port").static_macs, ["0011.2233.0001"]);
}

#[tokio::test]
async fn a_save_survives_a_reboot_and_the_rest_does_not() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = configuring(switch.address()).await;
    terminal.run_silent(&[("int Gi1/0/1", PORT), ("description saved", PORT), ("end", PRIVILEGED)]).await;
    let saved = terminal.run("wr mem", PRIVILEGED).await;
    assert_eq!(saved, "Building configuration...\r\n[OK]\r\n");
    terminal.run("conf t", GLOBAL).await;
    terminal.run_silent(&[("int Gi1/0/1", PORT), ("description lost", PORT)]).await;
    switch.reboot();
    terminal.expect_closed().await;
    let description = switch.running("Gi1/0/1").expect("the port").description;
    assert_eq!(description.as_deref(), Some("saved"));
    let mut terminal = Terminal::ready(switch.address(), PRIVILEGED).await;
    let uptime = terminal.run("show version | include sw1 uptime", PRIVILEGED).await;
    assert_eq!(uptime, "sw1 uptime is 0 minutes\r\n");
}

#[tokio::test]
async fn copying_to_startup_asks_where_to() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = Terminal::ready(switch.address(), PRIVILEGED).await;
    terminal.type_in("copy running-config startup-config\r").await;
    terminal.expect("Destination filename [startup-config]? ").await;
    terminal.type_in("\r").await;
    terminal.expect("Building configuration...\r\n[OK]\r\nsw1#").await;
    assert_eq!(switch.counts().saves, 1);
}

#[tokio::test]
async fn the_configuration_lock_is_exclusive_and_ends_with_its_session() {
    let (_fleet, switch) = one_ios().await;
    let mut holder = Terminal::ready(switch.address(), PRIVILEGED).await;
    holder.run("configure terminal lock", GLOBAL).await;
    let mut other = Terminal::ready(switch.address(), PRIVILEGED).await;
    let refused = other.run("configure terminal", PRIVILEGED).await;
    assert!(refused.starts_with("Configuration mode locked exclusively by user 'unknown'"));
    drop(holder);
    until(&switch, "the holder is gone", |counts| counts.sessions_open == 1).await;
    other.run("configure terminal", GLOBAL).await;
}

#[tokio::test]
async fn default_interface_and_no_forms_undo() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = configuring(switch.address()).await;
    terminal
        .run_silent(&[
            ("interface Gi1/0/5", PORT),
            ("switchport mode access", PORT),
            ("switchport port-security mac-address 0011.2233.4455", PORT),
            ("switchport port-security", PORT),
            ("no switchport port-security mac-address 0011.2233.4455", PORT),
            ("no switchport port-security", PORT),
            ("no switchport access vlan", PORT),
        ])
        .await;
    assert!(switch.running("Gi1/0/5").expect("the port").static_macs.is_empty());
    let said = terminal.run("default interface Gi1/0/5", GLOBAL).await;
    assert_eq!(said, "Interface GigabitEthernet1/0/5 set to default configuration\r\n");
    assert!(!switch.running("Gi1/0/5").expect("the port").mode_access);
}

#[tokio::test]
async fn exit_climbs_out_and_closes_at_last() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = configuring(switch.address()).await;
    terminal.run_silent(&[("int Gi1/0/5", PORT), ("exit", GLOBAL), ("exit", PRIVILEGED)]).await;
    terminal.type_in("show privilege\rexit\r").await;
    let last = terminal.expect_closed().await;
    assert!(last.ends_with("privilege level is 15\r\nsw1#exit\r\n"), "nothing is lost at the end: {last:?}");
    until(&switch, "the line is free", |counts| counts.sessions_open == 0).await;
}

#[tokio::test]
async fn what_is_shown_of_a_port_is_remembered_with_the_policers_of_that_time() {
    let (_fleet, switch) = one_ios().await;
    let mut terminal = Terminal::ready(switch.address(), "sw1#").await;
    for (line, prompt) in [
        ("configure terminal", "sw1(config)#"),
        ("policy-map SLOW", "sw1(config-pmap)#"),
        ("class class-default", "sw1(config-pmap-c)#"),
        ("police 1000000", "sw1(config-pmap-c-police)#"),
        ("interface Gi1/0/1", "sw1(config-if)#"),
        ("service-policy output SLOW", "sw1(config-if)#"),
        ("end", "sw1#"),
        ("show running-config interface Gi1/0/1", "sw1#"),
        ("show running-config | include SLOW", "sw1#"),
    ] {
        terminal.run(line, prompt).await;
    }
    switch.reboot();
    let [reading] = &switch.readings()[..] else { panic!("{:?}", switch.readings()) };
    assert_eq!(reading.port, "GigabitEthernet1/0/1");
    assert_eq!(reading.config.service_policy_out.as_deref(), Some("SLOW"));
    assert_eq!(reading.policers["SLOW"].as_deref(), Some("cir 1000000"));
    assert_eq!(switch.sessions()[0].peer.ip(), switch.address().ip());
}

//! The AOS-CX personality, line by line as HPE documents it.

use super::super::{PortConfig, SimulatedFleet, SimulatedSwitch, SwitchPlan};
use super::terminal::Terminal;
use super::{Personality, one};

const MANAGER: &str = "cx1# ";
const GLOBAL: &str = "cx1(config)# ";
const PORT: &str = "cx1(config-if)# ";

async fn one_aoscx() -> (SimulatedFleet, std::sync::Arc<SimulatedSwitch>) {
    one(SwitchPlan::new("cx1", Personality::Aoscx)).await
}

async fn ready(switch: &SimulatedSwitch) -> Terminal {
    let mut terminal = Terminal::open(switch.address()).await;
    terminal.expect(MANAGER).await;
    terminal.run_silent(&[("no page", MANAGER)]).await;
    terminal
}

#[tokio::test]
async fn a_port_is_provisioned_as_documented_and_each_line_is_live_at_once() {
    let (_fleet, switch) = one_aoscx().await;
    let mut terminal = ready(&switch).await;
    terminal
        .run_silent(&[
            ("configure terminal", GLOBAL),
            ("vlan 142", "cx1(config-vlan-142)# "),
            ("class mac ANY", "cx1(config-class-mac)# "),
            ("10 match any any any", "cx1(config-class-mac)# "),
            ("policy SUB-100M", "cx1(config-policy)# "),
            ("10 class mac ANY action cir kbps 100000 cbs 1200000 exceed drop", "cx1(config-policy)# "),
            ("interface 1/1/7", PORT),
            ("no routing", PORT),
            ("vlan access 142", PORT),
            ("apply policy SUB-100M in", PORT),
            ("port-access port-security client-limit 1", PORT),
            ("port-access port-security mac-address 00:aa:22:33:44:55", PORT),
            ("port-access port-security enable", PORT),
        ])
        .await;
    let expected = PortConfig {
        access_vlan: 142,
        service_policy_in: Some("SUB-100M".into()),
        port_security: true,
        static_macs: vec!["00aa.2233.4455".into()],
        ..PortConfig::factory(Personality::Aoscx)
    };
    assert_eq!(switch.running("1/1/7"), Some(expected));
    terminal.run_silent(&[("end", MANAGER)]).await;
    let shown = terminal.run("show running-config interface 1/1/7", MANAGER).await;
    assert_eq!(
        shown.replace("\r\n", "\n"),
        "interface 1/1/7\n    no shutdown\n    no routing\n    vlan access 142\n    apply policy SUB-100M in\n    \
         port-access port-security\n        enable\n        mac-address 00:aa:22:33:44:55\n    exit\n"
    );
}

#[tokio::test]
async fn what_it_does_not_know_and_what_is_not_there_is_refused() {
    let (_fleet, switch) = one_aoscx().await;
    let mut terminal = ready(&switch).await;
    assert_eq!(terminal.run("show nonsense", MANAGER).await, "Invalid input: nonsense\r\n");
    assert_eq!(terminal.run("copy", MANAGER).await, "% Command incomplete.\r\n");
    terminal.run_silent(&[("configure terminal", GLOBAL), ("interface 1/1/7", PORT)]).await;
    assert_eq!(terminal.run("vlan access 142", PORT).await, "VLAN 142 doesn't exist\r\n");
    assert_eq!(terminal.run("apply policy NONE in", PORT).await, "Policy NONE doesn't exist\r\n");
}

#[tokio::test]
async fn a_line_feed_is_no_enter() {
    let (_fleet, switch) = one_aoscx().await;
    let mut terminal = ready(&switch).await;
    terminal.type_in("show host\nname\r").await;
    let shown = terminal.expect(MANAGER).await;
    assert_eq!(shown, "show hostname\r\ncx1\r\ncx1# ");
}

#[tokio::test]
async fn a_checkpoint_brings_back_what_was_there_unless_it_is_confirmed() {
    let (_fleet, switch) = one_aoscx().await;
    let mut terminal = ready(&switch).await;
    let is_enabled = || switch.running("1/1/7").expect("the port").enabled;
    let change =
        [("configure terminal", GLOBAL), ("interface 1/1/7", PORT), ("shutdown", PORT), ("end", MANAGER)];
    let armed = terminal.run("checkpoint auto 20", MANAGER).await;
    assert_eq!(armed, "Auto checkpoint mode expires in 20 minute(s)\r\n");
    terminal.run_silent(&change).await;
    assert!(!is_enabled());
    switch.run_out();
    assert!(is_enabled());
    terminal.run("checkpoint auto 20", MANAGER).await;
    terminal.run_silent(&change).await;
    assert!(terminal.run("checkpoint auto confirm", MANAGER).await.starts_with("checkpoint AUTO"));
    switch.run_out();
    assert!(!is_enabled());
    assert_eq!(terminal.run("write memory", MANAGER).await, "Copying configuration: [Success]\r\n");
    assert_eq!(switch.startup("1/1/7"), switch.running("1/1/7"));
}

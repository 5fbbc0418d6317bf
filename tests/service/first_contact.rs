//! A switch whose host key nobody vouches for: refused by default; where the configuration says so trusted once, put on record and
//! shown; and another key quarantines it until an operator says that it may be forgotten.

use crate::harness::*;

const TRUSTING: &str =
    "[log]\nfilter = \"warn\"\n[ssh]\ntrust_on_first_use = true\n[supervision]\nidle_ms = 50\n";

/// As an operator writes it who has not looked at the switches' consoles.
fn forget_host_keys(outside: &Outside) {
    let text = outside.inventory_text();
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("host_key = ")).collect();
    assert!(lines.len() < text.lines().count(), "no host key to leave out");
    std::fs::write(outside.inventory(), lines.join("\n")).expect("the inventory");
}

async fn until_listed(process: &Process, holds: impl Fn(&str) -> bool) {
    let is_so = |said: &str| said.lines().any(|line| line.starts_with(&switch_name(0)) && holds(line));
    until_said(process, &["switches"], is_so).await;
}

#[test]
fn without_anybody_who_vouches_for_its_host_key_a_switch_gets_no_password() {
    story(async {
        let outside = Outside::start(SMALL).await;
        forget_host_keys(&outside);
        let process = Process::start(&outside, free_address(), &[]).await;
        let order = direct("order-1", &outside.location(0, 0));
        assert_eq!(Client::new(process.address).checkout(&order).await.status, 200);
        until_listed(&process, |line| line.contains("QUARANTINED")).await;
        let device = outside.fleet.switch(&switch_name(0)).expect("there");
        assert_eq!((device.commands(), outside.running_vlan(0, 0) == Some(VLAN)), (vec![], false));
    });
}

#[test]
fn trusted_on_first_use_its_key_is_on_record_and_another_one_is_not_trusted() {
    story(async {
        let outside = Outside::start(SMALL).await;
        forget_host_keys(&outside);
        let process = Process::start_with(&outside, free_address(), &[], TRUSTING).await;
        let client = Client::new(process.address);
        let device = outside.fleet.switch(&switch_name(0)).expect("there");
        assert_eq!(client.checkout(&direct("order-1", &outside.location(0, 0))).await.status, 200);
        outside.until("live", |o| o.is_live_and_saved(0, 0)).await;
        until_listed(&process, |line| {
            line.contains("in service")
                && line.contains("host key trusted on first use at 2")
                && line.contains("SHA256:")
        })
        .await;

        outside.until("without a session", |_| device.counts().sessions_open == 0).await;
        device.change_host_key();
        assert_eq!(client.checkout(&direct("order-2", &outside.location(0, 1))).await.status, 200);
        until_listed(&process, |line| line.contains("QUARANTINED")).await;
        assert_ne!(outside.running_vlan(0, 1), Some(VLAN));

        said(&process, &["release", &switch_name(0), "--forget-host-key"]);
        outside.until("live", |o| o.is_live_and_saved(0, 1)).await;
    });
}

//! Two orders through the whole service to a switch of others, which accepts port security and never stores it: the partner
//! of the one is told why it failed, that of the other that the line is live.

use super::fake_switches::switches_or_reason;
use super::process::password_file;
use super::{MAC, Peer, config, platform_folder, port};
use crate::harness::*;
use serde_json::json;

const PORTS: [(&str, &str); 2] = [("FastEthernet0/1", "0000000e01"), ("FastEthernet0/2", "0000000e02")];

fn inventory_text(peer: &Peer) -> String {
    let ports = PORTS.map(|(port, location)| format!("\"{port}\" = \"{location}\"\n"));
    let password = password_file();
    format!(
        "[[switch]]\nname = \"{}\"\nhost = \"{}\"\nssh_port = {}\nplatform = \"{}\"\nusername = \"{}\"\n\
         password = \"file:{}\"\nenable_password = \"file:{}\"\nhost_key = \"{}\"\ncaptive_portal_vlan = 999\n\
         [switch.ports]\n{}",
        peer.name,
        peer.address.ip(),
        peer.address.port(),
        peer.platform,
        peer.credentials.username,
        password.display(),
        password.display(),
        peer.host_key,
        ports.concat()
    )
}

#[test]
fn an_order_whose_mac_address_is_not_stored_fails_with_its_reason_and_one_without_goes_live() {
    let Some(switches) = switches_or_reason() else { return };
    story(async {
        let peer = switches.peer("cisco-story", "fake_cisco");
        let outside = Outside::start(Fleet { switches: 0, ..SMALL }).await;
        std::fs::write(outside.inventory(), outside.inventory_text() + &inventory_text(&peer))
            .expect("the inventory");
        let service =
            serve(&outside, &format!("[ssh]\nplatforms = \"{}\"\n", platform_folder().display())).await;
        let client = Client::new(service.address());

        let mut bound = direct("bound", PORTS[0].1);
        bound["mac_address"] = json!(MAC);
        let bound = client.checkout(&bound).await.id("job_id");
        let open = client.checkout(&direct("open", PORTS[1].1)).await.id("job_id");
        outside
            .until("told", |o| {
                let told = |name: &str, job: &str| !o.events_for(name, job).is_empty();
                told("provisioning.failed", &bound) && told("provisioning.completed", &open)
            })
            .await;
        let failed = &outside.events_for("provisioning.failed", &bound)[0];
        let error = failed.field("error").expect("a text");
        assert!(is_verified(failed) && error.contains("did not take its configuration"), "{error}");
        assert!(outside.events_for("provisioning.completed", &bound).is_empty());
        service.stop().await;

        let mut session = peer.session().await;
        let undone = session.read_port(&port(PORTS[0].0)).await.expect("read");
        assert_eq!((undone.access_vlan, undone.down_kbps), (None, None), "as before");
        let live = session.read_port(&port(PORTS[1].0)).await.expect("read");
        assert_eq!(config(VLAN, Some((100_000, 20_000)), None).differences(&live), []);
        session.close().await;
    });
}

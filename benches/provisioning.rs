//! From the 200 to `provisioning.completed` received, on an idle simulated switch, beside the bare session: connect, the same
//! commands, the same cryptography, and no service. Both in the same run, one after the other, in turn. What the service
//! takes on top is shown beside its parts, each measured by itself on the same disk and the same receiver.

#![allow(clippy::print_stdout)] // a bench that prints nothing says nothing

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};
use switchyard::config::Config;
use switchyard::simulator::receiver::WebhookReceiver;
use switchyard::simulator::{Addressing, Personality, SimulatedFleet, SwitchPlan};
use switchyard::ssh::{Driver, Platforms, Settings};
use switchyard::startup::Application;
use switchyard::webhook::SenderFactory;
use switchyard_actors::domain::config::VlanId;
use switchyard_actors::domain::ids::{CommitId, EventId, PortName, PortRef, SwitchId};
use switchyard_actors::domain::inventory::{Credentials, SecretRef, Switch};
use switchyard_actors::domain::record::{Key, PortPlan, PortRecord, Record};
use switchyard_actors::domain::text::Secret;
use switchyard_actors::ports::driver::{Intent, SwitchDriver};
use switchyard_actors::ports::guard::SessionGuard;
use switchyard_actors::ports::store::{Commit, Durability, Order, Store, Write};
use switchyard_actors::ports::webhook::{OutgoingWebhook, SendOutcome, WebhookSender};
use uuid::Uuid;

const PARTNER: &str = "00000000-0000-0000-0000-0000000000a1";
const PLAN: &str = "00000000-0000-0000-0000-0000000000b1";
const ROUNDS: usize = 15;
/// One after the other from the 200 to the webhook: the switch's lease, the job as running, the lines in the port's
/// journal, the outcome with its events, the event as being sent.
const COMMITS_ON_THE_WAY: f64 = 5.0;

fn main() {
    for latency_ms in [20, 0] {
        actix_rt::System::new().block_on(compare(Duration::from_millis(latency_ms)));
    }
}

/// One switch a round, so that each session is opened anew: half of them for the service, half for the bare session.
async fn compare(latency: Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    let password = folder.path().join("password");
    std::fs::write(&password, "pw").expect("a file");
    let plans = (0..2 * ROUNDS).map(|n| SwitchPlan {
        password: "pw".into(),
        command_latency: latency,
        ..SwitchPlan::new(format!("sw-{n:02}"), Personality::Ios)
    });
    let addressing = Addressing::LoopbackAddresses { first: Ipv4Addr::new(127, 3, 0, 1), port: 0 };
    let fleet = SimulatedFleet::start(addressing, plans.collect()).await.expect("the switches");
    let receiver = WebhookReceiver::start(HashMap::from([(PARTNER.to_owned(), "s3cret".to_owned())]))
        .expect("a receiver");
    let inventory = folder.path().join("inventory.toml");
    std::fs::write(&inventory, inventory_text(&fleet, &receiver.url(), &password)).expect("a file");
    let text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[store]\npath = \"{}\"\n[webhook]\nallow_private_addresses = true\n",
        folder.path().join("s.redb").display()
    );
    let config = Config::parse(&text, Path::new("bench.toml")).expect("a configuration");
    let service = Application::build(config, Some(&inventory)).await.expect("the service");

    let (mut bare, mut whole, mut commit) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        bare.push(bare_session(&fleet, 2 * round, &password).await);
        let (answered, completed) = checkout(&service, &receiver, 2 * round + 1).await;
        commit.push(answered);
        whole.push(completed);
    }
    let (bare, whole, commit) = (median(bare), median(whole), median(commit));
    println!(
        "{} ms a command: bare session {bare:.1} ms, 200 to completed {whole:.1} ms, {:.2} x, {:.1} ms more; the answer itself {commit:.1} ms",
        latency.as_millis(),
        whole / bare,
        whole - bare
    );
    let (commit, webhook) = (one_commit(&*service.store()).await, one_webhook(&receiver).await);
    println!(
        "  of that: {COMMITS_ON_THE_WAY} commits of {commit:.2} ms, a webhook of {webhook:.2} ms; wake-ups, reads and all else {:.1} ms",
        whole - bare - COMMITS_ON_THE_WAY * commit - webhook
    );
    service.stop().await;
    fleet.stop().await;
}

fn median(mut millis: Vec<f64>) -> f64 {
    millis.sort_by(f64::total_cmp);
    millis[millis.len() / 2]
}

/// A record and its sync, on the service's own store: how long a sync takes depends on the file and where it lies.
async fn one_commit(store: &dyn Store) -> f64 {
    let mut took = Vec::new();
    for _ in 0..10 * ROUNDS {
        let switch = SwitchId::parse("no-switch").expect("valid");
        let at = PortRef { switch, port: PortName::parse(&port_name()).expect("valid") };
        let key = Key::Port(at.clone());
        let commit = Commit {
            id: CommitId(Uuid::new_v4()),
            tag: key.tag(),
            lease: None,
            expect: Vec::new(),
            writes: vec![Write::Put(key, Record::Port(PortRecord::new(at)))],
            events: Vec::new(),
            durability: Durability::Durable,
            order: Order::InTurn,
        };
        let began = Instant::now();
        store.commit(vec![commit]).await.expect("applied");
        took.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    median(took)
}

/// Signed, sent and acknowledged, by a sender that has its connection already.
async fn one_webhook(receiver: &WebhookReceiver) -> f64 {
    let settings = switchyard::webhook::Settings {
        allow_private_addresses: true,
        ..switchyard::webhook::Settings::default()
    };
    let sender = SenderFactory::new(settings).sender();
    let mut took = Vec::new();
    for _ in 0..10 * ROUNDS {
        let webhook = OutgoingWebhook {
            url: receiver.url(),
            secret: Secret::new("s3cret"),
            event: EventId(Uuid::new_v4()),
            attempt: 1,
            body: format!(r#"{{"event":"bench","provider_document_id":"{PARTNER}"}}"#),
        };
        let began = Instant::now();
        let outcome = sender.send(webhook).await;
        took.push(began.elapsed().as_secs_f64() * 1_000.0);
        assert!(matches!(outcome, SendOutcome::Answered { status: 200..=299 }), "{outcome:?}");
    }
    median(took)
}

fn port_name() -> String {
    Personality::Ios.port_name(1)
}

async fn bare_session(fleet: &SimulatedFleet, n: usize, password: &Path) -> f64 {
    let device = &fleet.switches()[n];
    let switch = Switch {
        id: SwitchId::parse(device.name()).expect("valid"),
        host: device.address().ip().to_string(),
        ssh_port: device.address().port(),
        platform: "cisco_ios".into(),
        credentials: Credentials {
            username: "admin".into(),
            password: Some(SecretRef::File(password.display().to_string())),
            ..Credentials::default()
        },
        host_key: Some(device.host_key()),
        host_name: None,
        serial: None,
        captive_portal_vlan: VlanId::try_from(999).expect("valid"),
        allow_algorithms: Vec::new(),
        jump_host: None,
    };
    let driver = Driver::new(Settings::default(), Platforms::load(None).expect("built in"));
    let port = PortName::parse(&port_name()).expect("valid");
    let plan = PortPlan {
        vlan: VlanId::try_from(142).expect("valid"),
        down_kbps: 100_000,
        up_kbps: 20_000,
        mac: None,
    };
    let began = Instant::now();
    let mut session =
        driver.open(&switch, &SessionGuard::default(), &mut String::new()).await.expect("a session");
    let before = session.read_port(&port).await.expect("read");
    let lines = session.render(Intent::Provision, &port, &plan.wanted(), &before).expect("lines");
    session.apply_to(&port, &lines).await.expect("applied");
    let after = session.read_port(&port).await.expect("read back");
    let took = began.elapsed();
    assert!(plan.wanted().differences(&after).is_empty());
    session.close().await;
    took.as_secs_f64() * 1_000.0
}

/// How long the answer took, and from the answer to the webhook.
async fn checkout(service: &Application, receiver: &WebhookReceiver, n: usize) -> (f64, f64) {
    let url = format!("http://{}/api/v1/partner/external-checkout/anonymous-complete", service.address());
    let body = serde_json::json!({
        "service_provider_document_id": PARTNER, "plan_version_id": PLAN,
        "location_hash": format!("{n:010x}"), "external_subscription_id": format!("order-{n}"),
    });
    let sent = Instant::now();
    let request = awc::Client::new().post(url).insert_header(("X-Webhook-Secret", "s3cret"));
    let answer = request.send_body(body.to_string()).await.expect("an answer");
    let answered = Instant::now();
    assert!(answer.status().is_success(), "{answer:?}");
    let order = format!("order-{n}");
    let is_ours = |d: &switchyard::simulator::receiver::Delivery| {
        d.event() == Some("provisioning.completed") && d.field("external_subscription_id") == Some(&order)
    };
    let deadline = Duration::from_secs(30);
    let all = receiver.wait_for(deadline, |all| all.iter().any(is_ours)).await.expect("completed");
    let arrived = all.iter().find(|d| is_ours(d)).expect("it is there").arrived;
    let millis = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    (millis(answered - sent), millis(arrived.saturating_duration_since(answered)))
}

fn inventory_text(fleet: &SimulatedFleet, url: &str, password: &Path) -> String {
    let mut text = format!(
        "[[partner]]\nid = \"{PARTNER}\"\nname = \"p\"\nwebhook_url = \"{url}\"\nwebhook_secret = \"s3cret\"\n\
         [[plan]]\nid = \"{PLAN}\"\npartner = \"{PARTNER}\"\nname = \"100\"\nvlan = 142\ndown_kbps = 100000\nup_kbps = 20000\nactive = true\n"
    );
    for (n, switch) in fleet.switches().iter().enumerate() {
        text.push_str(&format!(
            "[[switch]]\nname = \"{}\"\nhost = \"{}\"\nssh_port = {}\nplatform = \"cisco_ios\"\nusername = \"admin\"\n\
             password = \"file:{}\"\nhost_key = \"{}\"\ncaptive_portal_vlan = 999\n[switch.ports]\n\"{}\" = \"{n:010x}\"\n",
            switch.name(),
            switch.address().ip(),
            switch.address().port(),
            password.display(),
            switch.host_key(),
            port_name(),
        ));
    }
    text
}

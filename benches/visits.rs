//! What it saves to do together what waits for one switch. First: 24 ports on a switch whose save takes 5 seconds, in one visit with
//! one save, beside one after another with a save after each. Then: one port's lines on a switch that is 20 ms away, a round trip
//! a block beside a round trip a line. Real HTTP, real SSH, the real store, each with its baseline in the same run.

#![allow(clippy::print_stdout)] // a bench that prints nothing says nothing

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};
use switchyard::config::Config;
use switchyard::simulator::receiver::WebhookReceiver;
use switchyard::simulator::{Addressing, Personality, SimulatedFleet, SimulatedSwitch, SwitchPlan};
use switchyard::ssh::{Driver, Platforms, Settings};
use switchyard::startup::Application;
use switchyard_actors::domain::config::VlanId;
use switchyard_actors::domain::ids::{PortName, SwitchId};
use switchyard_actors::domain::inventory::{Credentials, SecretRef, Switch};
use switchyard_actors::domain::record::PortPlan;
use switchyard_actors::ports::driver::{Intent, SwitchDriver};
use switchyard_actors::ports::guard::SessionGuard;

const PARTNER: &str = "00000000-0000-0000-0000-0000000000a1";
const PLAN: &str = "00000000-0000-0000-0000-0000000000b1";
const PORTS: u16 = 24;
const SAVE: Duration = Duration::from_secs(5);
const COMMAND: Duration = Duration::from_millis(5);
const AWAY: Duration = Duration::from_millis(20);
const ROUNDS: u16 = 9;
const DEADLINE: Duration = Duration::from_secs(600);

fn main() {
    actix_rt::System::new().block_on(async {
        let together = many_ports("").await;
        let one_by_one = many_ports("[supervision]\nvisit_ports = 1\nsave_longest_wait_ms = 0\n").await;
        println!(
            "{PORTS} ports, a save of {} s: together {:.1} s with {} saves, one by one {:.1} s with {} saves, {:.1} x",
            SAVE.as_secs(),
            together.took.as_secs_f64(),
            together.saves,
            one_by_one.took.as_secs_f64(),
            one_by_one.saves,
            one_by_one.took.div_duration_f64(together.took)
        );
        let (block, line, lines) = one_port_far_away().await;
        println!(
            "{lines} lines of one port, {} ms away: {block:.0} ms in blocks, {line:.0} ms line by line, {:.1} x",
            AWAY.as_millis(),
            line / block
        );
    });
}

struct Done {
    took: Duration,
    saves: u64,
}

/// From the end of a save, during which all were ordered, to the moment when all are live and saved.
async fn many_ports(more: &str) -> Done {
    let folder = tempfile::tempdir().expect("a folder");
    let password = folder.path().join("password");
    std::fs::write(&password, "pw").expect("a file");
    let plan = SwitchPlan {
        password: "pw".into(),
        command_latency: COMMAND,
        save_latency: SAVE,
        ..SwitchPlan::new("sw-0", Personality::Ios)
    };
    let addressing = Addressing::LoopbackAddresses { first: Ipv4Addr::new(127, 6, 0, 1), port: 0 };
    let fleet = SimulatedFleet::start(addressing, vec![plan]).await.expect("the switch");
    let device = fleet.switch("sw-0").expect("there");
    let secrets = HashMap::from([(PARTNER.to_owned(), "s3cret".to_owned())]);
    let receiver = WebhookReceiver::start(secrets).expect("a receiver");
    let inventory = folder.path().join("inventory.toml");
    std::fs::write(&inventory, inventory_text(&device, &receiver.url(), &password)).expect("a file");
    let text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[store]\npath = \"{}\"\n[webhook]\nallow_private_addresses = true\n{more}",
        folder.path().join("s.redb").display()
    );
    let config = Config::parse(&text, Path::new("bench.toml")).expect("a configuration");
    let service = Application::build(config, Some(&inventory)).await.expect("the service");
    checkout(&service, 0).await;
    until(|| device.commands().iter().any(|command| command.line == "write memory")).await;
    for port in 1..=PORTS {
        checkout(&service, port).await;
    }
    assert_eq!(device.counts().saves, 0, "all were to be there before the save is done");
    until(|| device.counts().saves == 1).await;
    let began = Instant::now();
    let is_live_and_saved = |port: u16| {
        let name = Personality::Ios.port_name(port + 1);
        let running = device.running(&name).expect("a port");
        running.access_vlan == 142 && device.startup(&name) == Some(running)
    };
    until(|| (1..=PORTS).all(is_live_and_saved)).await;
    let done = Done { took: began.elapsed(), saves: device.counts().saves - 1 };
    service.stop().await;
    fleet.stop().await;
    done
}

async fn until(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "it never came to it");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn checkout(service: &Application, port: u16) {
    let url = format!("http://{}/api/v1/partner/external-checkout/anonymous-complete", service.address());
    let body = serde_json::json!({
        "service_provider_document_id": PARTNER, "plan_version_id": PLAN,
        "location_hash": format!("{port:010x}"), "external_subscription_id": format!("order-{port}"),
    });
    let request = awc::Client::new().post(url).insert_header(("X-Webhook-Secret", "s3cret"));
    let answer = request.send_body(body.to_string()).await.expect("an answer");
    assert!(answer.status().is_success(), "{answer:?}");
}

/// Medians of sending one port's lines, in blocks and line by line, in turn; and how many lines there are.
async fn one_port_far_away() -> (f64, f64, usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let password = folder.path().join("password");
    std::fs::write(&password, "pw").expect("a file");
    let shipped = include_str!("../config/platforms/cisco_ios.toml");
    let by_line: String =
        shipped.lines().filter(|line| !line.starts_with("block =")).flat_map(|line| [line, "\n"]).collect();
    let own = folder.path().join("platforms");
    std::fs::create_dir(&own).expect("a folder");
    std::fs::write(own.join("cisco_ios.toml"), by_line).expect("a file");
    let plan =
        SwitchPlan { password: "pw".into(), round_trip: AWAY, ..SwitchPlan::new("sw-0", Personality::Ios) };
    let addressing = Addressing::LoopbackAddresses { first: Ipv4Addr::new(127, 6, 1, 1), port: 0 };
    let fleet = SimulatedFleet::start(addressing, vec![plan]).await.expect("the switch");
    let device = fleet.switch("sw-0").expect("there");
    let switch = switch(&device, &password);
    let (mut block, mut line, mut lines) = (Vec::new(), Vec::new(), 0);
    for round in 0..ROUNDS {
        let shipped = Platforms::load(None).expect("built in");
        let by_line = Platforms::load(Some(&own)).expect("without blocks");
        for (platforms, took, port) in [(shipped, &mut block, 2 * round), (by_line, &mut line, 2 * round + 1)]
        {
            let (millis, count) = send_one(&switch, platforms, port).await;
            took.push(millis);
            lines = count;
        }
    }
    fleet.stop().await;
    (median(block), median(line), lines)
}

async fn send_one(switch: &Switch, platforms: Platforms, port: u16) -> (f64, usize) {
    let driver = Driver::new(Settings::default(), platforms);
    let port = PortName::parse(&Personality::Ios.port_name(port + 1)).expect("valid");
    let plan = PortPlan {
        vlan: VlanId::try_from(142).expect("valid"),
        down_kbps: 100_000,
        up_kbps: 20_000,
        mac: None,
    };
    let mut session =
        driver.open(switch, &SessionGuard::default(), &mut String::new()).await.expect("a session");
    let before = session.read_port(&port).await.expect("read");
    let lines = session.render(Intent::Provision, &port, &plan.wanted(), &before).expect("lines");
    let began = Instant::now();
    session.apply_to(&port, &lines).await.expect("applied");
    let took = began.elapsed();
    let after = session.read_port(&port).await.expect("read back");
    assert!(plan.wanted().differences(&after).is_empty());
    session.close().await;
    (took.as_secs_f64() * 1_000.0, lines.len())
}

fn median(mut millis: Vec<f64>) -> f64 {
    millis.sort_by(f64::total_cmp);
    millis[millis.len() / 2]
}

fn switch(device: &SimulatedSwitch, password: &Path) -> Switch {
    Switch {
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
    }
}

fn inventory_text(device: &SimulatedSwitch, url: &str, password: &Path) -> String {
    let mut text = format!(
        "[[partner]]\nid = \"{PARTNER}\"\nname = \"p\"\nwebhook_url = \"{url}\"\nwebhook_secret = \"s3cret\"\n\
         [[plan]]\nid = \"{PLAN}\"\npartner = \"{PARTNER}\"\nname = \"100\"\nvlan = 142\ndown_kbps = 100000\nup_kbps = 20000\nactive = true\n\
         [[switch]]\nname = \"sw-0\"\nhost = \"{}\"\nssh_port = {}\nplatform = \"cisco_ios\"\nusername = \"admin\"\n\
         password = \"file:{}\"\nhost_key = \"{}\"\ncaptive_portal_vlan = 999\n[switch.ports]\n",
        device.address().ip(),
        device.address().port(),
        password.display(),
        device.host_key(),
    );
    for port in 0..=PORTS {
        text.push_str(&format!("\"{}\" = \"{port:010x}\"\n", Personality::Ios.port_name(port + 1)));
    }
    text
}

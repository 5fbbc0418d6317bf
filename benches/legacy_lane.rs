//! What 500 switches that come back at once, all of them with old key exchange, do to the edge: the latency of accepted
//! checkouts while they are being reached and configured, beside that of a quiet time, several rounds in the same run.
//!
//! The switches and the webhooks' receiver are another process, the least urgent there is: on a real network they have
//! cores of their own. The checkouts that are timed are home drops, which ask nothing of a switch; they come at a steady
//! pace, whether or not the one before was answered in time.

#![allow(clippy::print_stdout)] // a bench that prints nothing says nothing

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use switchyard::config::Config;
use switchyard::simulator::receiver::WebhookReceiver;
use switchyard::simulator::{Addressing, Personality, SimulatedFleet, SwitchPlan};
use switchyard::startup::Application;
use switchyard_actors::domain::ids::SwitchId;
use switchyard_actors::domain::record::Index;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PARTNER: &str = "00000000-0000-0000-0000-0000000000a1";
const PLAN: &str = "00000000-0000-0000-0000-0000000000b1";
const UNIT: &str = "00000000-0000-0000-0000-0000000000c1";

/// Switches that come back at once, in each round.
const SWITCHES: usize = 500;
const ROUNDS: usize = 5;
/// For how long latencies are taken, quiet and loaded.
const SPAN: Duration = Duration::from_secs(3);
/// Between two checkouts.
const PACE: Duration = Duration::from_millis(20);
/// For a round's switches to be done.
const PATIENCE: Duration = Duration::from_secs(300);

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == "--be-switches") {
        Some(place) => be_switches(arguments[place + 1].parse().expect("a number")),
        None => actix_rt::System::new().block_on(compare()),
    }
}

/// The other process: says where its switches and its receiver are, and ends with its standard input.
fn be_switches(count: usize) {
    rustix::process::setpriority_process(None, 19).expect("less urgent is always granted");
    actix_rt::System::new().block_on(async move {
        let plans = (0..count).map(|n| SwitchPlan {
            password: "pw".into(),
            ..SwitchPlan::new(format!("sw-{n:04}"), Personality::Ios)
        });
        let addressing = Addressing::LoopbackAddresses { first: Ipv4Addr::new(127, 9, 0, 1), port: 0 };
        let fleet = SimulatedFleet::start(addressing, plans.collect()).await.expect("the switches");
        let receiver = WebhookReceiver::start(HashMap::from([(PARTNER.to_owned(), "s3cret".to_owned())]));
        println!("{}", receiver.expect("a receiver").url());
        for switch in fleet.switches() {
            switch.offer_only_old_algorithms();
            println!("{} {}", switch.address(), switch.host_key());
        }
        println!();
        let wait = || std::io::stdin().read_to_end(&mut Vec::new());
        let _ = tokio::task::spawn_blocking(wait).await;
    });
}

struct Elsewhere {
    process: Child,
    receiver: String,
    /// Address and host key.
    switches: Vec<(SocketAddr, String)>,
}

impl Elsewhere {
    fn start(count: usize) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this bench"))
            .args(["--be-switches", &count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("another process");
        let told = BufReader::new(process.stdout.take().expect("piped"));
        let mut lines = told.lines().map(|line| line.expect("text")).take_while(|line| !line.is_empty());
        let receiver = lines.next().expect("the receiver's address");
        let switches = lines.map(|line| {
            let (address, key) = line.split_once(' ').expect("an address and a key");
            (address.parse().expect("an address"), key.to_owned())
        });
        let switches = switches.collect();
        Self { process, receiver, switches }
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

async fn compare() {
    let elsewhere = Elsewhere::start(SWITCHES * ROUNDS);
    let folder = tempfile::tempdir().expect("a folder");
    let password = folder.path().join("password");
    std::fs::write(&password, "pw").expect("a file");
    let inventory = folder.path().join("inventory.toml");
    std::fs::write(&inventory, inventory_text(&elsewhere, &password)).expect("a file");
    // The edge is timed: neither its rate limits nor the failures of a machine that is too busy may be in the way.
    let text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[http.rate_limit]\ncheckout_per_minute = 1000000\n\
         [store]\npath = \"{}\"\n[webhook]\nallow_private_addresses = true\n[log]\nfilter = \"off\"\n\
         [supervision]\nidle_ms = 1000\n",
        folder.path().join("s.redb").display()
    );
    let config = Config::parse(&text, Path::new("bench.toml")).expect("a configuration");
    let service = Application::build(config, Some(&inventory)).await.expect("the service");
    let edge = service.address();
    let mut number = 0;
    // What is done for the first time is done slowly.
    steady(edge, &mut number, SPAN / 3).await;
    let (mut quiet, mut loaded, mut took) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        quiet.push(Latencies::of(steady(edge, &mut number, SPAN).await));
        let began = Instant::now();
        order_all(edge, round).await;
        loaded.push(Latencies::of(steady(edge, &mut number, SPAN).await));
        let left = with_work(&service, round).await;
        assert!(left > 0, "the switches were done before the latencies were taken");
        until_done(&service, round).await;
        took.push(began.elapsed().as_secs_f64());
        let (q, l) = (quiet.last().expect("taken"), loaded.last().expect("taken"));
        println!(
            "round {}: quiet {q}; loaded {l}; {left} switches were left then, all done after {:.1} s",
            round + 1,
            took[round]
        );
    }
    let median = |all: &[Latencies], of: fn(&Latencies) -> f64| median(all.iter().map(of).collect());
    let (quiet_p99, loaded_p99) = (median(&quiet, |l| l.p99), median(&loaded, |l| l.p99));
    println!(
        "{SWITCHES} switches, medians of {ROUNDS} rounds: p99 quiet {quiet_p99:.2} ms, loaded {loaded_p99:.2} ms, {:.2} x; p50 quiet {:.2} ms, loaded {:.2} ms; all done after {:.1} s",
        loaded_p99 / quiet_p99,
        median(&quiet, |l| l.p50),
        median(&loaded, |l| l.p50),
        self::median(took),
    );
    service.stop().await;
}

struct Latencies {
    p50: f64,
    p99: f64,
    worst: f64,
}

impl Latencies {
    fn of(mut millis: Vec<f64>) -> Self {
        millis.sort_by(f64::total_cmp);
        let at = |percent: usize| millis[(millis.len() - 1) * percent / 100];
        Self { p50: at(50), p99: at(99), worst: at(100) }
    }
}

impl std::fmt::Display for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {:.2} p99 {:.2} worst {:.2} ms", self.p50, self.p99, self.worst)
    }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Home drops at a steady pace, from a thread of its own; how long each took from the moment at which it was to be sent.
async fn steady(edge: SocketAddr, number: &mut usize, span: Duration) -> Vec<f64> {
    let first = *number;
    let count = usize::try_from(span.as_millis() / PACE.as_millis()).expect("some");
    *number += count;
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let mut client = Client::connect(edge).await;
            let (began, mut took) = (Instant::now(), Vec::with_capacity(count));
            for n in 0..count {
                let due = began + PACE * u32::try_from(n).expect("some");
                tokio::time::sleep_until(due.into()).await;
                client
                    .order(
                        &format!("\"delivery_mode\":\"home_drop\",\"unit_id\":\"{UNIT}\""),
                        &format!("drop-{}", first + n),
                    )
                    .await;
                took.push(due.elapsed().as_secs_f64() * 1_000.0);
            }
            took
        })
    };
    tokio::task::spawn_blocking(run).await.expect("the client's thread")
}

/// One checkout for each switch of the round.
async fn order_all(edge: SocketAddr, round: usize) {
    let mut client = Client::connect(edge).await;
    for n in round * SWITCHES..(round + 1) * SWITCHES {
        client.order(&format!("\"location_hash\":\"{n:010x}\""), &format!("order-{n}")).await;
    }
}

struct Client {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Client {
    async fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.expect("the edge");
        stream.set_nodelay(true).expect("a socket option");
        Self { stream, answer: Vec::with_capacity(4_096) }
    }

    async fn order(&mut self, place: &str, external: &str) {
        let body = format!(
            "{{\"service_provider_document_id\":\"{PARTNER}\",\"plan_version_id\":\"{PLAN}\",{place},\
             \"external_subscription_id\":\"{external}\"}}"
        );
        let request = format!(
            "POST /api/v1/partner/external-checkout/anonymous-complete HTTP/1.1\r\nhost: edge\r\n\
             content-type: application/json\r\nx-webhook-secret: s3cret\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await.expect("sent");
        self.answer.clear();
        // An accepted checkout's answer is one JSON object, and ends with it.
        while !self.answer.ends_with(b"}") {
            let read = self.stream.read_buf(&mut self.answer).await.expect("an answer");
            assert!(read > 0, "closed before the answer");
        }
        let text = String::from_utf8_lossy(&self.answer);
        assert!(text.starts_with("HTTP/1.1 200"), "{external}: {text}");
    }
}

/// Switches of the round that have work.
async fn with_work(service: &Application, round: usize) -> usize {
    let with_work = service.store().switches_with_work().await.expect("the store");
    let ours: Vec<_> = (round * SWITCHES..(round + 1) * SWITCHES)
        .map(|n| SwitchId::parse(&format!("sw-{n:04}")).expect("valid"))
        .collect();
    let mut left = 0;
    for switch in with_work.into_iter().filter(|switch| ours.contains(switch)) {
        left += usize::from(
            !service.store().members(&Index::Work(switch), 1).await.expect("the store").is_empty(),
        );
    }
    left
}

async fn until_done(service: &Application, round: usize) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = with_work(service, round).await;
        if left == 0 {
            return;
        }
        assert!(Instant::now() < deadline, "{left} switches are not done");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn inventory_text(elsewhere: &Elsewhere, password: &Path) -> String {
    let mut text = format!(
        "[[partner]]\nid = \"{PARTNER}\"\nname = \"p\"\nwebhook_url = \"{}\"\nwebhook_secret = \"s3cret\"\n\
         [[plan]]\nid = \"{PLAN}\"\npartner = \"{PARTNER}\"\nname = \"100\"\nvlan = 142\ndown_kbps = 100000\nup_kbps = 20000\nactive = true\n\
         [[unit]]\nid = \"{UNIT}\"\nname = \"1A\"\n",
        elsewhere.receiver
    );
    for (n, (address, host_key)) in elsewhere.switches.iter().enumerate() {
        text.push_str(&format!(
            "[[switch]]\nname = \"sw-{n:04}\"\nhost = \"{}\"\nssh_port = {}\nplatform = \"cisco_ios\"\nusername = \"admin\"\n\
             password = \"file:{}\"\nhost_key = \"{host_key}\"\ncaptive_portal_vlan = 999\n\
             allow_algorithms = [\"diffie-hellman-group14-sha1\", \"aes128-cbc\", \"hmac-sha1\"]\n\
             [switch.ports]\n\"{}\" = \"{n:010x}\"\n",
            address.ip(),
            address.port(),
            password.display(),
            Personality::Ios.port_name(1),
        ));
    }
    text
}

//! How near a fleet's makespan comes to what its devices allow: many switches with many jobs each, 2 s of device time a job spread
//! over its commands, one job a visit.
//!
//! | measured | beside |
//! |---|---|
//! | sessions kept from job to job | the ideal: the device's own time of the busiest switch |
//! | a session and a save for each job | a bare russh loop on the same fleet: connect, log in, the same lines, save, leave; no HTTP, no store |
//!
//! For the second, a switch's next job is ordered when the one before has been live for a moment, in which it is saved and its session
//! closed; the loop waits as long.
//!
//! The service is `switchyard bench switches`: real processes, HTTP, SSH, webhooks. Rounds take turns. Words after `--` are the numbers of
//! switches, jobs and rounds.

#![allow(clippy::print_stdout)] // a bench that prints nothing says nothing

use russh::client::{self, Msg};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelMsg, Disconnect};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

const SWITCHYARD: &str = env!("CARGO_BIN_EXE_switchyard");
/// Of each command.
const LATENCY_MS: u64 = 125;
/// From a line that is live to the next order for its switch, where each job has a session of its own.
const PAUSE_MS: u64 = 150;
/// Handshakes at once, as `supervision.max_opening` has it.
const AT_ONCE: usize = 64;
const OPENING: [&str; 4] = ["terminal length 0", "terminal width 511", "show version", "show users all"];
/// What a job says to a switch that has no policer yet; 16 of them are 2 s.
const JOB: [&str; 16] = [
    "show running-config interface GigabitEthernet1/0/{port}",
    "configure terminal",
    "policy-map SY-100000K",
    "class class-default",
    "police 100000000",
    "policy-map SY-20000K",
    "class class-default",
    "police 20000000",
    "interface GigabitEthernet1/0/{port}",
    "switchport mode access",
    "switchport access vlan 142",
    "service-policy input SY-20000K",
    "service-policy output SY-100000K",
    "no shutdown",
    "end",
    "show running-config interface GigabitEthernet1/0/{port}",
];

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|word| word.parse().ok());
    let mut or = |usual: usize| numbers.next().unwrap_or(usual);
    let (switches, jobs, rounds) = (or(1_000), or(30), or(5));
    println!("a job's lines, {LATENCY_MS} ms each: {}", JOB.join(" | "));
    let (mut kept, mut each, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        let reused = measured(switches, jobs, &[]);
        kept.push(reused.makespan_s / reused.ideal_s);
        each.push(one_session_a_job(switches, jobs));
        bare.push(bare_loop(switches, jobs));
        println!(
            "round {round}: kept sessions {:.1} s, ideal {:.1} s; a session a job {:.1} s, the bare loop {:.1} s",
            reused.makespan_s,
            reused.ideal_s,
            each[round - 1],
            bare[round - 1]
        );
    }
    let (each, bare) = (median(each), median(bare));
    println!(
        "{switches} switches x {jobs} jobs, medians of {rounds}: kept sessions {:.3} x the ideal; a session a job {:.3} x the bare loop",
        median(kept),
        each / bare
    );
}

fn one_session_a_job(switches: usize, jobs: usize) -> f64 {
    let (arrival, pause) = (format!("live:{switches}"), PAUSE_MS.to_string());
    let figures = measured(switches, jobs, &["--idle-ms", "0", "--arrival", &arrival, "--pause-ms", &pause]);
    println!("  {} sessions for {} jobs", figures.sessions, switches * jobs);
    figures.makespan_s
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

struct Measured {
    makespan_s: f64,
    ideal_s: f64,
    sessions: u64,
}

/// The whole service, by its own bench.
fn measured(switches: usize, jobs: usize, more: &[&str]) -> Measured {
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("figures.json");
    let bench = Command::new(SWITCHYARD)
        .args(["bench", "switches", "--personality", "ios", "--save-ms", "0", "--visit-ports", "1"])
        .args(["--switches", &switches.to_string(), "--jobs", &jobs.to_string()])
        .args(["--latency-ms", &LATENCY_MS.to_string(), "--json", &json.display().to_string()])
        .args(more)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the bench");
    assert!(bench.success(), "switchyard bench switches: {bench}");
    let text = std::fs::read_to_string(json).expect("the figures");
    let figures: Value = serde_json::from_str(&text).expect("JSON");
    let makespan = &figures["runs"][0]["makespan"];
    let seconds = |name: &str| makespan[name].as_f64().expect("a number") / 1_000.0;
    let sessions = figures["runs"][0]["counts"]["sessions_opened"].as_u64().expect("a number");
    Measured { makespan_s: seconds("makespan_ms"), ideal_s: seconds("ideal_ms"), sessions }
}

/// The switches, in a process of their own, as the service's bench has them.
struct Fleet {
    process: Child,
    /// It says more later, and must not find nobody there.
    _told: BufReader<ChildStdout>,
    devices: Vec<SocketAddr>,
}

impl Fleet {
    fn start(switches: usize, ports: usize, folder: &Path) -> Self {
        let inventory = folder.join("switches.toml");
        let mut process = Command::new(SWITCHYARD)
            .args(["simulate", "--personality", "ios", "--save-ms", "0", "--port", "0"])
            .args(["--switches", &switches.to_string(), "--ports", &ports.to_string()])
            .args(["--latency-ms", &LATENCY_MS.to_string()])
            .args(["--inventory-out", &inventory.display().to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the switches");
        let told = process.stdout.take().expect("piped");
        let mut told = BufReader::new(told);
        told.read_line(&mut String::new()).expect("it says that they are there");
        let text = std::fs::read_to_string(inventory).expect("the inventory");
        let table: toml::Table = text.parse().expect("TOML");
        let address = |switch: &toml::Value| {
            let (host, port) = (switch["host"].as_str(), switch["ssh_port"].as_integer());
            format!("{}:{}", host.expect("a host"), port.expect("a port")).parse().expect("an address")
        };
        let devices = table["switch"].as_array().expect("switches").iter().map(address).collect();
        Self { process, _told: told, devices }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Seconds from the first connect to the last leave.
fn bare_loop(switches: usize, jobs: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let fleet = Fleet::start(switches, jobs, folder.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let began = Instant::now();
    runtime.block_on(async {
        let drivers: Vec<_> = fleet
            .devices
            .iter()
            .map(|device| tokio::spawn(drive(*device, jobs, Arc::clone(&places))))
            .collect();
        for driver in drivers {
            driver.await.expect("it drives to the end");
        }
    });
    began.elapsed().as_secs_f64()
}

async fn drive(device: SocketAddr, jobs: usize, places: Arc<Semaphore>) {
    for job in 1..=jobs {
        let place = places.acquire().await.expect("never closed");
        let (handle, mut channel) = open(device).await;
        drop(place);
        for line in OPENING.iter().chain(&JOB) {
            say(&mut channel, &line.replace("{port}", &job.to_string())).await;
        }
        let is_over = tokio::time::Instant::now() + Duration::from_millis(PAUSE_MS);
        say(&mut channel, "write memory").await;
        handle.disconnect(Disconnect::ByApplication, "", "en").await.expect("left");
        tokio::time::sleep_until(is_over).await;
    }
}

struct AnyHostKey;

impl client::Handler for AnyHostKey {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

async fn open(device: SocketAddr) -> (client::Handle<AnyHostKey>, Channel<Msg>) {
    let config = Arc::new(client::Config { nodelay: true, ..client::Config::default() });
    let mut handle = client::connect(config, device, AnyHostKey).await.expect("a connection");
    assert!(handle.authenticate_password("admin", "admin").await.expect("an answer").success());
    let mut channel = handle.channel_open_session().await.expect("a channel");
    channel.request_pty(false, "vt100", 511, 1_000, 0, 0, &[]).await.expect("a terminal");
    channel.request_shell(false).await.expect("a shell");
    until_prompt(&mut channel).await;
    (handle, channel)
}

async fn say(channel: &mut Channel<Msg>, line: &str) {
    channel.data_bytes(format!("{line}\r").into_bytes()).await.expect("sent");
    until_prompt(channel).await;
}

async fn until_prompt(channel: &mut Channel<Msg>) {
    while let Some(message) = channel.wait().await {
        if matches!(&message, ChannelMsg::Data { data } if data.ends_with(b"#")) {
            return;
        }
    }
}

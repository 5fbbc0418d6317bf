//! A restart with 100,000 open jobs over 5,000 switches in the store: how long until `/readyz` says 200, until the first
//! session is opened and the first line is live, and how much memory it takes; beside the same on an empty store.
//!
//! ```text
//!   fill      checkouts ─▶ the graph's door ─▶ the store                       (nobody works on the jobs)
//!   restart   `switchyard serve`, a process ─▶ the same store ─SSH─▶ switches ─▶ webhooks ─▶ this process
//! ```
//!
//! Runs take turns with those of the baseline. They end by SIGTERM, the last by SIGKILL, whose successor has a file to
//! repair. Words after `--` choose: `embedded`, `redis`; a number is that of the jobs.
//!
//! **The switches run in this process**, on the same cores: figures of a fleet at work are those of both together.

#![allow(clippy::print_stdout)] // a bench that prints nothing says nothing

mod fill;
#[path = "../accept/no_leases.rs"]
mod no_leases;
mod service;
mod world;

use service::Process;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};
use switchyard::redis_lab::{RedisServer, Settings};
use world::World;

const JOBS: usize = 100_000;
const JOBS_A_SWITCH: usize = 20;
const RUNS: usize = 3;
const WANTED: Duration = Duration::from_secs(5);
/// After the first line is live, memory is looked at again.
const STEADY_AFTER: Duration = Duration::from_secs(20);

fn main() {
    let words: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let jobs = words.iter().find_map(|word| word.parse().ok()).unwrap_or(JOBS);
    let engines: Vec<_> = words.iter().filter(|word| word.parse::<usize>().is_err()).collect();
    let wanted = |name: &str| engines.is_empty() || engines.iter().any(|word| *word == name);
    actix_rt::System::new().block_on(async {
        if wanted("embedded") {
            on_the_embedded_store(jobs).await;
        }
        if wanted("redis") {
            on_redis(jobs).await;
        }
    });
}

async fn on_the_embedded_store(jobs: usize) {
    let world = World::start(jobs / JOBS_A_SWITCH, JOBS_A_SWITCH).await;
    let store =
        |name: &str| format!("[store]\npath = \"{}\"\n", world.path().join(format!("{name}.redb")).display());
    measure("embedded", &world, jobs, &store("full"), &store("empty")).await;
    let bytes = std::fs::metadata(world.path().join("full.redb")).expect("the store").len();
    println!("  the store's file has {} MiB", bytes >> 20);
}

async fn on_redis(jobs: usize) {
    let world = World::start(jobs / JOBS_A_SWITCH, JOBS_A_SWITCH).await;
    let server = RedisServer::start(Settings::default()).expect("a server");
    let store = |prefix: &str| {
        format!(
            "[store]\nengine = \"redis\"\n[store.redis]\nurls = [\"{}\"]\nprefix = \"{prefix}\"\n",
            server.url()
        )
    };
    measure("redis", &world, jobs, &store("full"), &store("empty")).await;
}

/// Where the service listens, and its configuration in a file.
struct Place {
    address: SocketAddr,
    file: std::path::PathBuf,
}

impl Place {
    fn new(folder: &Path, name: &str, store: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("its address");
        let file = folder.join(format!("{name}.toml"));
        let text = format!(
            "[http]\nlisten = \"{address}\"\n[webhook]\nallow_private_addresses = true\n\
             [log]\nfilter = \"warn\"\n[stop]\ndrain_ms = 0\n{store}"
        );
        std::fs::write(&file, text).expect("a file");
        Self { address, file }
    }

    fn start(&self, inventory: Option<&Path>) -> Process {
        Process::start(&self.file, self.address, inventory)
    }
}

async fn measure(engine: &str, world: &World, jobs: usize, full: &str, empty: &str) {
    let began = Instant::now();
    fill::fill(full, world, jobs).await;
    println!(
        "\n{engine}: {jobs} jobs over {} switches, filled in {:.1?}",
        world.places() / JOBS_A_SWITCH,
        began.elapsed()
    );
    let (full, empty) = (Place::new(world.path(), "full", full), Place::new(world.path(), "empty", empty));
    for _ in 0..RUNS {
        let mut baseline = empty.start(None);
        let ready = baseline.ready().await;
        println!("  empty store          ready {ready:>8.0?}, {:?} MiB", baseline.memory());
        baseline.stop().await;
        let process = run("full store", world, full.start(None)).await;
        println!("    ended {:.1?} after SIGTERM", process.stop().await);
    }
    let process = run("with --inventory", world, full.start(Some(&world.inventory()))).await;
    process.kill();
    run("after SIGKILL", world, full.start(None)).await.stop().await;
}

async fn until<T>(seen: impl Fn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(seen) = seen() {
            return seen;
        }
        assert!(began.elapsed() < Duration::from_secs(300), "no line is ever live");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn run(name: &str, world: &World, mut process: Process) -> Process {
    let ready = process.ready().await;
    let at_ready = process.memory();
    let verdict = if ready <= WANTED { "met" } else { "MISSED" };
    println!("  {name:<20} ready {ready:>8.0?} ({verdict}), {at_ready:?} MiB now and at most");
    // Events of the run before are still delivered: what is live now was told of after the first session.
    let opened = until(|| world.first_session_after(process.began)).await;
    let first = until(|| world.completed_after(opened).1).await;
    tokio::time::sleep(STEADY_AFTER).await;
    let (completed, _) = world.completed_after(process.began);
    println!(
        "    first session {:.0?}, first line live {:.0?}; then {} lines in {:.0?}, {:?} MiB",
        opened - process.began,
        first - process.began,
        completed,
        first.elapsed(),
        process.memory()
    );
    process
}

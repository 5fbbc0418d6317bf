//! How many checkouts a second are accepted for good, through HTTP, beside what the same Redis and the same web server do
//! without the service around them.
//!
//! ```text
//!   service      clients ─HTTP─▶ edge ─▶ checkout actor ─▶ engine ─▶ Redis (appendfsync always)
//!   bare         clients ─HTTP─▶ a handler that makes the same calls in sequence ──▶ the same Redis
//!   script loop  64 connections that call the commit script and do nothing else ──▶ the same Redis
//! ```
//!
//! Rounds of all three take turns, so that whatever else the machine does hits them alike: the ratios mean something,
//! the figures beside them only together. Words after `--` choose: `redis`, `embedded`, `cluster`.
//!
//! **Nothing works on the jobs**: no supervisor is ever given its switch's lease (`no_leases.rs`), so none reads, connects or
//! writes. What is measured is acceptance, wakes included.

#![allow(clippy::print_stdout)] // a bench that prints nothing says nothing

mod bare;
mod clients;
mod no_leases;
mod order;
mod recording;
mod report;
mod round_trips;
mod script_loop;
mod service;

use bare::Bare;
use clients::Load;
use order::Orders;
use recording::Template;
use report::Figure;
use service::Service;
use switchyard::redis_lab::{RedisCluster, RedisServer, Settings};

/// Of each figure; the median counts.
const ROUNDS: usize = 7;
/// Connections, and what they send in one round: more than 100 ms of work each.
const LOADS: [Load; 3] = [
    Load { connections: 1, checkouts: 400 },
    Load { connections: 16, checkouts: 1_600 },
    Load { connections: 64, checkouts: 4_800 },
];
/// Sent before anything is measured: each switch, each connection, and every code path has been met by then.
const WARM_UP: Load = Load { connections: 64, checkouts: 1_000 };
/// The first of them brings the inventory into the cache.
const RECORDED: usize = 2;

fn main() {
    let chosen: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|word| word == name);
    report::machine();
    let system = actix_rt::System::new();
    if wanted("redis") {
        system.block_on(on_redis());
    }
    if wanted("embedded") {
        system.block_on(on_the_embedded_store());
    }
    if wanted("cluster") {
        system.block_on(on_a_cluster());
    }
    report::machine();
}

async fn on_redis() {
    let server = RedisServer::start(quiet()).expect("a server");
    let mut orders = Orders::new(capacity(2, &LOADS));
    let service = Service::start(&service::redis(&[server.url()], false), orders.capacity()).await;
    warm_up(&service, &mut orders).await;

    let recorded = recording::record(&server, &service, orders.take(RECORDED)).await;
    round_trips::show(&recorded);
    round_trips::measure(&server).await;

    let template = Template::of(&recorded);
    let bare = Bare::start(&server.url(), template.clone()).await;
    clients::run(bare.address(), WARM_UP, orders.take(WARM_UP.checkouts)).await;
    let mut figures = LOADS.map(|load| [Figure::of("service", load), Figure::of("bare handler", load)]);
    let mut script = Figure::of("script loop", LOADS[2]);
    for round in 0..ROUNDS {
        for (load, [ours, theirs]) in LOADS.into_iter().zip(&mut figures) {
            let mut pair = [(service.address(), ours), (bare.address(), theirs)];
            // Who comes first bears what the round before has left to the disk.
            pair.rotate_left(round % 2);
            for (address, figure) in pair {
                figure.add(clients::run(address, load, orders.take(load.checkouts)).await);
            }
        }
        script.add(script_loop::run(&server, &template, LOADS[2]).await);
    }
    report::heading("one redis-server, appendonly yes, appendfsync always");
    for [ours, theirs] in &figures {
        report::beside(ours, theirs, 0.7);
    }
    report::beside(&figures[2][0], &script, 0.25);
    script_loop::beside_redis_benchmark(&server).await;
    bare.stop().await;
    service.stop().await;
}

async fn on_the_embedded_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let loads = [LOADS[0], LOADS[2]];
    let mut orders = Orders::new(capacity(1, &loads));
    let service = Service::start(&service::embedded(folder.path()), orders.capacity()).await;
    warm_up(&service, &mut orders).await;
    let mut figures = loads.map(|load| Figure::of("service", load));
    for _ in 0..ROUNDS {
        for (load, figure) in loads.into_iter().zip(&mut figures) {
            figure.add(clients::run(service.address(), load, orders.take(load.checkouts)).await);
        }
    }
    report::heading("the embedded store: the group commit");
    report::beside(&figures[1], &figures[0], 1.0);
    service.stop().await;
}

async fn on_a_cluster() {
    let cluster = RedisCluster::start_with(3, quiet()).expect("a cluster");
    let mut orders = Orders::new(capacity(1, &LOADS));
    let service = Service::start(&service::redis(&cluster.urls(), true), orders.capacity()).await;
    warm_up(&service, &mut orders).await;
    let mut figures = LOADS.map(|load| Figure::of("service", load));
    for _ in 0..ROUNDS {
        for (load, figure) in LOADS.into_iter().zip(&mut figures) {
            figure.add(clients::run(service.address(), load, orders.take(load.checkouts)).await);
        }
    }
    report::heading("a cluster of 3 primaries, each as above, for information");
    figures.iter().for_each(report::alone);
    service.stop().await;
}

/// A server that does not rewrite its file in the middle of a round.
fn quiet() -> Settings {
    let never = ("auto-aof-rewrite-percentage".to_owned(), "0".to_owned());
    Settings { extra: vec![never], ..Settings::default() }
}

/// Checkouts that all rounds take, each of another place; `targets` are sent each load.
fn capacity(targets: usize, loads: &[Load]) -> usize {
    let one_round: usize = loads.iter().map(|load| load.checkouts).sum();
    targets * (WARM_UP.checkouts + ROUNDS * one_round) + RECORDED
}

async fn warm_up(service: &Service, orders: &mut Orders) {
    clients::run(service.address(), WARM_UP, orders.take(WARM_UP.checkouts)).await;
}

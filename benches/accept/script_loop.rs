//! The commit script alone, called as redis-benchmark calls: connections on one thread, each with one call under way, all
//! bytes made before the clock starts.
//!
//! redis-benchmark itself can't do it: it writes another random number over every mark in a call, and a row has the same
//! id in several places. So this loop is held against it with a command that both can send.

use super::clients::{Load, on_a_thread};
use super::recording::Template;
use super::report::median;
use futures_util::future::join_all;
use redis::Cmd;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use switchyard::redis_lab::RedisServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Numbers that no client sends.
static NEXT: AtomicUsize = AtomicUsize::new(5_000_000);

/// Of the comparison with redis-benchmark.
const ROUNDS: usize = 5;
const SETS: usize = 20_000;
const VALUE_BYTES: usize = 64;

pub async fn run(server: &RedisServer, template: &Template, load: Load) -> Duration {
    let first = NEXT.fetch_add(load.checkouts, Ordering::Relaxed);
    let calls = (first..first + load.checkouts).map(|number| template.commit(number)).collect();
    send_all(server.address(), load.connections, calls, b"applied").await
}

/// Sends all of it, and looks for `wanted` in each answer; from the first byte to the last answer.
async fn send_all(
    to: SocketAddr,
    connections: usize,
    calls: Vec<Vec<u8>>,
    wanted: &'static [u8],
) -> Duration {
    on_a_thread(move || async move {
        let streams = join_all((0..connections).map(|_| TcpStream::connect(to))).await;
        let calls = RefCell::new(calls.into_iter());
        let began = Instant::now();
        join_all(streams.into_iter().map(|stream| send_each(stream.expect("a connection"), &calls, wanted)))
            .await;
        began.elapsed()
    })
    .await
}

async fn send_each(mut stream: TcpStream, calls: &RefCell<std::vec::IntoIter<Vec<u8>>>, wanted: &[u8]) {
    stream.set_nodelay(true).expect("a socket option");
    let mut answer = Vec::with_capacity(256);
    loop {
        let next = calls.borrow_mut().next();
        let Some(call) = next else { return };
        stream.write_all(&call).await.expect("sent");
        answer.clear();
        // Each answer is short, and comes in one piece.
        stream.read_buf(&mut answer).await.expect("an answer");
        let found = answer.windows(wanted.len()).any(|part| part == wanted);
        assert!(found, "{}", String::from_utf8_lossy(&answer));
    }
}

/// Shows that the loop above is no slower a caller than redis-benchmark.
pub async fn beside_redis_benchmark(server: &RedisServer) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let set = |number: usize| {
            let mut set = Cmd::new();
            set.arg("SET").arg(format!("key:{number:012}")).arg([b'x'; VALUE_BYTES].as_slice());
            set.get_packed_command()
        };
        let took = send_all(server.address(), 64, (0..SETS).map(set).collect(), b"OK").await;
        #[allow(clippy::cast_precision_loss)] // thousands
        ours.push(SETS as f64 / took.as_secs_f64());
        let port = server.port();
        theirs.push(tokio::task::spawn_blocking(move || redis_benchmark(port)).await.expect("its thread"));
    }
    let (ours, theirs) = (median(&ours), median(&theirs));
    println!(
        "  SET of {VALUE_BYTES} bytes, 64 connections: this loop {ours:.0} /s, redis-benchmark {theirs:.0} /s, ratio {:.2}",
        ours / theirs
    );
}

fn redis_benchmark(port: u16) -> f64 {
    let (port, count, value) = (port.to_string(), SETS.to_string(), "x".repeat(VALUE_BYTES));
    let output = Command::new("redis-benchmark")
        .args(["-p", &port, "-c", "64", "-n", &count, "-r", "1000000", "--csv"])
        .args(["SET", "key:__rand_int__", &value])
        .output()
        .expect("redis-benchmark, of the Debian package redis-tools");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // "command","requests a second",…
    let figure = said.lines().last().and_then(|line| line.split('"').nth(3)?.parse().ok());
    figure.unwrap_or_else(|| panic!("redis-benchmark said {said:?}"))
}

//! How many round trips to Redis stand one behind the other in an accept: which they are is listened to, and how many is
//! measured, since what is listened to doesn't tell what was sent without waiting. Each chunk on the wire to Redis is held
//! back for so long that all else is small beside it.

use super::clients;
use super::order::{Orders, SWITCHES};
use super::recording::Recorded;
use super::report::{heading, median};
use super::service::{self, Service};
use std::time::{Duration, Instant};
use switchyard::redis_lab::{Client, Proxy, RedisServer};

/// On the way there, and on the way back.
const DELAY: Duration = Duration::from_millis(20);
/// Longer than a record of the inventory is cached.
const CACHE_ENDS: Duration = Duration::from_millis(1_200);
const WARM: usize = 15;
const COLD: usize = 5;

pub fn show(recorded: &Recorded) {
    heading("what an accept says to Redis, the inventory being cached");
    for words in &recorded.commands {
        let bytes: usize = words.iter().map(Vec::len).sum();
        println!(
            "  {:<8} {:>2} arguments, {bytes} bytes",
            String::from_utf8_lossy(&words[0]),
            words.len() - 1
        );
    }
}

/// By a service of its own, under keys of its own, so that the two don't share switches.
pub async fn measure(server: &RedisServer) {
    let proxy = Proxy::start(server.address()).expect("a proxy");
    let config = service::redis(&[server.url_by(proxy.address())], false) + "prefix = \"slow\"\n";
    let mut orders = Orders::new(SWITCHES + WARM + COLD);
    let service = Service::start(&config, orders.capacity()).await;
    clients::run_singly(service.address(), orders.take(SWITCHES)).await;
    proxy.slow(DELAY);
    let trip = one_trip(&proxy).await;
    let warm = clients::run_singly(service.address(), orders.take(WARM)).await;
    let mut cold = Vec::new();
    for _ in 0..COLD {
        tokio::time::sleep(CACHE_ENDS).await;
        cold.extend(clients::run_singly(service.address(), orders.take(1)).await);
    }
    proxy.heal().expect("it passes again");
    println!("  sequential round trips, at {trip:.0} ms each:");
    say("the inventory cached", &warm, trip);
    say("nothing cached", &cold, trip);
    service.stop().await;
}

fn say(when: &str, took: &[Duration], trip_ms: f64) {
    let took = median(&millis(took));
    let trips = (took / trip_ms).floor();
    let verdict = if trips <= 4.0 { "met" } else { "MISSED" };
    println!("    {when}: {trips} ({took:.0} ms), at most 4 wanted: {verdict}");
}

async fn one_trip(proxy: &Proxy) -> f64 {
    let address = proxy.address();
    let pings = move || {
        let mut client = Client::connect(address, Duration::from_secs(5)).expect("a connection");
        let ping = |_| {
            let began = Instant::now();
            client.command(&["PING"]).expect("a pong");
            began.elapsed()
        };
        (0..WARM).map(ping).collect::<Vec<_>>()
    };
    median(&millis(&tokio::task::spawn_blocking(pings).await.expect("its thread")))
}

fn millis(durations: &[Duration]) -> Vec<f64> {
    durations.iter().map(|duration| duration.as_secs_f64() * 1_000.0).collect()
}

//! The engine on real servers, each of the tests' own.

mod away;
mod contract;
mod login;
mod moving;
mod outbox;
mod pool;
mod repeats;
mod serving;

use super::{RedisStore, Settings};
use crate::redis_lab::{self, RedisServer};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

fn server() -> RedisServer {
    RedisServer::start(redis_lab::Settings::default()).expect("a server of its own")
}

/// Short waits, so that a failure shows itself soon.
fn settings(urls: Vec<String>) -> Settings {
    let urls = urls.into_iter().map(Into::into).collect();
    Settings { urls, command_ms: 500, longest_reconnect_ms: 100, ping_ms: 50, ..Settings::default() }
}

/// A store of its own: under a prefix that nobody else has.
async fn fresh(settings: Settings) -> RedisStore {
    static STORES: AtomicUsize = AtomicUsize::new(0);
    let prefix = format!("test{}", STORES.fetch_add(1, Ordering::Relaxed));
    open(Settings { prefix, ..settings }).await
}

async fn open(settings: Settings) -> RedisStore {
    RedisStore::open(settings, None).await.expect("the store opens")
}

/// Waits until `seen` is so.
async fn until(what: &str, seen: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !seen().await {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

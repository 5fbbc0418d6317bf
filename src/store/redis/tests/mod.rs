//! The engine on real servers, each of the tests' own.

mod contract;

use super::{RedisStore, Settings};
use crate::redis_lab::{self, RedisServer};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use switchyard_actors::ports::store::Store;

/// What a test talks to.
enum Servers {
    One(RedisServer),
}

impl Servers {
    fn one() -> Self {
        Self::One(RedisServer::start(redis_lab::Settings::default()).expect("a server of its own"))
    }

    fn settings(&self) -> Settings {
        match self {
            Self::One(server) => Settings { urls: vec![server.url()], ..Settings::default() },
        }
    }
}

/// A store of its own: under a prefix that nobody else has.
async fn fresh(settings: Settings) -> Arc<dyn Store> {
    static STORES: AtomicUsize = AtomicUsize::new(0);
    let prefix = format!("test{}", STORES.fetch_add(1, Ordering::Relaxed));
    let settings = Settings { prefix, ..settings };
    Arc::new(RedisStore::open(settings, None).await.expect("the store opens"))
}

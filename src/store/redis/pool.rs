//! Connections to one server: the first, which was judged and is watched over, and one of its own for each thread that asks.
//!
//! ```text
//!   thread ──asks──▶ no own connection yet: the first is used, and its own is being opened
//!          ──asks──▶ its own, from then on
//! ```
//!
//! What comes over a connection is read by the runtime that opened it. Over the first one, each request and each answer
//! passes the link's thread; over its own, a thread is woken by its answer and nobody else is.
//!
//! An own connection must lead to the very process that was judged: a name may lead to another one by now. And it must
//! never keep a request waiting: until it is there, and where it can't be had, the first does.

use futures_util::future::join_all;
use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, RedisError, from_redis_value};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::{Handle, Id};
use tokio::time::timeout;

/// Before a thread's own connection, which could not be opened, is tried again.
const OPEN_AGAIN: Duration = Duration::from_secs(1);

/// A thread's own connection.
enum Own {
    Opening,
    Open(MultiplexedConnection),
    /// Not while the first one lives.
    NotToBeHad,
}

/// The connections.
pub struct Pool {
    client: Client,
    config: AsyncConnectionConfig,
    first: MultiplexedConnection,
    /// The process at the other end of the first; `None` where it doesn't tell.
    server: Option<String>,
    own: Mutex<HashMap<Id, Own>>,
    most: usize,
}

impl Pool {
    /// Opens the first; there will be at most `most`.
    pub async fn open(
        client: Client,
        config: AsyncConnectionConfig,
        most: usize,
    ) -> Result<Self, RedisError> {
        let mut first = client.get_multiplexed_async_connection_with_config(&config).await?;
        let server = process_behind(&mut first).await?;
        Ok(Self { client, config, first, server, own: Mutex::default(), most })
    }

    /// The first.
    pub fn first(&self) -> MultiplexedConnection {
        self.first.clone()
    }

    /// The best one for whoever asks.
    pub fn for_this_thread(self: &Arc<Self>) -> MultiplexedConnection {
        let Ok(runtime) = Handle::try_current() else { return self.first() };
        let mut own = self.own();
        match own.get(&runtime.id()) {
            Some(Own::Open(connection)) => return connection.clone(),
            Some(Own::Opening | Own::NotToBeHad) => {}
            None if own.len() + 1 < self.most => {
                own.insert(runtime.id(), Own::Opening);
                runtime.spawn(Arc::clone(self).open_for(runtime.id()));
            }
            None => {}
        }
        self.first()
    }

    async fn open_for(self: Arc<Self>, runtime: Id) {
        match self.to_the_same_process().await {
            Ok(own) => drop(self.own().insert(runtime, own)),
            Err(_) => {
                tokio::time::sleep(OPEN_AGAIN).await;
                self.own().remove(&runtime);
            }
        }
    }

    async fn to_the_same_process(&self) -> Result<Own, RedisError> {
        let Some(server) = &self.server else { return Ok(Own::NotToBeHad) };
        let mut opened = self.client.get_multiplexed_async_connection_with_config(&self.config).await?;
        let is_same = process_behind(&mut opened).await?.as_ref() == Some(server);
        Ok(if is_same { Own::Open(opened) } else { Own::NotToBeHad })
    }

    /// Gives up the own connections that don't answer in time: a thread that still wants one opens another. One whose
    /// thread is busy, or has ended, is no sign against the server.
    pub async fn give_up_silent(&self, limit: Duration) {
        let open: Vec<_> =
            self.own().iter().filter_map(|(id, own)| own.opened().map(|it| (*id, it))).collect();
        let tried = open.into_iter().map(async |(id, mut connection)| {
            let pong = timeout(limit, connection.req_packed_command(&redis::cmd("PING"))).await;
            if !matches!(pong, Ok(Ok(_))) {
                self.own().remove(&id);
            }
        });
        join_all(tried).await;
    }

    fn own(&self) -> MutexGuard<'_, HashMap<Id, Own>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Own {
    fn opened(&self) -> Option<MultiplexedConnection> {
        match self {
            Self::Open(connection) => Some(connection.clone()),
            Self::Opening | Self::NotToBeHad => None,
        }
    }
}

/// A name that a server process gives itself at its start.
async fn process_behind(connection: &mut MultiplexedConnection) -> Result<Option<String>, RedisError> {
    let answer = connection.req_packed_command(redis::cmd("INFO").arg("server")).await?;
    // A user who may not ask gets no name.
    let text: Option<String> = answer.extract_error().ok().and_then(|text| from_redis_value(text).ok());
    let name = |text: String| text.lines().find_map(|line| line.strip_prefix("run_id:").map(str::to_owned));
    Ok(text.and_then(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis_lab::{RedisServer, Settings};
    use std::time::Instant;

    fn server() -> (RedisServer, Client) {
        let server = RedisServer::start(Settings::default()).expect("a server");
        let client = Client::open(server.url()).expect("a URL");
        (server, client)
    }

    #[tokio::test]
    async fn one_that_would_lead_to_another_process_than_was_judged_is_not_used() {
        let ((_judged, to_judged), (_other, to_other)) = (server(), server());
        let mut pool = Pool::open(to_judged, AsyncConnectionConfig::new(), 8).await.expect("the first");
        pool.client = to_other;
        let (pool, id) = (Arc::new(pool), Handle::current().id());
        let deadline = Instant::now() + Duration::from_secs(30);
        while !matches!(pool.own().get(&id), Some(Own::NotToBeHad)) {
            assert!(Instant::now() < deadline, "it was never found out");
            assert_eq!(process_behind(&mut pool.for_this_thread()).await, Ok(pool.server.clone()));
        }
        assert_eq!(process_behind(&mut pool.for_this_thread()).await, Ok(pool.server.clone()));
    }
}

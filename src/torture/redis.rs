//! The Redis of a run: one server behind a wire that can be cut, or a cluster of three. It strikes one blow after another, and
//! each blow ends with a server that can be reached again.

use super::blow::RedisBlow;
use super::config::StoreAt;
use super::options::Engine;
use crate::redis_lab::{LabError, Proxy, RedisCluster, RedisServer, Settings};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The command that carries commits.
const COMMIT: &str = "EVALSHA";

/// The servers.
#[derive(Debug)]
pub struct Redis {
    servers: Servers,
    one_at_a_time: Mutex<()>,
}

#[derive(Debug)]
enum Servers {
    One { server: RedisServer, wire: Proxy },
    Cluster(RedisCluster),
}

/// What struck.
#[derive(Debug, Clone, Copy)]
pub struct Struck {
    /// Under which name it is counted.
    pub what: &'static str,
    /// From when to when nobody can have got an answer.
    pub away: Option<(Instant, Instant)>,
}

impl Redis {
    /// Starts what the engine needs.
    ///
    /// # Errors
    /// As [`RedisServer::start`].
    pub fn start(engine: Engine) -> Result<Self, LabError> {
        let servers = match engine {
            Engine::Cluster => Servers::Cluster(RedisCluster::start(engine.nodes())?),
            Engine::Redis | Engine::Embedded => {
                let server = RedisServer::start(Settings::default())?;
                let wire = Proxy::start(server.address())?;
                Servers::One { server, wire }
            }
        };
        Ok(Self { servers, one_at_a_time: Mutex::default() })
    }

    /// Where the instances find it.
    pub fn place(&self) -> StoreAt {
        match &self.servers {
            Servers::One { server, wire } => {
                StoreAt::Redis { urls: vec![server.url_by(wire.address())], engine: Engine::Redis }
            }
            Servers::Cluster(cluster) => StoreAt::Redis { urls: cluster.urls(), engine: Engine::Cluster },
        }
    }

    /// Strikes, and returns when that is over. Blocks.
    ///
    /// # Errors
    /// When the lab can't, or the server isn't back in time.
    pub fn strike(&self, node: usize, blow: RedisBlow) -> Result<Option<Struck>, LabError> {
        let _alone = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.servers {
            Servers::One { server, wire } => strike_wire(server, wire, blow),
            Servers::Cluster(cluster) => strike_node(cluster, &cluster.nodes()[node], blow),
        }
    }

    /// How many answers were lost on the way.
    pub fn answers_lost(&self) -> u64 {
        match &self.servers {
            Servers::One { wire, .. } => wire.passed().answers_lost,
            Servers::Cluster(_) => 0,
        }
    }

    /// Everything passes again. Blocks until no blow is under way.
    ///
    /// # Errors
    /// When the wire's port is gone.
    pub fn heal(&self) -> Result<(), LabError> {
        let _alone = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.servers {
            Servers::One { wire, .. } => wire.heal(),
            Servers::Cluster(cluster) => cluster.wait_until_up(),
        }
    }
}

fn strike_wire(server: &RedisServer, wire: &Proxy, blow: RedisBlow) -> Result<Option<Struck>, LabError> {
    let struck = match blow {
        RedisBlow::Kill { down } => kill(server, down)?,
        RedisBlow::LoseAnswer => {
            // Counted by the wire, when it is lost.
            wire.lose_answer_to(COMMIT);
            return Ok(None);
        }
        RedisBlow::CutOff { lasting } => {
            wire.cut();
            Struck { what: "cut off", away: Some(wait(lasting)) }
        }
        RedisBlow::Hang { lasting } => {
            wire.stall();
            sleep(lasting);
            Struck { what: "hung", away: None }
        }
        RedisBlow::Slow { delay, lasting } => {
            wire.slow(delay);
            sleep(lasting);
            Struck { what: "slow", away: None }
        }
    };
    wire.heal().map(|()| Some(struck))
}

/// There is no wire to a cluster's nodes, which name themselves to the clients: a node that stands still stands for it. And
/// the others answer while one is away.
fn strike_node(
    cluster: &RedisCluster,
    node: &RedisServer,
    blow: RedisBlow,
) -> Result<Option<Struck>, LabError> {
    let what = match blow {
        RedisBlow::Kill { down } => kill(node, down)?.what,
        RedisBlow::CutOff { lasting } | RedisBlow::Hang { lasting } => {
            stand_still(node, lasting)?;
            "hung"
        }
        RedisBlow::Slow { delay, lasting } => {
            let times = lasting.as_millis() / (2 * delay.as_millis()).max(1);
            for _ in 0..times {
                stand_still(node, delay)?;
                sleep(delay);
            }
            "slow"
        }
        RedisBlow::LoseAnswer => return Ok(None),
    };
    cluster.wait_until_up().map(|()| Some(Struck { what, away: None }))
}

fn kill(server: &RedisServer, down: Duration) -> Result<Struck, LabError> {
    server.kill();
    let away = wait(down);
    server.restart().map(|()| Struck { what: "killed and restarted", away: Some(away) })
}

/// Lets so much time pass; from when to when.
fn wait(lasting: Duration) -> (Instant, Instant) {
    let from = Instant::now();
    sleep(lasting);
    (from, Instant::now())
}

fn stand_still(node: &RedisServer, lasting: Duration) -> Result<(), LabError> {
    node.pause()?;
    sleep(lasting);
    node.resume()
}

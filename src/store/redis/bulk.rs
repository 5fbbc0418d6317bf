//! Connections for moving a whole state: beside the link, to each primary by itself, and without asking whether the layout
//! may be served on.

use super::connect::{self, ConnectError};
use super::link::Connections;
use super::names::Names;
use super::settings::Settings;
use crate::store::backup::BackupError;
use futures_util::future::try_join_all;
use redis::aio::ConnectionLike;
use redis::cluster_routing::SingleNodeRoutingInfo;
use redis::{Cmd, FromRedisValue, Pipeline, RedisError, Value, from_redis_value};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;
use switchyard_actors::domain::text::Secret;
use tokio::time::timeout;

/// Keys that a server is asked to look at for one page of a scan.
const PAGE: usize = 200;

/// Commands that are under way at once: under `appendfsync always` a server syncs for every few kilobytes of them.
const AT_ONCE: usize = 100;

/// How much longer than a request of the service they may take all together.
const PATIENCE: u32 = 10;

impl From<ConnectError> for BackupError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Refused(why) => Self::Refused(why),
            ConnectError::Failed(why) => Self::Failed(why),
        }
    }
}

impl From<RedisError> for BackupError {
    fn from(error: RedisError) -> Self {
        Self::Failed(error.to_string())
    }
}

pub fn parsed<T: FromRedisValue>(value: Value) -> Result<T, BackupError> {
    from_redis_value(value).map_err(|error| BackupError::Failed(error.to_string()))
}

/// The primaries by their addresses, and the slots of each, as a cluster says them.
pub type Primaries = BTreeMap<String, String>;

pub struct Bulk {
    connections: Connections,
    limit: Duration,
}

impl Bulk {
    pub async fn connect(settings: &Settings, password: Option<&Secret>) -> Result<Self, BackupError> {
        let limit = Duration::from_millis(settings.connect_ms);
        let connections = within(limit, connect::judged(settings, password)).await?;
        Ok(Self { connections, limit: PATIENCE * Duration::from_millis(settings.command_ms) })
    }

    /// All of them. Refused while slots are on their way from one to another: a key could be seen twice, or by nobody.
    pub async fn primaries(&self) -> Result<Primaries, BackupError> {
        if matches!(self.connections, Connections::Single(_)) {
            return Ok(BTreeMap::from([("redis".to_owned(), String::new())]));
        }
        let nodes = redis::cmd("CLUSTER").arg("NODES").to_owned();
        let told = within(self.limit, connect::ask_primaries(&self.connections, &nodes)).await?;
        let mut primaries = BTreeMap::new();
        for (address, value) in told {
            let text: String = parsed(value.extract_error()?)?;
            primaries.insert(address, slots_of_this(&text)?);
        }
        Ok(primaries)
    }

    /// Runs a command where its key is.
    pub async fn run(&self, cmd: &Cmd) -> Result<Value, BackupError> {
        let answer = async {
            match &self.connections {
                Connections::Single(pool) => pool.first().req_packed_command(cmd).await?.extract_error(),
                Connections::Cluster(cluster) => {
                    cluster.clone().req_packed_command(cmd).await?.extract_error()
                }
            }
        };
        within(self.limit, answer).await
    }

    /// Runs commands, each where its key is, in no order.
    pub async fn run_each(&self, commands: &[Cmd]) -> Result<(), BackupError> {
        for some in commands.chunks(AT_ONCE) {
            self.run_together(some).await?;
        }
        Ok(())
    }

    async fn run_together(&self, commands: &[Cmd]) -> Result<(), BackupError> {
        match &self.connections {
            Connections::Single(_) => {
                let mut pipeline = redis::pipe();
                for cmd in commands {
                    pipeline.add_command(cmd.clone());
                }
                self.run_on("redis", &pipeline).await.map(drop)
            }
            Connections::Cluster(_) => try_join_all(commands.iter().map(|cmd| self.run(cmd))).await.map(drop),
        }
    }

    /// Runs commands on one primary.
    pub async fn run_on(&self, primary: &str, pipeline: &Pipeline) -> Result<Vec<Value>, BackupError> {
        let count = pipeline.cmd_iter().count();
        if count == 0 {
            return Ok(Vec::new());
        }
        let answers = async {
            match &self.connections {
                Connections::Single(pool) => pool.first().req_packed_commands(pipeline, 0, count).await,
                Connections::Cluster(cluster) => {
                    cluster.clone().route_pipeline(pipeline.clone(), 0, count, at(primary)).await
                }
            }
        };
        let answers = within(self.limit, answers).await?;
        Ok(answers.into_iter().map(Value::extract_error).collect::<Result<_, _>>()?)
    }

    /// Begins to look through what is under the prefix on one primary.
    pub fn scan<'b>(&'b self, primary: &'b str, names: &Names) -> Scan<'b> {
        Scan { bulk: self, primary, pattern: names.all(), cursor: Some(0), seen: HashSet::new() }
    }
}

async fn within<T, E>(limit: Duration, work: impl Future<Output = Result<T, E>>) -> Result<T, BackupError>
where
    BackupError: From<E>,
{
    let late = |_| BackupError::Failed(format!("redis gave no answer within {} ms", limit.as_millis()));
    Ok(timeout(limit, work).await.map_err(late)??)
}

fn at(primary: &str) -> SingleNodeRoutingInfo {
    let (host, port) = primary.rsplit_once(':').unwrap_or((primary, ""));
    SingleNodeRoutingInfo::ByAddress { host: host.to_owned(), port: port.parse().unwrap_or_default() }
}

/// Of a node's `CLUSTER NODES`, the slots in the line about itself: its last words.
fn slots_of_this(text: &str) -> Result<String, BackupError> {
    let mine = text.lines().find(|line| line.contains("myself"));
    let mine = mine.ok_or_else(|| BackupError::Failed("a node doesn't say what it has".into()))?;
    let slots: Vec<&str> = mine.split(' ').skip(8).collect();
    if slots.iter().any(|slot| slot.starts_with('[')) {
        let why = "the cluster is moving slots: wait until that is done, and try again";
        return Err(BackupError::Refused(why.into()));
    }
    Ok(slots.join(" "))
}

/// A look through the keys of one primary, page by page. What is there all the time is found, and found once.
pub struct Scan<'b> {
    bulk: &'b Bulk,
    primary: &'b str,
    pattern: String,
    cursor: Option<u64>,
    // A table that grows or shrinks meanwhile shows some keys twice.
    seen: HashSet<String>,
}

impl Scan<'_> {
    /// The next keys; `None` after the last.
    pub async fn next_page(&mut self) -> Result<Option<Vec<String>>, BackupError> {
        let Some(cursor) = self.cursor else { return Ok(None) };
        let mut one = redis::pipe();
        one.cmd("SCAN").arg(cursor).arg("MATCH").arg(&self.pattern).arg("COUNT").arg(PAGE);
        let answer = self.bulk.run_on(self.primary, &one).await?.pop().unwrap_or(Value::Nil);
        let (next, mut keys): (u64, Vec<String>) = parsed(answer)?;
        self.cursor = (next != 0).then_some(next);
        keys.retain(|key| self.seen.insert(key.clone()));
        Ok(Some(keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_moving_slots_is_told_from_one_that_is_not() {
        let line = |slots: &str| {
            format!(
                "07c3 127.0.0.1:30004@31004 slave e7d1 0 1 4 connected\ne7d1 127.0.0.1:30001@31001 myself,master - 0 0 1 connected {slots}\n"
            )
        };
        assert_eq!(slots_of_this(&line("0-5460 9000")), Ok("0-5460 9000".to_owned()));
        let refused = slots_of_this(&line("0-5460 [93-<-292f]")).expect_err("moving").to_string();
        assert!(refused.contains("moving slots"), "{refused}");
    }
}

//! The engine's limits, and what is asked of the server.

use serde::Deserialize;
use std::fmt;

/// What must survive a power cut of the server before a checkout is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Nothing: what Redis holds in memory may go with its process.
    Volatile,
    /// All but the last second: `appendonly yes`, `appendfsync everysec`.
    Everysec,
    /// Everything: `appendonly yes`, `appendfsync always`.
    Always,
}

/// Where a server is: `redis://host:port/db`, or `rediss://` for TLS. It may hold a login, so it is shown without what may
/// be one.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// All of it, for connecting.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for ServerUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

/// Everything up to the last `@` may be a login, however odd the URL is.
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((before, after)) = self.0.rsplit_once('@') else { return f.write_str(&self.0) };
        match before.split_once("://") {
            Some((scheme, _)) => write!(f, "{scheme}://…@{after}"),
            None => write!(f, "…@{after}"),
        }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// How the service talks to Redis.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where it is. Several for a cluster.
    pub urls: Vec<ServerUrl>,
    /// Whether it is a Redis Cluster.
    pub cluster: bool,
    /// The ACL user; empty for the default one.
    pub username: String,
    /// Where the password is, as `env:NAME` or `file:PATH`; empty for none.
    pub password: String,
    /// A file with the certificates that are trusted over TLS, as PEM; empty for those of the system.
    pub ca_file: String,
    /// What every key begins with.
    pub prefix: String,
    /// What is demanded of the server.
    pub durability: Durability,
    /// What the operator vouches for where the server hides its settings: `always`, `everysec` or `volatile`; empty
    /// for a server that shows them.
    pub stated_durability: String,
    /// Replicas that must have a durable commit before it is answered.
    pub wait_replicas: u32,
    /// Longest wait for an answer; then the connection is given up.
    pub command_ms: u64,
    /// Requests under way at once.
    pub max_in_flight: usize,
    /// Longest wait for a place among them.
    pub queue_wait_ms: u64,
    /// Connections of one instance to one server: each thread that asks has its own while there are no more; then they
    /// share the first. A cluster's nodes have one each.
    pub connections: usize,
    /// For connecting, to the end of the handshake.
    pub connect_ms: u64,
    /// First wait before connecting again; doubles, with jitter.
    pub first_reconnect_ms: u64,
    /// Longest such wait.
    pub longest_reconnect_ms: u64,
    /// How often an idle connection is tried.
    pub ping_ms: u64,
    /// How long a repeat of an applied commit is recognised by its id alone; after that by the versions that it wrote.
    pub applied_ms: u64,
    /// How long a record of the inventory is used without reading it again; a change is announced, and is in force
    /// everywhere after this time even when the announcement is lost.
    pub inventory_cache_ms: u64,
    /// How long `serve` waits for Redis at its start.
    pub start_wait_ms: u64,
    /// How often a cluster's outboxes are looked through for events that were left behind.
    pub outbox_sweep_ms: u64,
    /// How long an export or an import looks whether instances are at work: longer than they are silent.
    pub census_watch_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            urls: vec!["redis://127.0.0.1:6379".to_owned().into()],
            cluster: false,
            username: String::new(),
            password: String::new(),
            ca_file: String::new(),
            prefix: "sy".to_owned(),
            durability: Durability::Always,
            stated_durability: String::new(),
            wait_replicas: 0,
            command_ms: 2_000,
            max_in_flight: 4_096,
            queue_wait_ms: 500,
            connections: 64,
            connect_ms: 3_000,
            first_reconnect_ms: 50,
            longest_reconnect_ms: 2_000,
            ping_ms: 1_000,
            applied_ms: 900_000,
            inventory_cache_ms: 1_000,
            start_wait_ms: 30_000,
            outbox_sweep_ms: 1_000,
            census_watch_ms: 5_000,
        }
    }
}

impl Settings {
    /// What types can't say.
    ///
    /// # Errors
    /// With the key, the value seen, and what is accepted.
    pub fn check(&self) -> Result<(), String> {
        if self.urls.is_empty() {
            return Err("store.redis.urls is empty: one URL, or several of a cluster, are accepted".into());
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if self.prefix.is_empty() || !self.prefix.chars().all(plain) {
            return Err(format!("store.redis.prefix is {:?}: accepted are A-Z a-z 0-9 . _ -", self.prefix));
        }
        self.stated().map(|_| ())?;
        let at_least_one = [
            ("command_ms", self.command_ms),
            ("max_in_flight", self.max_in_flight as u64),
            ("connections", self.connections as u64),
            ("connect_ms", self.connect_ms),
            ("first_reconnect_ms", self.first_reconnect_ms),
            ("longest_reconnect_ms", self.longest_reconnect_ms),
            ("ping_ms", self.ping_ms),
            ("applied_ms", self.applied_ms),
            ("outbox_sweep_ms", self.outbox_sweep_ms),
            ("census_watch_ms", self.census_watch_ms),
        ];
        match at_least_one.iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => Err(format!("store.redis.{key} is 0: 1 or more is accepted")),
            None => Ok(()),
        }
    }

    /// What the operator vouches for.
    ///
    /// # Errors
    /// When it is none of the three.
    pub fn stated(&self) -> Result<Option<Durability>, String> {
        match self.stated_durability.as_str() {
            "" => Ok(None),
            "always" => Ok(Some(Durability::Always)),
            "everysec" => Ok(Some(Durability::Everysec)),
            "volatile" => Ok(Some(Durability::Volatile)),
            other => Err(format!(
                "store.redis.stated_durability is {other:?}: always, everysec, volatile or nothing is accepted"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_in_a_url_is_never_shown() {
        let shown = |url: &str| ServerUrl::from(url.to_owned()).to_string();
        assert_eq!(shown("redis://127.0.0.1:6379/1"), "redis://127.0.0.1:6379/1");
        for url in [
            "rediss://me:s3cret@db:1",
            "redis://:s3cret@db:1",
            "redis://me:s3c/s3cret@ret@db:1",
            "s3cret@db:1",
        ] {
            assert!(!shown(url).contains("s3cret") && shown(url).ends_with("…@db:1"), "{}", shown(url));
            let settings = Settings { urls: vec![url.to_owned().into()], ..Settings::default() };
            let debug = format!("{settings:?}");
            assert!(!debug.contains("s3cret") && debug.contains("…@db:1\""), "{debug}");
        }
    }
}

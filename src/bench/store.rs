//! The store of the service that is measured: a file, or a Redis server of its own; and what it was asked and holds.

use super::usage::Usage;
use crate::cli::BenchStore;
use crate::redis_lab::{RedisServer, Reply, Settings};
use std::path::{Path, PathBuf};

/// It is gone when dropped.
#[derive(Debug)]
pub enum Store {
    /// Made by the service.
    File(PathBuf),
    /// Synced before it answers.
    Redis(RedisServer),
}

/// At one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Commands that Redis has carried out so far, those within scripts as well.
    pub redis_commands: u64,
    /// The file's length, or what Redis has in memory.
    pub bytes: u64,
}

impl Store {
    /// Starts what has to be started.
    ///
    /// # Errors
    /// When there is no `redis-server`, or it can't be started.
    pub fn start(which: BenchStore, folder: &Path) -> anyhow::Result<Self> {
        Ok(match which {
            BenchStore::Embedded => Self::File(folder.join("switchyard.redb")),
            BenchStore::Redis => Self::Redis(RedisServer::start(Settings::default())?),
        })
    }

    /// Where Redis is.
    pub fn url(&self) -> Option<String> {
        match self {
            Self::File(_) => None,
            Self::Redis(server) => Some(server.url()),
        }
    }

    /// What Redis has used of the machine; a file uses nothing by itself.
    pub fn usage(&self) -> Usage {
        match self {
            Self::File(_) => Usage::default(),
            Self::Redis(server) => server.pid().map(Usage::of_process).unwrap_or_default(),
        }
    }

    /// What it was asked and holds.
    pub fn holdings(&self) -> Holdings {
        match self {
            Self::File(path) => {
                let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
                Holdings { redis_commands: 0, bytes }
            }
            Self::Redis(server) => match server.command(&["INFO"]) {
                Ok(Reply::Bulk(text)) => Holdings::parse(&String::from_utf8_lossy(&text)),
                _ => Holdings::default(),
            },
        }
    }
}

impl Holdings {
    fn parse(info: &str) -> Self {
        let number = |name: &str| {
            let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.and_then(|value| value.trim().parse().ok()).unwrap_or_default()
        };
        Self { redis_commands: number("total_commands_processed"), bytes: number("used_memory") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_holds_is_read_from_what_it_says_of_itself() {
        let info = "# Memory\r\nused_memory_rss:9\r\nused_memory:1048576\r\n# Stats\r\ntotal_commands_processed:42\r\n";
        assert_eq!(Holdings::parse(info), Holdings { redis_commands: 42, bytes: 1_048_576 });
    }

    #[test]
    fn a_server_that_was_asked_says_that_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::start(BenchStore::Redis, folder.path()).expect("a server");
        let (before, after) = (store.holdings(), store.holdings());
        assert!(after.redis_commands > before.redis_commands && after.bytes > 0, "{before:?} {after:?}");
    }
}

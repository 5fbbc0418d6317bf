//! Real Redis servers for tests, fault runs and benches: started in folders of their own on free ports, killed, paused, started
//! again, and gone when dropped.
//!
//! ```text
//!   RedisServer ── one process ── its folder: configuration, append-only file, log, and a socket for the lab alone
//!   RedisCluster ─ several of them, every slot shared out
//!   Proxy ──────── the wire to one of them, which can be cut
//! ```
//!
//! Nothing here knows what the service keeps in Redis. It must never wait for a time instead of a state, and never take
//! a server that is not its own for one that is: the lab speaks to a server by the socket in that server's folder.
//!
//! A missing `redis-server` is a failure, not a reason to leave a test out.

mod client;
mod cluster;
mod patience;
mod ports;
mod proxy;
mod server;
mod settings;
#[cfg(test)]
mod tests;
mod tls;

pub use client::{Client, Reply};
pub use cluster::RedisCluster;
pub use ports::Port;
pub use proxy::{Passed, Proxy};
pub use server::RedisServer;
pub use settings::{Account, AppendOnly, Encryption, Role, Settings};

/// Why the lab could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A program that it needs is not on this machine.
    #[error("{program} is not installed: install the Debian package {package}, as tests/run does")]
    NotInstalled {
        /// The program.
        program: &'static str,
        /// The package that has it.
        package: &'static str,
    },
    /// A program ended that should have gone on, or failed.
    #[error("{program} ended ({status}): {said}")]
    Ended {
        /// The program.
        program: &'static str,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it wrote last.
        said: String,
    },
    /// A state did not come in time.
    #[error("{awaited}: not within {} s; last seen: {seen}", patience.as_secs())]
    NeverSeen {
        /// The state.
        awaited: String,
        /// How long it was waited for.
        patience: std::time::Duration,
        /// What was there instead.
        seen: String,
    },
    /// A server said no.
    #[error("{command}: {said}")]
    Refused {
        /// What it was asked, without secrets.
        command: String,
        /// Its words.
        said: String,
    },
    /// Each port that was tried was taken.
    #[error("no port is free from {} to {}", ports::FIRST, ports::LAST)]
    NoPort,
    /// The machine failed.
    #[error("{doing}: {source}")]
    Io {
        /// At what.
        doing: &'static str,
        /// How.
        source: std::io::Error,
    },
}

impl LabError {
    /// Names what was being done when the machine failed.
    fn while_doing(doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

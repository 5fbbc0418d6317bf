//! How a server is set up, as lines of Redis's configuration.

use std::fmt;
use std::time::Duration;

/// What becomes of a write before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AppendOnly {
    /// No append-only file: a killed server has lost everything.
    Off,
    /// Written and synced: `appendfsync always`.
    #[default]
    SyncAlways,
    /// Written, and synced once a second.
    SyncEverySecond,
    /// Written, and synced when the kernel likes.
    SyncNever,
}

impl AppendOnly {
    fn configuration(self) -> [(&'static str, String); 2] {
        let (on, sync) = match self {
            Self::Off => ("no", "no"),
            Self::SyncAlways => ("yes", "always"),
            Self::SyncEverySecond => ("yes", "everysec"),
            Self::SyncNever => ("yes", "no"),
        };
        [("appendonly", on.to_owned()), ("appendfsync", sync.to_owned())]
    }
}

/// Who may speak to the server.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Account {
    /// Everybody.
    #[default]
    Open,
    /// Who knows the password: `requirepass`. Letters and digits.
    Password(String),
    /// This user, who may do everything, and nobody else. Letters and digits.
    User {
        /// The name.
        name: String,
        /// The password.
        password: String,
    },
}

impl Account {
    fn configuration(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Open => Vec::new(),
            Self::Password(password) => vec![("requirepass", password.clone())],
            Self::User { name, password } => {
                let user = format!("{name} on >{password} ~* &* +@all");
                vec![("user", user), ("user", "default off".to_owned())]
            }
        }
    }

    /// The command that logs in.
    pub(super) fn login(&self) -> Option<Vec<&str>> {
        match self {
            Self::Open => None,
            Self::Password(password) => Some(vec!["AUTH", password]),
            Self::User { name, password } => Some(vec!["AUTH", name, password]),
        }
    }

    /// What stands before the host.
    pub(super) fn in_url(&self) -> String {
        match self {
            Self::Open => String::new(),
            Self::Password(password) => format!(":{password}@"),
            Self::User { name, password } => format!("{name}:{password}@"),
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Password(_) => "Password",
            Self::User { .. } => "User",
        })
    }
}

/// Whether the port speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encryption {
    /// Plain TCP.
    #[default]
    Off,
    /// TLS alone, by the authority at [`RedisServer::authority`](super::RedisServer::authority).
    Tls,
}

/// Whether a server is a node of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// By itself.
    #[default]
    Single,
    /// A node that knows no other yet and has no slots.
    ClusterNode {
        /// After how long in silence the others hold it for dead.
        timeout: Duration,
    },
}

impl Role {
    fn configuration(self) -> Vec<(&'static str, String)> {
        match self {
            Self::Single => Vec::new(),
            Self::ClusterNode { timeout } => vec![
                ("cluster-enabled", "yes".to_owned()),
                ("cluster-announce-ip", "127.0.0.1".to_owned()),
                ("cluster-node-timeout", timeout.as_millis().to_string()),
            ],
        }
    }
}

/// How a server is set up. The default is the durable one: synced before it answers, nothing evicted, open.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The append-only file.
    pub append_only: AppendOnly,
    /// What it drops when its memory is full.
    pub maxmemory_policy: String,
    /// Who may speak to it.
    pub account: Account,
    /// TLS or not.
    pub encryption: Encryption,
    /// Node or not.
    pub role: Role,
    /// More lines of its configuration, as they are; they win over the others.
    pub extra: Vec<(String, String)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            append_only: AppendOnly::default(),
            maxmemory_policy: "noeviction".to_owned(),
            account: Account::default(),
            encryption: Encryption::default(),
            role: Role::default(),
            extra: Vec::new(),
        }
    }
}

impl Settings {
    /// Its lines of the configuration, but for the extra ones.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines =
            vec![("maxmemory-policy", self.maxmemory_policy.clone()), ("save", "\"\"".to_owned())];
        lines.extend(self.append_only.configuration());
        lines.extend(self.account.configuration());
        lines.extend(self.role.configuration());
        lines
    }
}

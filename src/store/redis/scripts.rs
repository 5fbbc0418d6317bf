//! The scripts: what they say, the digests under which the servers know them, and what one is given.

use redis::Cmd;

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    Commit,
    ClaimLease,
    ReleaseLease,
    Beat,
}

impl Script {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Commit, Self::ClaimLease, Self::ReleaseLease, Self::Beat];

    /// What it says.
    pub fn source(self) -> &'static str {
        match self {
            Self::Commit => include_str!("commit.lua"),
            Self::ClaimLease => include_str!("claim_lease.lua"),
            Self::ReleaseLease => include_str!("release_lease.lua"),
            Self::Beat => include_str!("beat.lua"),
        }
    }
}

/// Their digests, as the servers gave them, in the order of [`Script::ALL`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scripts(pub [String; Script::ALL.len()]);

impl Scripts {
    pub fn digest(&self, script: Script) -> &str {
        &self.0[script as usize]
    }
}

/// Keys and arguments of one call.
#[derive(Debug, Clone, Default)]
pub struct ScriptInput {
    pub keys: Vec<String>,
    pub args: Vec<Vec<u8>>,
}

impl ScriptInput {
    /// For a script of one key.
    pub fn of_one(key: String, args: &[&str]) -> Self {
        Self { keys: vec![key], args: args.iter().map(|arg| arg.as_bytes().to_vec()).collect() }
    }

    /// The command.
    pub fn call(&self, digest: &str) -> Cmd {
        let mut cmd = redis::cmd("EVALSHA");
        cmd.arg(digest).arg(self.keys.len());
        for key in &self.keys {
            cmd.arg(key);
        }
        for arg in &self.args {
            cmd.arg(arg);
        }
        cmd
    }
}

//! The scripts: what they say, the digests under which the servers know them, and what one is given.

use redis::Cmd;
use std::collections::HashMap;

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

/// Keys and arguments of one call. The arguments are one text with the places where each ends: a row has some 80 of them.
#[derive(Debug, Clone, Default)]
pub struct ScriptInput {
    keys: Vec<String>,
    places: HashMap<String, usize>,
    args: Vec<u8>,
    ends: Vec<usize>,
}

impl ScriptInput {
    /// For a script of one key.
    pub fn of_one(key: String, args: &[&str]) -> Self {
        let mut input = Self { keys: vec![key], ..Self::default() };
        args.iter().for_each(|arg| input.arg(arg.as_bytes()));
        input
    }

    /// The place of a key, from 1, which it is given when it has none.
    pub fn place_of(&mut self, key: String) -> usize {
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        self.keys.push(key.clone());
        self.places.insert(key, self.keys.len());
        self.keys.len()
    }

    /// Appends an argument.
    pub fn arg(&mut self, arg: &[u8]) {
        self.arg_by(|args| args.extend_from_slice(arg));
    }

    /// Appends an argument that is written behind the others.
    pub fn arg_by(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.args);
        self.ends.push(self.args.len());
    }

    /// The command.
    pub fn call(&self, digest: &str) -> Cmd {
        let bytes = self.keys.iter().map(String::len).sum::<usize>() + self.args.len() + HEAD_BYTES;
        let mut cmd = Cmd::with_capacity(self.keys.len() + self.ends.len() + HEAD_WORDS, bytes);
        cmd.arg("EVALSHA").arg(digest).arg(self.keys.len());
        for key in &self.keys {
            cmd.arg(key);
        }
        let mut from = 0;
        for end in &self.ends {
            cmd.arg(&self.args[from..*end]);
            from = *end;
        }
        cmd
    }
}

/// What stands before the keys: the command's name, a digest, and how many keys there are.
const HEAD_WORDS: usize = 3;
const HEAD_BYTES: usize = 64;

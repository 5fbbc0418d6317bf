//! The part of a platform file that says who holds a configuration lock: read from the refusal, and from a command where
//! the device has one that tells more.

use super::{Compiler, PlatformError};
use regex::Regex;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LockFile {
    #[serde(default)]
    command: Option<String>,
    holder: Vec<PartFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartFile {
    name: String,
    pattern: String,
}

/// How the holder of a lock is found out.
#[derive(Debug)]
pub struct Lock {
    /// Asked after a refusal.
    pub command: Option<String>,
    holder: Vec<(String, Regex)>,
}

impl Lock {
    /// Who holds it, in words, by the first of these texts that says so part by part; `None` when none does.
    #[must_use]
    pub fn holder(&self, texts: &[&str]) -> Option<String> {
        let found = |pattern: &Regex, text: &str| {
            pattern.captures(text).and_then(|groups| groups.get(1)).map(|part| part.as_str().to_owned())
        };
        let parts = self.holder.iter().filter_map(|(name, pattern)| {
            let part = texts.iter().find_map(|text| found(pattern, text))?;
            Some(format!("{name} {part:?}"))
        });
        let parts: Vec<_> = parts.collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

impl Compiler<'_> {
    pub(super) fn lock(&self, file: &LockFile) -> Result<Lock, PlatformError> {
        let holder = file
            .holder
            .iter()
            .map(|part| Ok((part.name.clone(), self.capture("lock.holder", &part.pattern)?)));
        Ok(Lock { command: file.command.clone(), holder: holder.collect::<Result<_, PlatformError>>()? })
    }
}

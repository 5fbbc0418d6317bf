//! The part of a platform file that says how a device tells who it is: one command for all of it.

use super::{Compiler, PlatformError};
use regex::Regex;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IdentityFile {
    command: String,
    is: String,
    #[serde(default)]
    serial: Option<String>,
    #[serde(default)]
    model: Option<String>,
}

/// How a device is asked, and what its answer says.
#[derive(Debug)]
pub struct Identity {
    /// The command.
    pub command: String,
    is: Regex,
    serial: Option<Regex>,
    model: Option<Regex>,
}

/// What a device says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// Its serial number.
    pub serial: Option<String>,
    /// Its model.
    pub model: Option<String>,
}

impl Identity {
    /// What an answer says; `None` when it isn't that of a device of this platform.
    #[must_use]
    pub fn read(&self, answer: &str) -> Option<Identified> {
        self.is.is_match(answer).then(|| Identified {
            serial: captured(self.serial.as_ref(), answer),
            model: captured(self.model.as_ref(), answer),
        })
    }

    /// Whether it tells a serial number.
    #[must_use]
    pub fn tells_serial(&self) -> bool {
        self.serial.is_some()
    }
}

fn captured(pattern: Option<&Regex>, text: &str) -> Option<String> {
    pattern?.captures(text)?.get(1).map(|group| group.as_str().to_owned())
}

#[cfg(test)]
mod tests;

impl Compiler<'_> {
    pub(super) fn identity(&self, file: &IdentityFile) -> Result<Identity, PlatformError> {
        let optional = |key: &str, pattern: &Option<String>| {
            pattern.as_ref().map(|pattern| self.capture(key, pattern)).transpose()
        };
        Ok(Identity {
            command: file.command.clone(),
            is: self.regex("identity.is", &file.is)?,
            serial: optional("identity.serial", &file.serial)?,
            model: optional("identity.model", &file.model)?,
        })
    }
}

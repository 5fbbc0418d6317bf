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

#[cfg(test)]
mod tests {
    use super::super::Platforms;

    /// As people, programs and those who share the candidate are told by Junos in public reports.
    #[test]
    fn a_holder_is_named_part_by_part_and_a_program_has_no_terminal() {
        let platforms = Platforms::load(None).expect("those that ship");
        let lock =
            platforms.get("juniper_junos").and_then(|platform| platform.lock.as_ref()).expect("it ships");
        let locked = "error: configuration database locked by:\n";
        let rest = "      exclusive [edit]\n";
        let table = [
            (
                format!(
                    "{locked}  netadmin terminal p0 (pid 4681) on since 2026-09-02 09:31:02 CST, idle 00:01:12\n{rest}"
                ),
                r#"user "netadmin", terminal "p0", process "4681", since "2026-09-02 09:31:02 CST", idle "00:01:12""#,
            ),
            (
                format!(
                    "{locked}  regress terminal  (pid 7527) on since 2018-08-27 01:35:08 PDT, idle 00:25:52\n{rest}"
                ),
                r#"user "regress", process "7527", since "2018-08-27 01:35:08 PDT", idle "00:25:52""#,
            ),
            (
                format!("{locked}  pyclass (pid 30316) on since 2019-03-08 18:30:51 PST\n{rest}"),
                r#"user "pyclass", process "30316", since "2019-03-08 18:30:51 PST""#,
            ),
        ];
        for (refusal, holder) in table {
            assert_eq!(lock.holder(&["", &refusal]).as_deref(), Some(holder), "{refusal}");
        }
        assert_eq!(lock.holder(&["", "error: configuration database modified\n"]), None);
    }
}

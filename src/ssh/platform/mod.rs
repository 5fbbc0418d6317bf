//! Platform definitions: how one kind of switch is spoken to, as data. A new vendor is a new file, and no Rust.
//!
//! A file is read, every pattern and template in it is compiled, and every template is rendered once, before anything is
//! connected to. What is wrong is named with the file and the key.

mod captured;
mod dead_man;
#[cfg(test)]
mod documented;
mod identity;
mod lines;
mod lock;
mod shell;

pub use dead_man::{Candidate, Committed, DeadMan, Look, NAME, Waiting};
pub use identity::{Identified, Identity};
pub use lines::{LineCount, Lines};
pub use lock::Lock;
pub use shell::{Comment, Question, Shell};

use self::dead_man::{CandidateFile, DeadManFile};
use super::judge::{Judgement, OutputPatterns};
use super::scanner::Answer;
use super::template::Templates;
use captured::{Captured, Conditions, PatternsFile};
use identity::IdentityFile;
use lines::LinesFile;
use lock::LockFile;
use regex::Regex;
use serde::Deserialize;
use shell::{QuestionFile, ShellFile};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use switchyard_actors::domain::config::{PortConfig, VlanId};
use switchyard_actors::domain::failure::FailureClass;
use switchyard_actors::domain::ids::PortName;
use switchyard_actors::domain::text::MacAddress;
use switchyard_actors::ports::driver::Intent;

/// The files that ship.
const BUILT_IN: &[(&str, &str)] = &[
    ("cisco_ios", include_str!("../../../config/platforms/cisco_ios.toml")),
    ("arista_eos", include_str!("../../../config/platforms/arista_eos.toml")),
    ("aruba_aoscx", include_str!("../../../config/platforms/aruba_aoscx.toml")),
    ("juniper_junos", include_str!("../../../config/platforms/juniper_junos.toml")),
    ("mikrotik_routeros", include_str!("../../../config/platforms/mikrotik_routeros.toml")),
    ("openvswitch", include_str!("../../../config/platforms/openvswitch.toml")),
    ("dell_powerconnect", include_str!("../../../config/platforms/dell_powerconnect.toml")),
    ("aruba_aoss", include_str!("../../../config/platforms/aruba_aoss.toml")),
    ("ubiquiti_edgeswitch", include_str!("../../../config/platforms/ubiquiti_edgeswitch.toml")),
];

/// How commands travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// An interactive shell with prompts.
    Shell,
    /// One exec channel a command, with its exit status.
    Exec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    transport: Transport,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    shell: Option<ShellFile>,
    output: OutputFile,
    read: ReadFile,
    provision: BlockFile,
    restore: BlockFile,
    #[serde(default)]
    save: Option<SaveFile>,
    #[serde(default)]
    candidate: Option<CandidateFile>,
    #[serde(default)]
    dead_man: Option<DeadManFile>,
    #[serde(default)]
    identity: Option<IdentityFile>,
    #[serde(default)]
    lines: Option<LinesFile>,
    #[serde(default)]
    lock: Option<LockFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputFile {
    #[serde(default)]
    bad: Vec<BadFile>,
    #[serde(default)]
    good: Vec<String>,
    #[serde(default)]
    noise: Vec<String>,
    #[serde(default)]
    log: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BadFile {
    pattern: String,
    class: FailureClass,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadFile {
    commands: Vec<String>,
    #[serde(default)]
    must_match: Vec<String>,
    enabled_if: Option<String>,
    disabled_if: Option<String>,
    access_vlan: PatternsFile,
    down_kbps: PatternsFile,
    up_kbps: PatternsFile,
    #[serde(default = "one")]
    down_divisor: u64,
    #[serde(default = "one")]
    up_divisor: u64,
    mac: PatternsFile,
    #[serde(default)]
    mac_enforced_if: Option<PatternsFile>,
    #[serde(default)]
    extra: BTreeMap<String, String>,
}

fn one() -> u64 {
    1
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockFile {
    lines: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SaveFile {
    command: String,
    #[serde(default)]
    questions: Vec<QuestionFile>,
    #[serde(default)]
    check: Option<String>,
    saved_if: String,
}

/// How the running configuration is saved.
#[derive(Debug)]
pub struct Save {
    /// The command.
    pub command: String,
    /// Questions that it may ask, and their answers.
    pub questions: Vec<Question>,
    /// Sent afterwards, where the save itself says nothing.
    pub check: Option<String>,
    /// What the output must have: that of the check, if there is one.
    pub saved_if: Regex,
}

#[derive(Debug)]
struct Read {
    commands: usize,
    must_match: Vec<Regex>,
    enabled_if: Option<Regex>,
    disabled_if: Option<Regex>,
    access_vlan: Captured,
    down_kbps: (Captured, u64),
    up_kbps: (Captured, u64),
    mac: Captured,
    mac_enforced_if: Option<Conditions>,
    extra: BTreeMap<String, Regex>,
}

/// One kind of switch.
#[derive(Debug)]
pub struct Platform {
    /// Its name, as the inventory has it.
    pub name: String,
    /// How commands travel.
    pub transport: Transport,
    /// For `transport = "shell"`.
    pub shell: Option<Shell>,
    /// What answers mean.
    pub output: OutputPatterns,
    /// How to save; `None` where every change is persistent, or none can be.
    pub save: Option<Save>,
    /// Where lines edit a copy that a commit makes run.
    pub candidate: Option<Candidate>,
    /// Where the device takes back what isn't confirmed.
    pub dead_man: Option<DeadMan>,
    /// How it tells who it is; `None` where no document says.
    pub identity: Option<Identity>,
    /// How its terminal lines are counted; `None` where they need not, or can't be.
    pub lines: Option<Lines>,
    /// How the holder of a configuration lock is found out; `None` where there is no lock.
    pub lock: Option<Lock>,
    read: Read,
    variables: BTreeMap<String, String>,
    templates: Templates,
}

/// A platform file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// It can't be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("{file}: {key}: {why}")]
    Faulty {
        /// Which file.
        file: String,
        /// Where in it.
        key: String,
        /// What.
        why: String,
    },
}

/// All platforms that are known; read and compiled once, and shared.
#[derive(Debug, Clone)]
pub struct Platforms(Arc<BTreeMap<String, Platform>>);

impl Platforms {
    /// Those that ship, and those in `folder`, which go before one of the same name.
    ///
    /// # Errors
    /// [`PlatformError`].
    pub fn load(folder: Option<&Path>) -> Result<Self, PlatformError> {
        let mut platforms = BTreeMap::new();
        for (name, text) in BUILT_IN {
            platforms.insert((*name).to_owned(), Platform::parse(&format!("{name}.toml (built in)"), text)?);
        }
        for path in files_in(folder)? {
            let unreadable = |error| PlatformError::Unreadable { path: path.clone(), error };
            let text = std::fs::read_to_string(&path).map_err(unreadable)?;
            let platform = Platform::parse(&path.display().to_string(), &text)?;
            platforms.insert(platform.name.clone(), platform);
        }
        Ok(Self(Arc::new(platforms)))
    }

    /// The same, with everything that is wrong instead of the first of it.
    #[must_use]
    pub fn check(folder: Option<&Path>) -> (Self, Vec<PlatformError>) {
        let (mut platforms, mut faults) = (BTreeMap::new(), Vec::new());
        let mut take = |parsed: Result<Platform, PlatformError>| match parsed {
            Ok(platform) => drop(platforms.insert(platform.name.clone(), platform)),
            Err(fault) => faults.push(fault),
        };
        BUILT_IN
            .iter()
            .for_each(|(name, text)| take(Platform::parse(&format!("{name}.toml (built in)"), text)));
        let files = files_in(folder).unwrap_or_else(|fault| {
            take(Err(fault));
            Vec::new()
        });
        for path in files {
            take(match std::fs::read_to_string(&path) {
                Ok(text) => Platform::parse(&path.display().to_string(), &text),
                Err(error) => Err(PlatformError::Unreadable { path, error }),
            });
        }
        (Self(Arc::new(platforms)), faults)
    }

    /// One by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Platform> {
        self.0.get(name)
    }

    /// All names.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

/// However the device groups its digits.
fn mac_of(text: &str) -> Option<MacAddress> {
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    MacAddress::parse(&digits).ok()
}

fn files_in(folder: Option<&Path>) -> Result<Vec<PathBuf>, PlatformError> {
    let Some(folder) = folder else { return Ok(Vec::new()) };
    let unreadable = |error| PlatformError::Unreadable { path: folder.into(), error };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Compiles patterns, remembering which file and key they came from.
struct Compiler<'a> {
    file: &'a str,
}

impl Compiler<'_> {
    fn faulty(&self, key: &str, why: impl ToString) -> PlatformError {
        PlatformError::Faulty { file: self.file.into(), key: key.into(), why: why.to_string() }
    }

    /// Multi-line: `^` and `$` are the ends of a line.
    fn regex(&self, key: &str, pattern: &str) -> Result<Regex, PlatformError> {
        let built = regex::RegexBuilder::new(pattern).multi_line(true).build();
        built.map_err(|error| self.faulty(key, error))
    }

    fn capture(&self, key: &str, pattern: &str) -> Result<Regex, PlatformError> {
        let regex = self.regex(key, pattern)?;
        if regex.captures_len() == 2 {
            return Ok(regex);
        }
        Err(self.faulty(key, format!("{pattern:?} must have exactly one group, which captures the value")))
    }

    fn output(&self, file: &OutputFile) -> Result<OutputPatterns, PlatformError> {
        let list = |key: &str, patterns: &[String]| {
            patterns.iter().map(|pattern| self.regex(key, pattern)).collect::<Result<Vec<_>, _>>()
        };
        let bad = file.bad.iter().map(|bad| Ok((self.regex("output.bad", &bad.pattern)?, bad.class)));
        Ok(OutputPatterns {
            bad: bad.collect::<Result<_, PlatformError>>()?,
            good: list("output.good", &file.good)?,
            noise: list("output.noise", &file.noise)?,
            log: list("output.log", &file.log)?,
        })
    }

    fn read(&self, file: &ReadFile) -> Result<Read, PlatformError> {
        let optional = |key: &str, pattern: &Option<String>| {
            pattern.as_ref().map(|pattern| self.regex(key, pattern)).transpose()
        };
        if file.enabled_if.is_some() == file.disabled_if.is_some() {
            return Err(self.faulty("read", "exactly one of enabled_if and disabled_if is accepted"));
        }
        if !file.must_match.is_empty() && file.must_match.len() != file.commands.len() {
            let (patterns, commands) = (file.must_match.len(), file.commands.len());
            let why =
                format!("{patterns} patterns for {commands} commands: one for each, or none, is accepted");
            return Err(self.faulty("read.must_match", why));
        }
        let enforced = file.mac_enforced_if.as_ref();
        let enforced = enforced.map(|patterns| self.conditions("read.mac_enforced_if", patterns));
        let must_match = file.must_match.iter().map(|pattern| self.regex("read.must_match", pattern));
        let extra = file
            .extra
            .iter()
            .map(|(name, pattern)| Ok((name.clone(), self.capture(&format!("read.extra.{name}"), pattern)?)));
        Ok(Read {
            commands: file.commands.len(),
            must_match: must_match.collect::<Result<_, PlatformError>>()?,
            enabled_if: optional("read.enabled_if", &file.enabled_if)?,
            disabled_if: optional("read.disabled_if", &file.disabled_if)?,
            access_vlan: self.captured("read.access_vlan", &file.access_vlan)?,
            down_kbps: (self.captured("read.down_kbps", &file.down_kbps)?, file.down_divisor),
            up_kbps: (self.captured("read.up_kbps", &file.up_kbps)?, file.up_divisor),
            mac: self.captured("read.mac", &file.mac)?,
            mac_enforced_if: enforced.transpose()?,
            extra: extra.collect::<Result<_, PlatformError>>()?,
        })
    }

    fn save(&self, file: &SaveFile) -> Result<Save, PlatformError> {
        let questions = file.questions.iter().map(|question| self.question("save.questions", question));
        Ok(Save {
            command: file.command.clone(),
            questions: questions.collect::<Result<_, PlatformError>>()?,
            check: file.check.clone(),
            saved_if: self.regex("save.saved_if", &file.saved_if)?,
        })
    }
}

impl Platform {
    /// Reads and checks a file's text.
    ///
    /// # Errors
    /// [`PlatformError::Faulty`].
    pub fn parse(file_name: &str, text: &str) -> Result<Self, PlatformError> {
        let compiler = Compiler { file: file_name };
        let file: File = toml::from_str(text).map_err(|error| compiler.faulty("TOML", error))?;
        if (file.transport == Transport::Shell) != file.shell.is_some() {
            return Err(compiler
                .faulty("transport", "\"shell\" needs a [shell] table, and \"exec\" must not have one"));
        }
        let mut templates = Templates::default();
        for (number, command) in file.read.commands.iter().enumerate() {
            let key = format!("read.{number}");
            templates.add(&key, command).map_err(|why| compiler.faulty("read.commands", why))?;
        }
        for (key, block) in [("provision", &file.provision), ("restore", &file.restore)] {
            templates.add(key, &block.lines).map_err(|why| compiler.faulty(&format!("{key}.lines"), why))?;
        }
        let has_candidate = file.candidate.is_some();
        if file.transport == Transport::Exec && (has_candidate || file.dead_man.is_some()) {
            return Err(compiler.faulty("transport", "\"exec\" can have neither [candidate] nor [dead_man]"));
        }
        let candidate = file.candidate.as_ref().map(|file| compiler.candidate(file)).transpose()?;
        let dead_man =
            file.dead_man.as_ref().map(|file| compiler.dead_man(file, has_candidate)).transpose()?;
        let platform = Self {
            name: file.name,
            candidate,
            dead_man,
            transport: file.transport,
            shell: file.shell.as_ref().map(|shell| compiler.shell(shell)).transpose()?,
            output: compiler.output(&file.output)?,
            save: file.save.as_ref().map(|save| compiler.save(save)).transpose()?,
            identity: file.identity.as_ref().map(|identity| compiler.identity(identity)).transpose()?,
            lines: file.lines.as_ref().map(|lines| compiler.lines_table(lines)).transpose()?,
            lock: file.lock.as_ref().map(|lock| compiler.lock(lock)).transpose()?,
            read: compiler.read(&file.read)?,
            variables: file.variables,
            templates,
        };
        platform.try_templates().map_err(|(key, why)| compiler.faulty(&key, why))?;
        Ok(platform)
    }

    /// Renders every template with samples, so that a misspelt name is found now and not on a customer's port.
    fn try_templates(&self) -> Result<(), (String, String)> {
        let port = PortName::parse("1/0/7").expect("a port's name");
        let full = PortConfig {
            enabled: true,
            access_vlan: VlanId::try_from(142).ok(),
            down_kbps: Some(100_000),
            up_kbps: Some(20_000),
            mac: MacAddress::parse("02:00:00:00:00:01").ok(),
            extra: self.read.extra.keys().map(|name| (name.clone(), "sample".to_owned())).collect(),
        };
        let bare = PortConfig::default();
        self.read_commands(&port).map_err(|why| ("read.commands".to_owned(), why))?;
        for (intent, key) in [(Intent::Provision, "provision.lines"), (Intent::Restore, "restore.lines")] {
            for (want, before) in [(&full, &bare), (&bare, &full), (&full, &full)] {
                self.lines(intent, &port, want, before).map_err(|why| (key.to_owned(), why))?;
            }
        }
        Ok(())
    }

    /// The commands that read a port.
    ///
    /// # Errors
    /// What the template engine says.
    pub fn read_commands(&self, port: &PortName) -> Result<Vec<String>, String> {
        (0..self.read.commands)
            .map(|number| self.templates.line(&format!("read.{number}"), port, &self.variables))
            .collect()
    }

    /// Judges the answer to a configuration line. Of one that isn't surely whole, and about this line, not even a refusal counts.
    #[must_use]
    pub fn judge(&self, answer: &Answer) -> Judgement {
        if answer.is_whole {
            return self.output.judge(&answer.text);
        }
        Judgement::Unclear(answer.text.lines().map(str::to_owned).collect())
    }

    /// Whether this can be all of the answer to a read command: what it must have is there, or it says no. A part that is
    /// missing would be taken for a port on which nothing is set.
    #[must_use]
    pub fn is_whole(&self, command: usize, answer: &Answer) -> bool {
        let text = self.output.without_logs(&answer.text);
        let must_match = self.read.must_match.get(command);
        let has_all = must_match.is_none_or(|pattern| pattern.is_match(&text));
        answer.is_whole && (has_all || self.output.refusal(&text).is_some())
    }

    /// The lines that bring a port from `before` to `want`.
    ///
    /// # Errors
    /// What the template engine says.
    pub fn lines(
        &self,
        intent: Intent,
        port: &PortName,
        want: &PortConfig,
        before: &PortConfig,
    ) -> Result<Vec<String>, String> {
        let key = match intent {
            Intent::Provision => "provision",
            Intent::Restore => "restore",
        };
        self.templates.block(key, port, want, before, &self.variables)
    }

    /// What the answers to the read commands say of the port.
    #[must_use]
    pub fn port_config(&self, output: &str) -> PortConfig {
        let captured = |pattern: &Regex| {
            pattern.captures(output).and_then(|groups| groups.get(1)).map(|group| group.as_str().to_owned())
        };
        let speed = |(places, divisor): &(Captured, u64)| {
            let value = places.value(output, |text| text.parse::<u64>().ok());
            value.filter(|value| *value > 0).map(|value| value / divisor)
        };
        let matches =
            |pattern: &Option<Regex>| pattern.as_ref().is_some_and(|pattern| pattern.is_match(output));
        let extra =
            self.read.extra.iter().filter_map(|(name, pattern)| Some((name.clone(), captured(pattern)?)));
        // An address that is listed and not enforced keeps nobody out.
        let bound = self.read.mac_enforced_if.as_ref().is_none_or(|conditions| conditions.hold(output));
        PortConfig {
            enabled: if self.read.enabled_if.is_some() {
                matches(&self.read.enabled_if)
            } else {
                !matches(&self.read.disabled_if)
            },
            access_vlan: self
                .read
                .access_vlan
                .value(output, |text| VlanId::try_from(text.parse::<u16>().ok()?).ok()),
            down_kbps: speed(&self.read.down_kbps),
            up_kbps: speed(&self.read.up_kbps),
            mac: self.read.mac.value(output, mac_of).filter(|_| bound),
            extra: extra.collect(),
        }
    }
}

//! The switch driver: sessions over SSH, and the platform files that say how each kind of switch is spoken to.
//!
//! It decides how a failure is classed and what an answer means; what is to be done about either, the graph decides. It
//! never accepts a host key that nobody vouched for, never lets a secret into an error or a transcript, and never takes
//! silence, or words that it doesn't know, for success.

mod algorithms;
mod answer;
mod candidate;
mod connection;
mod dead_man;
mod ending;
mod exec;
mod host_key;
mod identification;
mod introduction;
mod judge;
mod lane;
mod login;
mod platform;
mod reading;
pub mod replay;
mod save;
pub mod scanner;
mod secret;
mod sending;
mod session;
mod shell;
mod stream;
mod template;
mod terminal;
#[cfg(test)]
mod tests;
mod transcript;

pub use host_key::fingerprint;
pub use platform::{Comment, Platform, PlatformError, Platforms, Question, Shell, Transport};

use async_trait::async_trait;
use connection::{Connection, CutUnlessDone, HostKeyCheck, connect};
use dead_man::Standing;
use lane::Lane;
use russh::Channel;
use russh::client::{Handle, Msg};
use serde::Deserialize;
use session::{Session, Wire};
use shell::{Dialog, Limits};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use switchyard_actors::domain::failure::{DriverFailure, FailureClass};
use switchyard_actors::domain::inventory::Switch;
use switchyard_actors::ports::driver::{SwitchDriver, SwitchSession};
use switchyard_actors::ports::guard::SessionGuard;
use tokio::time::timeout;
use transcript::Transcript;

/// Limits of a session.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The address to dial from; `None` leaves it to the system.
    #[serde(deserialize_with = "address_or_none")]
    pub source_address: Option<IpAddr>,
    /// For the TCP connection.
    pub connect_ms: u64,
    /// From there to the end of the key exchange.
    pub key_exchange_ms: u64,
    /// For the login.
    pub authentication_ms: u64,
    /// For the opening of a shell on the connection.
    pub channel_ms: u64,
    /// For one command, from its line to the next prompt.
    pub command_ms: u64,
    /// Of silence behind a prompt that nothing vouches for, before the switch is asked for it once more.
    pub settle_ms: u64,
    /// For saving the configuration.
    pub save_ms: u64,
    /// For a commit of a candidate configuration, and for its confirmation.
    pub commit_ms: u64,
    /// In minutes, 1 to 59: how long a device waits for a confirmation before it takes a change back, where it can.
    pub dead_man_minutes: u64,
    /// For the answer of a kept session.
    pub probe_ms: u64,
    /// For taking leave.
    pub close_ms: u64,
    /// Between keepalives.
    pub keepalive_ms: u64,
    /// Without any traffic, after which a session is given up; more than four keepalives.
    pub inactivity_ms: u64,
    /// The receive window: switches want a small one.
    pub window_bytes: u32,
    /// The most output of one command that is kept.
    pub output_limit_bytes: usize,
    /// The most ports that are read in one go, where lines may be typed ahead of the answers to those before them.
    pub read_ahead_ports: usize,
    /// The most of a session's dialog that is kept.
    pub transcript_limit_bytes: usize,
    /// A known-hosts file for switches without a pinned key; empty is none.
    #[serde(deserialize_with = "path_or_none")]
    pub known_hosts: Option<PathBuf>,
    /// Whether a switch's first host key is trusted when nobody knows one, and put on record.
    pub trust_on_first_use: bool,
    /// Threads for connections to switches that may exchange keys by old algorithms.
    pub legacy_threads: usize,
    /// What their handshakes may use of all cores, in percent.
    pub legacy_cpu_percent: u32,
    /// CPU time that such handshakes may use at once after a quiet time.
    pub legacy_burst_ms: u64,
    /// How much less urgent those threads are than the others: from 0 to 19, as `nice` counts.
    pub legacy_nice: i32,
    /// Terminal lines of a switch that are left for people; 0 leaves none, and doesn't ask.
    pub spare_vty_lines: usize,
    /// A folder with platform files of the operator's own; empty is none.
    #[serde(deserialize_with = "path_or_none")]
    pub platforms: Option<PathBuf>,
}

impl Settings {
    /// What types can't say.
    ///
    /// # Errors
    /// The key, the value seen, and what is accepted.
    pub fn check(&self) -> Result<(), String> {
        let ranges = [
            ("legacy_threads", self.legacy_threads as u64, 1, 64),
            ("legacy_cpu_percent", u64::from(self.legacy_cpu_percent), 1, 100),
            ("legacy_burst_ms", self.legacy_burst_ms, 1, 10_000),
            ("legacy_nice", u64::try_from(self.legacy_nice).unwrap_or(u64::MAX), 0, 19),
        ];
        let wrong = ranges.iter().find(|(_, value, least, most)| !(least..=most).contains(&value));
        match wrong {
            Some(("legacy_nice", _, least, most)) => {
                Err(format!("ssh.legacy_nice is {}: from {least} to {most} is accepted", self.legacy_nice))
            }
            Some((key, value, least, most)) => {
                Err(format!("ssh.{key} is {value}: from {least} to {most} is accepted"))
            }
            None => Ok(()),
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            command: Duration::from_millis(self.command_ms),
            settle: Duration::from_millis(self.settle_ms),
            output_bytes: self.output_limit_bytes,
        }
    }
}

/// TOML has no null: an empty text stands for "none".
fn path_or_none<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    Ok((!path.as_os_str().is_empty()).then_some(path))
}

fn address_or_none<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<IpAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        serde::de::Error::invalid_value(serde::de::Unexpected::Str(&text), &"an IP address, or \"\"")
    })
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            source_address: None,
            connect_ms: 5_000,
            key_exchange_ms: 15_000,
            authentication_ms: 15_000,
            channel_ms: 5_000,
            command_ms: 15_000,
            settle_ms: 300,
            save_ms: 60_000,
            commit_ms: 90_000,
            dead_man_minutes: 10,
            probe_ms: 2_000,
            close_ms: 2_000,
            keepalive_ms: 20_000,
            inactivity_ms: 100_000,
            window_bytes: 131_072,
            output_limit_bytes: 1_048_576,
            read_ahead_ports: 8,
            transcript_limit_bytes: 16_384,
            known_hosts: None,
            trust_on_first_use: false,
            legacy_threads: 1,
            legacy_cpu_percent: 25,
            legacy_burst_ms: 100,
            legacy_nice: 19,
            spare_vty_lines: 1,
            platforms: None,
        }
    }
}

/// The driver.
pub struct Driver {
    settings: Settings,
    platforms: Platforms,
    /// Begun with the first switch that needs it.
    lane: OnceLock<Arc<Lane>>,
}

impl Driver {
    /// With these limits and these platforms.
    #[must_use]
    pub fn new(settings: Settings, platforms: Platforms) -> Self {
        Self { settings, platforms, lane: OnceLock::new() }
    }

    fn lane(&self) -> &Arc<Lane> {
        self.lane.get_or_init(|| Arc::new(Lane::start(&self.settings)))
    }

    async fn connect(&self, switch: &Switch, guard: &SessionGuard) -> Result<Connection, DriverFailure> {
        if !lane::is_for(switch) {
            return connect(&self.settings, switch, guard).await;
        }
        // Made and not yet handed over, it is nobody's.
        let cut = CutUnlessDone::new(guard);
        let (settings, switch, guard) = (self.settings.clone(), switch.clone(), guard.clone());
        let connected = self.lane().run(async move { connect(&settings, &switch, &guard).await }).await;
        cut.done();
        connected.map(|connection| Connection { lane: Some(Arc::clone(self.lane())), ..connection })
    }

    /// From a connection to a session that stands ready, on a device that is who the inventory says; or what was said in vain.
    async fn set_up(
        &self,
        switch: &Switch,
        connection: Connection,
        guard: &SessionGuard,
    ) -> Result<Session, (DriverFailure, String)> {
        let mut transcript =
            Transcript::new(self.settings.transcript_limit_bytes, connection.secrets.clone());
        transcript.remark(&format!("{} at {}:{}", switch.id, switch.host, switch.ssh_port));
        let wire = match self.begin(switch, &connection, &mut transcript).await {
            Ok(wire) => wire,
            Err(failure) => return Err((failure, transcript.take())),
        };
        let mut session = Session {
            settings: self.settings.clone(),
            platforms: self.platforms.clone(),
            platform: switch.platform.clone(),
            handle: connection.handle,
            wire,
            transcript,
            ahead: reading::Ahead::default(),
            guard: guard.clone(),
            first_seen_host_key: connection.first_seen_host_key,
            said: Vec::new(),
            standing: Standing::Unknown,
            _lane: connection.lane,
        };
        match session.introduce(switch).await {
            Ok(()) => Ok(session),
            Err(failure) => Err((failure, session.take_transcript())),
        }
    }

    /// To the first prompt, privileged, and past the opening commands; without a shell there is nothing to begin.
    async fn begin(
        &self,
        switch: &Switch,
        connection: &Connection,
        transcript: &mut Transcript,
    ) -> Result<Wire, DriverFailure> {
        let platform = self.platforms.get(&switch.platform).expect("looked up before the connection");
        let Some(shell) = &platform.shell else { return Ok(Wire::Exec) };
        let channel = self.open_shell(&connection.handle, switch).await?;
        let mut dialog = Dialog::begin(channel, platform, shell, self.settings.limits(), transcript).await?;
        check_host_name(switch, shell, dialog.prompt())?;
        if !shell.privileged_prompt.is_match(dialog.prompt()) {
            dialog.enable(shell, connection.enable_password.as_ref(), transcript).await?;
        }
        for line in &shell.opening {
            let answer = dialog.command(shell, line, transcript).await?;
            if let Some((refusal, _)) = platform.output.refusal(&answer.text) {
                // What it was for is met as it comes: a pager is answered, a wrapped line put together.
                transcript.remark(&format!("{line:?} was refused with {refusal:?}"));
            }
        }
        Ok(Wire::Shell(dialog))
    }

    /// Some switches refuse the shell, and not the login, when their lines are taken; others never answer.
    async fn open_shell(
        &self,
        handle: &Handle<HostKeyCheck>,
        switch: &Switch,
    ) -> Result<Channel<Msg>, DriverFailure> {
        let limit = Duration::from_millis(self.settings.channel_ms);
        let opening = async {
            let channel = handle.channel_open_session().await?;
            channel.request_pty(false, "vt100", 511, 1_000, 0, 0, &[]).await?;
            channel.request_shell(false).await?;
            Ok(channel)
        };
        let place = format!("{}:{}", switch.host, switch.ssh_port);
        match timeout(limit, opening).await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(russh::Error::ChannelOpenFailure(why))) => {
                let text = format!("{place} took the login and refused a shell ({why:?})");
                Err(DriverFailure::new(FailureClass::NoFreeVty, text))
            }
            Ok(Err(error)) => Err(DriverFailure::new(FailureClass::SessionLost, format!("{place}: {error}"))),
            Err(_) => {
                let text = format!("{place} opened no shell within ssh.channel_ms = {}", limit.as_millis());
                Err(DriverFailure::new(FailureClass::SessionLost, text))
            }
        }
    }
}

fn check_host_name(switch: &Switch, shell: &platform::Shell, prompt: &str) -> Result<(), DriverFailure> {
    let shown =
        shell.host_name.captures(prompt).and_then(|groups| groups.get(1)).map_or("", |name| name.as_str());
    match &switch.host_name {
        Some(expected) if expected != shown => {
            let text = format!("the device calls itself {shown:?}, and the inventory says {expected:?}");
            Err(DriverFailure::new(FailureClass::WrongDevice, text))
        }
        _ => Ok(()),
    }
}

#[async_trait]
impl SwitchDriver for Driver {
    async fn wait_for_turn(&self, switch: &Switch) {
        if lane::is_for(switch) {
            self.lane().wait_for_turn().await;
        }
    }

    async fn open(
        &self,
        switch: &Switch,
        guard: &SessionGuard,
        said: &mut String,
    ) -> Result<Box<dyn SwitchSession>, DriverFailure> {
        if self.platforms.get(&switch.platform).is_none() {
            let text = format!(
                "{}: no platform {:?}; known are {:?}",
                switch.id,
                switch.platform,
                self.platforms.names()
            );
            return Err(DriverFailure::new(FailureClass::Misconfigured, text));
        }
        let connection = self.connect(switch, guard).await?;
        guard.logged_in();
        let cut = CutUnlessDone::new(guard);
        match self.set_up(switch, connection, guard).await {
            Ok(session) => {
                cut.done();
                Ok(Box::new(session))
            }
            Err((failure, in_vain)) => {
                said.push_str(&in_vain);
                let limit = Duration::from_millis(self.settings.close_ms);
                let _ = timeout(limit, guard.shut_down()).await;
                Err(failure)
            }
        }
    }
}

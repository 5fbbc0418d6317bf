//! One open session, over either transport, as the supervisor's steps want it.

use super::Settings;
use super::connection::{HostKeyCheck, is_gone};
use super::dead_man::Standing;
use super::exec::{self, Limit};
use super::lane::Lane;
use super::platform::{Platform, Platforms, Shell};
use super::reading::Ahead;
use super::scanner::Answer;
use super::shell::Dialog;
use super::transcript::Transcript;
use async_trait::async_trait;
use regex::Regex;
use russh::Disconnect;
use russh::client::Handle;
use std::sync::Arc;
use std::time::Duration;
use switchyard_actors::domain::config::PortConfig;
use switchyard_actors::domain::failure::{DriverFailure, FailureClass};
use switchyard_actors::domain::ids::PortName;
use switchyard_actors::ports::driver::{Intent, PortLines, SwitchSession};
use switchyard_actors::ports::guard::SessionGuard;
use tokio::time::timeout;

/// How many levels of the configuration mode are left at most, where it is left one by one: no device nests deeper.
const LEVELS: u32 = 8;

/// How commands travel on this session.
pub enum Wire {
    /// A shell, standing at a prompt.
    Shell(Dialog),
    /// A channel a command.
    Exec,
}

/// The session.
pub struct Session {
    pub(super) settings: Settings,
    pub(super) platforms: Platforms,
    pub(super) platform: String,
    pub(super) handle: Handle<HostKeyCheck>,
    pub(super) wire: Wire,
    pub(super) transcript: Transcript,
    pub(super) ahead: Ahead,
    /// What was said about each port in the last sending.
    pub(super) said: Vec<(PortName, String)>,
    pub(super) guard: SessionGuard,
    pub(super) first_seen_host_key: Option<String>,
    pub(super) standing: Standing,
    pub(super) _lane: Option<Arc<Lane>>,
}

pub(super) fn millis(limit: u64) -> Duration {
    Duration::from_millis(limit)
}

impl Session {
    pub(super) fn platforms(&self) -> Platforms {
        self.platforms.clone()
    }

    /// Sends one command and returns its answer.
    pub(super) async fn command(&mut self, platform: &Platform, line: &str) -> Result<Answer, DriverFailure> {
        self.ahead.forget();
        match &mut self.wire {
            Wire::Shell(dialog) => dialog.command(shell_of(platform), line, &mut self.transcript).await,
            Wire::Exec => {
                let limit = Limit { key: "command_ms", time: millis(self.settings.command_ms) };
                self.run(line, limit).await
            }
        }
    }

    pub(super) async fn run(&mut self, line: &str, limit: Limit) -> Result<Answer, DriverFailure> {
        let most = self.settings.output_limit_bytes;
        let ran = exec::run(&self.handle, line, limit, most, &mut self.transcript).await?;
        let is_whole = !ran.is_cut;
        Ok(Answer { text: ran.into_judged_text(), is_whole })
    }

    pub(super) fn refused(&self, line: &str, answer: &str, class: FailureClass) -> DriverFailure {
        let text = self.transcript.redact(&format!("the switch answered {answer:?} to {line:?}"));
        DriverFailure::new(class, text)
    }

    /// What was said late, or is said to the leaving itself, counts too. Some devices leave a level at a time: as long as
    /// that brings another prompt, it is gone on.
    pub(super) async fn leave_configuration(&mut self, platform: &Platform) -> Result<(), DriverFailure> {
        let shell = shell_of(platform);
        let line = &shell.leave_configuration;
        if !self.stands_at(&shell.configuration_prompt) {
            // The last line stepped out of it on purpose, or a commit did.
            return Ok(());
        }
        let mut refused = None;
        for _ in 0..LEVELS {
            let stood_at = self.prompt().to_owned();
            let answer = self.command(platform, line).await?;
            let refusal = platform.output.refusal(&answer.text).filter(|_| answer.is_whole);
            refused = refused.or(refusal);
            if !self.stands_at(&shell.configuration_prompt) {
                let refused = refused.map(|(refusal, class)| self.refused(line, &refusal, class));
                return refused.map_or(Ok(()), Err);
            }
            if self.prompt() == stood_at {
                break;
            }
        }
        Err(self.wrong_mode(line))
    }

    pub(super) fn prompt(&self) -> &str {
        match &self.wire {
            Wire::Shell(dialog) => dialog.prompt(),
            Wire::Exec => "",
        }
    }

    /// Enters the configuration mode. A lock's holder stands in the lines behind its refusal.
    pub(super) async fn enter(&mut self, platform: &Platform, line: &str) -> Result<(), DriverFailure> {
        let answer = self.command(platform, line).await?;
        self.must_be_privileged(platform, line)?;
        if let Some((_, class)) = platform.output.refusal(&answer.text) {
            let refused = self.refused_whole(line, &answer.text, class);
            return Err(self.locked(platform, refused, &answer.text).await);
        }
        if self.stands_at(&shell_of(platform).configuration_prompt) {
            return Ok(());
        }
        let text = format!("{line:?} was not answered by the configuration prompt");
        Err(DriverFailure::new(FailureClass::CommandRejected, text))
    }

    pub(super) fn stands_at(&self, prompt: &Regex) -> bool {
        match &self.wire {
            Wire::Shell(dialog) => prompt.is_match(dialog.prompt()),
            Wire::Exec => false,
        }
    }

    /// A session that fell out of the configuration mode says no to every line, and none of these is about the line.
    pub(super) fn must_configure(&self, platform: &Platform, line: &str) -> Result<(), DriverFailure> {
        let may_leave = |shell: &Shell| {
            let on_purpose = shell.may_leave.as_ref().is_some_and(|lines| lines.is_match(line));
            on_purpose && self.stands_at(&shell.privileged_prompt)
        };
        let fits = |shell: &Shell| self.stands_at(&shell.configuration_prompt) || may_leave(shell);
        if platform.shell.as_ref().is_none_or(fits) { Ok(()) } else { Err(self.wrong_mode(line)) }
    }

    /// The same of one that lost its privilege.
    pub(super) fn must_be_privileged(&self, platform: &Platform, line: &str) -> Result<(), DriverFailure> {
        let fits = |shell: &Shell| self.stands_at(&shell.privileged_prompt);
        if platform.shell.as_ref().is_none_or(fits) { Ok(()) } else { Err(self.wrong_mode(line)) }
    }

    pub(super) fn wrong_mode(&self, line: &str) -> DriverFailure {
        let prompt = self.prompt();
        let text =
            format!("{line:?} was answered in another mode than it was sent for: the prompt is {prompt:?}");
        DriverFailure::new(FailureClass::SessionLost, self.transcript.redact(&text))
    }
}

pub(super) fn shell_of(platform: &Platform) -> &Shell {
    platform.shell.as_ref().expect("a platform file whose transport is a shell was checked to have its table")
}

pub(super) fn misconfigured(why: String) -> DriverFailure {
    DriverFailure::new(FailureClass::Misconfigured, why)
}

impl Session {
    pub(super) fn find<'p>(&self, platforms: &'p Platforms) -> &'p Platform {
        platforms.get(&self.platform).expect("the session was opened with this platform")
    }
}

#[async_trait]
impl SwitchSession for Session {
    fn first_seen_host_key(&self) -> Option<String> {
        self.first_seen_host_key.clone()
    }

    async fn probe(&mut self) -> Result<(), DriverFailure> {
        self.must_be_settled()?;
        let limit = millis(self.settings.probe_ms);
        let lost = |why: String| {
            DriverFailure::new(FailureClass::SessionLost, format!("the kept session is gone: {why}"))
        };
        match timeout(limit, is_gone(&self.handle)).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(lost("the connection has ended".into())),
            Err(_) => Err(lost(format!("no answer within ssh.probe_ms = {}", limit.as_millis()))),
        }
    }

    async fn read_port(&mut self, port: &PortName) -> Result<PortConfig, DriverFailure> {
        let platforms = self.platforms();
        let platform = self.find(&platforms);
        self.settle(platform).await?;
        self.read_config(platform, port).await
    }

    fn reads_at_once(&self) -> usize {
        self.types_reads_ahead(self.find(&self.platforms)).unwrap_or(1)
    }

    fn expect_reads(&mut self, ports: &[PortName]) {
        self.ahead.expect(ports);
    }

    fn render(
        &self,
        intent: Intent,
        port: &PortName,
        want: &PortConfig,
        before: &PortConfig,
    ) -> Result<Vec<String>, DriverFailure> {
        self.find(&self.platforms).lines(intent, port, want, before).map_err(misconfigured)
    }

    async fn apply(&mut self, ports: &[PortLines]) -> Vec<Result<(), DriverFailure>> {
        let platforms = self.platforms();
        let platform = self.find(&platforms);
        self.ahead.forget();
        if let Err(failure) = self.prepare(platform).await {
            return vec![Err(failure); ports.len()];
        }
        if let Some(candidate) = &platform.candidate {
            return self.apply_as_candidate(platform, candidate, ports).await;
        }
        match self.wire {
            Wire::Shell(_) => self.apply_in_shell(platform, ports).await,
            Wire::Exec => self.send_each(platform, ports).await,
        }
    }

    fn takes_back(&self) -> bool {
        matches!(self.standing, Standing::Pending { .. })
    }

    async fn confirm(&mut self) -> Result<(), DriverFailure> {
        let platforms = self.platforms();
        self.make_stand(self.find(&platforms)).await
    }

    async fn save(&mut self) -> Result<(), DriverFailure> {
        let platforms = self.platforms();
        self.save_running(self.find(&platforms)).await
    }

    fn take_transcript(&mut self) -> String {
        let said: String = std::mem::take(&mut self.said).into_iter().map(|(_, said)| said).collect();
        said + &self.transcript.take()
    }

    fn take_transcript_of(&mut self, port: &PortName) -> String {
        let place = self.said.iter().position(|(of, _)| of == port);
        place.map(|place| self.said.remove(place).1).unwrap_or_default()
    }

    async fn close(self: Box<Self>) {
        let limit = millis(self.settings.close_ms);
        let guard = self.guard.clone();
        let goodbye = async {
            let _ = self.handle.disconnect(Disconnect::ByApplication, "", "en").await;
            drop(self);
        };
        // A switch that doesn't take its leave in time has its socket shut.
        let _ = timeout(limit, goodbye).await;
        guard.shut_down().await;
    }
}

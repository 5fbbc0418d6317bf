//! The dialog with an interactive shell: a line is sent, and what comes back until the next prompt is its answer.
//!
//! It knows where it stands by the prompt alone: learned from the device when the shell opens, twice the same, so that a
//! banner that looks like one isn't taken for it. It never sends a line without having seen the prompt for the one before.

use super::platform::Shell;
use super::terminal::Screen;
use super::transcript::Transcript;
use regex::Regex;
use russh::client::Msg;
use russh::{Channel, ChannelMsg};
use std::time::Duration;
use switchyard_actors::domain::failure::{DriverFailure, FailureClass};
use switchyard_actors::domain::text::Secret;
use tokio::time::{Instant, timeout_at};

/// How much of what was seen goes into an error.
const TAIL_CHARS: usize = 200;

/// Characters of the device's name that every prompt keeps: some devices cut their name in the configuration mode.
const STEM_CHARS: usize = 8;

/// A shell, standing at a prompt.
pub struct Dialog {
    channel: Channel<Msg>,
    screen: Screen,
    stem: String,
    prompt: String,
}

/// What the dialog waits for beside the prompt.
struct Awaited<'a> {
    shell: &'a Shell,
    questions: &'a [(Regex, String)],
    deadline: Instant,
}

/// What came.
enum Came {
    Prompt,
    Question(usize),
}

impl Dialog {
    /// Waits for the first prompt, and asks for it again to be sure.
    ///
    /// # Errors
    /// [`DriverFailure`].
    pub async fn begin(
        channel: Channel<Msg>,
        shell: &Shell,
        limit: Duration,
        output_limit_bytes: usize,
        transcript: &mut Transcript,
    ) -> Result<Self, DriverFailure> {
        let screen = Screen::new(output_limit_bytes);
        let mut dialog = Self { channel, screen, stem: String::new(), prompt: String::new() };
        let awaited = Awaited { shell, questions: &[], deadline: Instant::now() + limit };
        dialog.wait(&awaited).await.map_err(|failure| transcript.redacted(failure))?;
        let mut seen = dialog.screen.last_line();
        loop {
            dialog.screen.clear();
            dialog.send("\n").await?;
            dialog.wait(&awaited).await.map_err(|failure| transcript.redacted(failure))?;
            let now = dialog.screen.last_line();
            if now == seen {
                break;
            }
            seen = now;
        }
        transcript.received(&seen);
        let name =
            shell.host_name.captures(&seen).and_then(|groups| groups.get(1)).map_or("", |name| name.as_str());
        dialog.stem = name.chars().take(STEM_CHARS).collect();
        dialog.prompt = seen;
        dialog.screen.clear();
        Ok(dialog)
    }

    /// The prompt that the dialog stands at.
    #[must_use]
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    async fn send(&mut self, text: &str) -> Result<(), DriverFailure> {
        self.channel.data_bytes(text.as_bytes().to_vec()).await.map_err(|error| lost(&error.to_string()))
    }

    /// Sends a line and returns its answer, without echo, prompt and pagers.
    ///
    /// # Errors
    /// [`DriverFailure`].
    pub async fn command(
        &mut self,
        shell: &Shell,
        line: &str,
        limit: Duration,
        transcript: &mut Transcript,
    ) -> Result<String, DriverFailure> {
        self.converse(shell, line, &[], limit, transcript).await
    }

    /// The same, answering questions that the device may ask in between.
    ///
    /// # Errors
    /// [`DriverFailure`].
    pub async fn converse(
        &mut self,
        shell: &Shell,
        line: &str,
        questions: &[(Regex, String)],
        limit: Duration,
        transcript: &mut Transcript,
    ) -> Result<String, DriverFailure> {
        transcript.sent(&format!("{}{line}", self.prompt));
        self.screen.clear();
        self.send(&format!("{line}\n")).await?;
        let awaited = Awaited { shell, questions, deadline: Instant::now() + limit };
        let mut output = String::new();
        loop {
            let came = match self.wait(&awaited).await {
                Ok(came) => came,
                Err(failure) => {
                    transcript.received(&self.screen.ended_lines());
                    transcript.received(&self.screen.last_line());
                    return Err(transcript.redacted(failure));
                }
            };
            output.push_str(&self.screen.ended_lines());
            let last = self.screen.last_line();
            self.screen.clear();
            match came {
                Came::Prompt => {
                    self.prompt = last;
                    break;
                }
                Came::Question(number) => {
                    let answer = &questions[number].1;
                    transcript.received(&last);
                    transcript.sent(answer);
                    output.push_str(&last);
                    output.push('\n');
                    self.send(&format!("{answer}\n")).await?;
                }
            }
        }
        let answer = without_echo(&output, line);
        transcript.received(&answer);
        Ok(answer)
    }

    /// Asks for privilege, and gives the password if it is asked for.
    ///
    /// # Errors
    /// [`DriverFailure`]; `AuthenticationRefused` when the device says no.
    pub async fn enable(
        &mut self,
        shell: &Shell,
        password: Option<&Secret>,
        limit: Duration,
        transcript: &mut Transcript,
    ) -> Result<(), DriverFailure> {
        transcript.sent(&format!("{}{}", self.prompt, shell.enable));
        self.screen.clear();
        self.send(&format!("{}\n", shell.enable)).await?;
        let question = [(shell.enable_password_prompt.clone(), String::new())];
        let awaited = Awaited { shell, questions: &question, deadline: Instant::now() + limit };
        let came = self.wait(&awaited).await.map_err(|failure| transcript.redacted(failure))?;
        if let Came::Question(_) = came {
            let refused = |text: &str| DriverFailure::new(FailureClass::AuthenticationRefused, text);
            let password = password.ok_or_else(|| {
                refused("the switch asks for an enable password, and the inventory has none")
            })?;
            transcript.sent_secret();
            self.screen.clear();
            self.send(&format!("{}\n", password.reveal())).await?;
            let came = self.wait(&awaited).await.map_err(|failure| transcript.redacted(failure))?;
            if let Came::Question(_) = came {
                return Err(refused("the switch refused the enable password"));
            }
        }
        self.prompt = self.screen.last_line();
        self.screen.clear();
        if shell.privileged_prompt.is_match(&self.prompt) {
            return Ok(());
        }
        let text = format!("no privilege after {:?}: the prompt is {:?}", shell.enable, self.prompt);
        Err(DriverFailure::new(FailureClass::AuthenticationRefused, text))
    }

    /// Reads until a prompt, a question, the deadline, or the end.
    async fn wait(&mut self, awaited: &Awaited<'_>) -> Result<Came, DriverFailure> {
        loop {
            if let Some(came) = self.look(awaited).await? {
                return Ok(came);
            }
            let message = timeout_at(awaited.deadline, self.channel.wait()).await;
            match message {
                Ok(Some(ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. })) => {
                    self.screen.feed(&data)
                }
                Ok(Some(ChannelMsg::Close | ChannelMsg::Eof) | None) => {
                    return Err(lost(&format!(
                        "the switch closed the session; last seen: {:?}",
                        self.tail()
                    )));
                }
                Ok(Some(ChannelMsg::Failure)) => {
                    return Err(lost("the switch refused a terminal or a shell"));
                }
                Ok(Some(_)) => {}
                Err(_) => return Err(self.no_prompt()),
            }
        }
    }

    /// Whether what stands in the last line is what is waited for. A pager is answered on the way.
    async fn look(&mut self, awaited: &Awaited<'_>) -> Result<Option<Came>, DriverFailure> {
        let last = self.screen.last_line();
        if last.is_empty() {
            return Ok(None);
        }
        if awaited.shell.pager.is_match(&last) {
            self.screen.drop_last_line();
            let answer = awaited.shell.pager_answer.clone();
            self.send(&answer).await?;
            return Ok(None);
        }
        if let Some(number) = awaited.questions.iter().position(|(pattern, _)| pattern.is_match(&last)) {
            return Ok(Some(Came::Question(number)));
        }
        // Before a line's own echo has ended, a prompt is the one that we stood at.
        let echoed = self.screen.has_ended_line() || self.stem.is_empty();
        let is_prompt = echoed && last.starts_with(&self.stem) && awaited.shell.prompt.is_match(&last);
        Ok(is_prompt.then_some(Came::Prompt))
    }

    fn tail(&self) -> String {
        let text = format!("{}{}", self.screen.ended_lines(), self.screen.last_line());
        let from = text.chars().count().saturating_sub(TAIL_CHARS);
        text.chars().skip(from).collect()
    }

    fn no_prompt(&self) -> DriverFailure {
        let more =
            if self.screen.has_overflowed() { ", after more output than ssh.output_limit_bytes" } else { "" };
        let text = format!("no prompt within the time limit{more}; last seen: {:?}", self.tail());
        DriverFailure::new(FailureClass::PromptNotSeen, text)
    }
}

fn lost(why: &str) -> DriverFailure {
    DriverFailure::new(FailureClass::SessionLost, why)
}

/// The output without the line that was typed.
fn without_echo(output: &str, line: &str) -> String {
    match output.split_once('\n') {
        Some((first, rest)) if first.trim_end().ends_with(line.trim()) => rest.to_owned(),
        _ => output.to_owned(),
    }
}

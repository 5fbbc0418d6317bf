//! The dialog with an interactive shell: a line is sent, and what comes back until the prompt behind it is its answer.
//!
//! What was seen, and whether it is the end, the scanner says; here it is acted on, and here is the time: how long to wait, and
//! when to ask a silent device for its prompt once more. It never sends a line without having seen the prompt for the one
//! before. A comment that frames an answer travels with its line, at no cost in round trips, except where a question or a
//! pager may take it for its answer: there it follows when the prompt stands.

use super::platform::{Platform, Question, Shell};
use super::scanner::{Answer, Scanner, Seen};
use super::transcript::Transcript;
use russh::client::Msg;
use russh::{Channel, ChannelMsg};
use std::time::Duration;
use switchyard_actors::domain::failure::{DriverFailure, FailureClass};
use switchyard_actors::domain::text::Secret;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// How much of what was seen goes into an error.
const TAIL_CHARS: usize = 200;

/// Characters of the device's name that every prompt keeps: some devices cut their name in the configuration mode.
const STEM_CHARS: usize = 8;

/// How often a device is asked for its prompt once more within one exchange: a device that is deaf gets no heap of lines.
const ASKED_AGAIN: u32 = 3;

/// Limits of a dialog.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For one command, from its line to the next prompt.
    pub command: Duration,
    /// Of silence behind a prompt that nothing vouches for, before it is asked for once more.
    pub settle: Duration,
    /// The most output of one command.
    pub output_bytes: usize,
}

/// How an answer's end is known on this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// By the echo of the line, and the prompt: comments are refused, or there are none.
    Plain,
    /// By a comment that is typed together with the line.
    Ahead,
    /// By a comment that is typed when the prompt stands: what is typed ahead was taken for an answer once.
    Behind,
}

/// Comments that no earlier one equals.
#[derive(Debug)]
struct Nonces {
    session: u32,
    count: u32,
}

/// What makes a letter of a session's fourth and last digit, in hexadecimal. A pager that stands in the way takes what is typed
/// ahead for its keys, and a row of digits for a count of lines: with too many of them no page would follow any more.
const LETTERS: u32 = 0x000A_000A;

impl Nonces {
    fn of(session: u32) -> Self {
        Self { session: session | LETTERS, count: 0 }
    }

    fn next(&mut self, shell: &Shell) -> Option<String> {
        self.count += 1;
        shell.comment.as_ref().map(|comment| comment.with(&format!("{:08x}{:04x}", self.session, self.count)))
    }
}

/// A shell, standing at a prompt.
pub struct Dialog {
    channel: Channel<Msg>,
    scanner: Scanner,
    framing: Framing,
    nonces: Nonces,
    prompt: String,
    limits: Limits,
}

/// What the dialog waits for beside the prompt.
struct Awaited<'a> {
    shell: &'a Shell,
    questions: &'a [Question],
    deadline: Instant,
}

/// What came.
enum Came {
    Prompt,
    Question(usize),
    /// A prompt, and asking for it again didn't make it any surer.
    Doubtful,
}

impl Dialog {
    /// Waits for the first prompt, and asks for it again to be sure: with a comment, which also tells whether the device
    /// takes them.
    ///
    /// # Errors
    /// [`DriverFailure`].
    pub async fn begin(
        channel: Channel<Msg>,
        platform: &Platform,
        shell: &Shell,
        limits: Limits,
        transcript: &mut Transcript,
    ) -> Result<Self, DriverFailure> {
        let (session, _) = Uuid::new_v4().as_u64_pair();
        let mut dialog = Self {
            channel,
            scanner: Scanner::new(limits.output_bytes),
            framing: Framing::Plain,
            nonces: Nonces::of(session as u32),
            prompt: String::new(),
            limits,
        };
        let questions = shell.questions_after("");
        let awaited = Awaited { shell, questions: &questions, deadline: Instant::now() + limits.command };
        let met = dialog.meet(&awaited, platform, transcript).await;
        met.map_err(|failure| {
            transcript.received(&dialog.scanner.seen());
            transcript.redacted(failure)
        })?;
        dialog.stand_at(shell, transcript);
        transcript.received(&dialog.prompt);
        Ok(dialog)
    }

    async fn meet(
        &mut self,
        awaited: &Awaited<'_>,
        platform: &Platform,
        transcript: &mut Transcript,
    ) -> Result<(), DriverFailure> {
        self.scanner.begin("", None);
        self.until_any_prompt(awaited).await?;
        if awaited.shell.comment.is_some() {
            self.ask_again(awaited.shell, true).await?;
            if self.has_prompt(awaited).await? && self.comment_was_taken(awaited.shell, platform) {
                self.framing = Framing::Ahead;
                return Ok(());
            }
            transcript.remark("the device takes no comments: its answers are told by echo and prompt alone");
            self.scanner.begin("", None);
        }
        loop {
            self.ask_again(awaited.shell, false).await?;
            if self.has_prompt(awaited).await? {
                return Ok(());
            }
        }
    }

    async fn has_prompt(&mut self, awaited: &Awaited<'_>) -> Result<bool, DriverFailure> {
        loop {
            match self.wait(awaited).await? {
                Came::Prompt => return Ok(true),
                Came::Doubtful => return Ok(false),
                Came::Question(number) => self.answer(awaited, number).await?,
            }
        }
    }

    /// The first thing that looks like a prompt, which may be part of a banner; questions before it are answered.
    async fn until_any_prompt(&mut self, awaited: &Awaited<'_>) -> Result<(), DriverFailure> {
        loop {
            match self.scanner.look(awaited.shell, awaited.questions) {
                Seen::Doubtful | Seen::Prompt => return Ok(()),
                Seen::Question(number) => self.answer(awaited, number).await?,
                Seen::Pager => self.turn_page(awaited.shell).await?,
                Seen::Nothing => drop(self.receive(awaited.deadline).await?),
            }
        }
    }

    fn comment_was_taken(&self, shell: &Shell, platform: &Platform) -> bool {
        self.scanner.said_to_comment(shell).lines().all(|line| platform.output.is_noise(line))
    }

    /// The prompt that the dialog stands at.
    #[must_use]
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// Whether answers are framed by comments.
    #[must_use]
    pub fn is_framed(&self) -> bool {
        self.framing != Framing::Plain
    }

    /// Takes the prompt that was seen for the one we stand at. The device may have been given another name meanwhile.
    fn stand_at(&mut self, shell: &Shell, transcript: &mut Transcript) {
        let seen = self.scanner.last_line();
        if !self.prompt.is_empty() && !seen.starts_with(&stem_of(&self.prompt, shell)) {
            transcript.remark(&format!(
                "the device has another name: its prompt was {:?}, and is {seen:?}",
                self.prompt
            ));
        }
        self.scanner.learn(stem_of(&seen, shell));
        self.prompt = seen;
    }

    async fn send(&mut self, text: &str) -> Result<(), DriverFailure> {
        self.channel.data_bytes(text.as_bytes().to_vec()).await.map_err(|error| lost(&error.to_string()))
    }

    /// Types a line, and the comment ahead of its answer where nothing can take it for something else.
    async fn type_line(&mut self, shell: &Shell, line: &str, may_ask: bool) -> Result<(), DriverFailure> {
        let is_ahead = self.framing == Framing::Ahead && !may_ask;
        let comment = if is_ahead { self.nonces.next(shell) } else { None };
        let end = &shell.line_end;
        let text = match &comment {
            Some(comment) => format!("{line}{end}{comment}{end}"),
            None => format!("{line}{end}"),
        };
        self.scanner.begin(line, comment);
        self.send(&text).await
    }

    /// Whether lines may be typed ahead of the answers to those before them.
    #[must_use]
    pub fn types_ahead(&self) -> bool {
        self.framing == Framing::Ahead
    }

    /// Sends lines at once, and returns the answer to each, with the prompt behind it.
    ///
    /// # Errors
    /// [`DriverFailure`]: what became of any of them isn't known.
    pub async fn block(
        &mut self,
        shell: &Shell,
        lines: &[String],
        transcript: &mut Transcript,
    ) -> Result<Vec<(Answer, Option<String>)>, DriverFailure> {
        let mut stood_at = self.prompt.clone();
        let answers = self.type_ahead(shell, lines, transcript).await?;
        for (line, (answer, stands_at)) in lines.iter().zip(&answers) {
            transcript.sent(&format!("{stood_at}{line}"));
            transcript.received(&answer.text);
            stood_at = stands_at.clone().unwrap_or_default();
        }
        Ok(answers)
    }

    /// The same, of which the transcript has only a failure.
    ///
    /// # Errors
    /// [`DriverFailure`], as [`Self::block`].
    pub async fn type_ahead(
        &mut self,
        shell: &Shell,
        lines: &[String],
        transcript: &mut Transcript,
    ) -> Result<Vec<(Answer, Option<String>)>, DriverFailure> {
        let comment = |nonces: &mut Nonces| nonces.next(shell).expect("only what takes comments types ahead");
        let typed: Vec<_> = lines.iter().map(|line| (line.clone(), comment(&mut self.nonces))).collect();
        let end = &shell.line_end;
        let text: String = typed.iter().map(|(line, comment)| format!("{line}{end}{comment}{end}")).collect();
        self.scanner.begin_block(typed);
        let sent = self.send(&text).await;
        let limit = self.limits.command.saturating_mul(u32::try_from(lines.len()).unwrap_or(u32::MAX));
        let awaited = Awaited { shell, questions: &[], deadline: Instant::now() + limit };
        let ended = match sent {
            Ok(()) => self.until_prompt(&awaited, transcript).await,
            Err(failure) => Err(failure),
        };
        let answers = self.scanner.block_answers(shell);
        if let Err(failure) = ended {
            lines.iter().for_each(|line| transcript.sent(line));
            transcript.received(&self.scanner.seen());
            return Err(transcript.redacted(failure));
        }
        if answers.iter().any(|(answer, _)| !answer.is_whole) {
            transcript
                .remark("what was typed ahead got lost: from now on a line waits for the answer before it");
            self.framing = Framing::Behind;
        }
        self.stand_at(shell, transcript);
        Ok(answers)
    }

    async fn ask_again(&mut self, shell: &Shell, with_comment: bool) -> Result<(), DriverFailure> {
        let comment = if with_comment { self.nonces.next(shell) } else { None };
        let text = format!("{}{}", comment.as_deref().unwrap_or_default(), shell.line_end);
        self.scanner.ask_again(comment);
        self.send(&text).await
    }

    async fn answer(&mut self, awaited: &Awaited<'_>, number: usize) -> Result<(), DriverFailure> {
        let question = &awaited.questions[number];
        let end = if question.enter { awaited.shell.line_end.as_str() } else { "" };
        self.scanner.answer_question(&question.answer);
        self.send(&format!("{}{end}", question.answer)).await
    }

    async fn turn_page(&mut self, shell: &Shell) -> Result<(), DriverFailure> {
        self.scanner.turn_page();
        self.send(&shell.pager_answer).await
    }

    /// Sends a line and returns its answer, without echo, prompt and pagers.
    ///
    /// # Errors
    /// [`DriverFailure`].
    pub async fn command(
        &mut self,
        shell: &Shell,
        line: &str,
        transcript: &mut Transcript,
    ) -> Result<Answer, DriverFailure> {
        self.converse(shell, line, &[], self.limits.command, transcript).await
    }

    /// The same, answering questions that the device may ask in between.
    ///
    /// # Errors
    /// [`DriverFailure`].
    pub async fn converse(
        &mut self,
        shell: &Shell,
        line: &str,
        questions: &[Question],
        limit: Duration,
        transcript: &mut Transcript,
    ) -> Result<Answer, DriverFailure> {
        transcript.sent(&format!("{}{line}", self.prompt));
        let questions = [questions, &shell.questions_after(line)].concat();
        self.type_line(shell, line, !questions.is_empty()).await?;
        let awaited = Awaited { shell, questions: &questions, deadline: Instant::now() + limit };
        if let Err(failure) = self.until_prompt(&awaited, transcript).await {
            transcript.received(&self.scanner.seen());
            return Err(transcript.redacted(failure));
        }
        let answer = self.scanner.answer(shell);
        transcript.received(&answer.text);
        if self.scanner.has_lost_keys(shell) {
            transcript.remark(
                "what was typed ahead was taken for an answer: from now on a comment follows the prompt",
            );
            self.framing = Framing::Behind;
        }
        self.stand_at(shell, transcript);
        Ok(answer)
    }

    async fn until_prompt(
        &mut self,
        awaited: &Awaited<'_>,
        transcript: &mut Transcript,
    ) -> Result<(), DriverFailure> {
        loop {
            match self.wait(awaited).await? {
                Came::Prompt if self.scanner.has_overflowed() => return Err(self.no_prompt()),
                Came::Prompt => return Ok(()),
                Came::Question(number) => {
                    transcript.received(&self.scanner.last_line());
                    transcript.sent(&awaited.questions[number].answer);
                    self.answer(awaited, number).await?;
                }
                Came::Doubtful => drop(self.receive(awaited.deadline).await?),
            }
        }
    }

    /// Asks for privilege, and gives the password if it is asked for.
    ///
    /// # Errors
    /// [`DriverFailure`]; `AuthenticationRefused` when the device says no.
    pub async fn enable(
        &mut self,
        shell: &Shell,
        password: Option<&Secret>,
        transcript: &mut Transcript,
    ) -> Result<(), DriverFailure> {
        transcript.sent(&format!("{}{}", self.prompt, shell.enable));
        self.type_line(shell, &shell.enable, true).await?;
        let question = std::slice::from_ref(&shell.enable_password_prompt);
        let awaited = Awaited { shell, questions: question, deadline: Instant::now() + self.limits.command };
        let raised = self.raise(&awaited, password, transcript).await;
        transcript.received(&self.scanner.seen());
        raised.map_err(|failure| transcript.redacted(failure))?;
        self.stand_at(shell, transcript);
        if shell.privileged_prompt.is_match(&self.prompt) {
            return Ok(());
        }
        let text = format!("no privilege after {:?}: the prompt is {:?}", shell.enable, self.prompt);
        Err(DriverFailure::new(FailureClass::AuthenticationRefused, text))
    }

    /// Gives the password, if it is asked for one.
    async fn raise(
        &mut self,
        awaited: &Awaited<'_>,
        password: Option<&Secret>,
        transcript: &mut Transcript,
    ) -> Result<(), DriverFailure> {
        match self.wait(awaited).await? {
            Came::Question(_) => {}
            Came::Prompt | Came::Doubtful => return Ok(()),
        }
        let refused = |text: &str| DriverFailure::new(FailureClass::AuthenticationRefused, text);
        let password = password
            .ok_or_else(|| refused("the switch asks for an enable password, and the inventory has none"))?;
        transcript.sent_secret();
        self.scanner.answer_question("");
        self.send(&format!("{}{}", password.reveal(), awaited.shell.line_end)).await?;
        match self.wait(awaited).await? {
            Came::Question(_) => Err(refused("the switch refused the enable password")),
            Came::Prompt | Came::Doubtful => Ok(()),
        }
    }

    /// Reads until a prompt, a question, the deadline, or the end. A pager is answered on the way, and a prompt that
    /// nothing vouches for is asked for again when the device has fallen silent.
    async fn wait(&mut self, awaited: &Awaited<'_>) -> Result<Came, DriverFailure> {
        let mut asked = 0;
        loop {
            let seen = self.scanner.look(awaited.shell, awaited.questions);
            match seen {
                Seen::Question(number) => return Ok(Came::Question(number)),
                Seen::Pager => self.turn_page(awaited.shell).await?,
                Seen::Prompt if self.is_framed() && !self.scanner.is_framed() => {
                    self.ask_again(awaited.shell, true).await?;
                }
                Seen::Prompt => return Ok(Came::Prompt),
                Seen::Doubtful | Seen::Nothing => {
                    if self.receive(awaited.deadline).await? || !self.may_be_waited_for(seen, awaited.shell) {
                        continue;
                    }
                    if asked == ASKED_AGAIN {
                        return Ok(Came::Doubtful);
                    }
                    asked += 1;
                    self.ask_again(awaited.shell, self.is_framed() || self.scanner.is_framed()).await?;
                }
            }
        }
    }

    /// Whether a silent device may be standing at its prompt. Some end an answer without ending its line: then the prompt
    /// that we know stands behind it.
    fn may_be_waited_for(&self, seen: Seen, shell: &Shell) -> bool {
        let is_behind_answer = !self.prompt.is_empty() && self.scanner.last_line().ends_with(&self.prompt);
        seen == Seen::Doubtful || is_behind_answer || self.scanner.has_seen_prompt(shell)
    }

    /// Takes in what comes next; `false` when nothing came for a while.
    async fn receive(&mut self, deadline: Instant) -> Result<bool, DriverFailure> {
        let until = deadline.min(Instant::now() + self.limits.settle);
        match timeout_at(until, self.channel.wait()).await {
            Ok(Some(ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. })) => {
                self.scanner.feed(&data);
                Ok(true)
            }
            Ok(Some(ChannelMsg::Close | ChannelMsg::Eof) | None) => {
                Err(lost(&format!("the switch closed the session; last seen: {:?}", self.tail())))
            }
            Ok(Some(ChannelMsg::Failure)) => Err(lost("the switch refused a terminal or a shell")),
            Ok(Some(_)) => Ok(true),
            Err(_) if Instant::now() >= deadline => Err(self.no_prompt()),
            Err(_) => Ok(false),
        }
    }

    fn tail(&self) -> String {
        let text = self.scanner.seen();
        let from = text.chars().count().saturating_sub(TAIL_CHARS);
        text.chars().skip(from).collect()
    }

    fn no_prompt(&self) -> DriverFailure {
        let more = if self.scanner.has_overflowed() {
            ", after more output than ssh.output_limit_bytes"
        } else {
            ""
        };
        let text = format!("no prompt within the time limit{more}; last seen: {:?}", self.tail());
        DriverFailure::new(FailureClass::PromptNotSeen, text)
    }
}

/// What the prompt begins with, up to these characters of the device's name: some devices write the user before it.
fn stem_of(prompt: &str, shell: &Shell) -> String {
    let name = shell.host_name.captures(prompt).and_then(|groups| groups.get(1));
    let Some(name) = name else { return String::new() };
    prompt[..name.start()].chars().chain(name.as_str().chars().take(STEM_CHARS)).collect()
}

fn lost(why: &str) -> DriverFailure {
    DriverFailure::new(FailureClass::SessionLost, why)
}

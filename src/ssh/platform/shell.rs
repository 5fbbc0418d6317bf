//! The part of a platform file that says how its interactive shell is spoken to: prompts, pager, questions, modes, and the
//! comment that frames an answer.

use super::super::ending::Endings;
use super::super::template::Templates;
use super::{Compiler, PlatformError};
use regex::Regex;
use serde::Deserialize;

/// Stands for the nonce while the comment is taken apart.
const SAMPLE_NONCE: &str = "5a3p1e";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShellFile {
    prompt: String,
    privileged_prompt: String,
    configuration_prompt: String,
    pager: String,
    pager_answer: String,
    enable: String,
    enable_password_prompt: String,
    opening: Vec<String>,
    enter_configuration: String,
    leave_configuration: String,
    #[serde(default)]
    between_ports: Option<Vec<String>>,
    #[serde(default)]
    shared_until: Option<String>,
    #[serde(default)]
    block: Option<BlockSendingFile>,
    host_name: String,
    #[serde(default = "newline")]
    line_end: String,
    #[serde(default)]
    may_leave: Option<String>,
    #[serde(default)]
    comment: Option<String>,
    #[serde(default)]
    questions: Vec<LineQuestionFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockSendingFile {
    opens_mode: String,
    alone: String,
}

fn newline() -> String {
    "\n".into()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuestionFile {
    pattern: String,
    answer: String,
    #[serde(default = "yes")]
    enter: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineQuestionFile {
    line: String,
    pattern: String,
    answer: String,
    #[serde(default = "yes")]
    enter: bool,
}

fn yes() -> bool {
    true
}

/// A question that a device may ask before its answer is complete.
#[derive(Debug, Clone)]
pub struct Question {
    /// The last line, as it stands there.
    pub pattern: Regex,
    /// The cheap test before the pattern.
    pub endings: Endings,
    /// What is typed.
    pub answer: String,
    /// Whether the answer is ended as a line is: some devices take a single key.
    pub enter: bool,
}

/// A comment with a nonce: it changes nothing, and its echo can't be older than the moment it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    before: String,
    after: String,
}

impl Comment {
    /// With this nonce.
    #[must_use]
    pub fn with(&self, nonce: &str) -> String {
        format!("{}{nonce}{}", self.before, self.after)
    }
}

/// How far ahead of its answers a session may be.
#[derive(Debug, Clone)]
pub struct BlockSending {
    /// Ends a block: if a mode isn't opened, what is behind would be taken for the port or the policy that was open before.
    opens_mode: Regex,
    /// Is sent by itself, when all before it was taken: what makes a port live must not do so with half of its lines.
    alone: Regex,
}

impl BlockSending {
    fn goes_with(&self, line: &str, next: &str) -> bool {
        !self.opens_mode.is_match(line) && !self.alone.is_match(line) && !self.alone.is_match(next)
    }
}

/// The parts of a platform that has a shell.
#[derive(Debug)]
pub struct Shell {
    /// A whole last line that is a prompt.
    pub prompt: Regex,
    /// What a prompt or a pager can end in: the cheap test before their patterns.
    pub endings: Endings,
    /// A prompt that may configure.
    pub privileged_prompt: Regex,
    /// A prompt inside the configuration mode.
    pub configuration_prompt: Regex,
    /// A last line that waits for a key.
    pub pager: Regex,
    /// The key.
    pub pager_answer: String,
    /// Asks for privilege.
    pub enable: String,
    /// The question that may follow.
    pub enable_password_prompt: Question,
    /// Sent once a session.
    pub opening: Vec<String>,
    /// Enters the configuration mode.
    pub enter_configuration: String,
    /// Leaves it.
    pub leave_configuration: String,
    /// Lines of a block that may be answered outside of it: there are devices on which part of a port is set elsewhere.
    pub may_leave: Option<Regex>,
    /// Brings the configuration mode back to where a port's lines begin, after another's; `None`: it is left and entered again.
    pub between_ports: Option<Vec<String>>,
    /// The first line that is about the port. Those before it are the same for every port that wants the same of them.
    shared_until: Option<Regex>,
    /// How lines are sent at once, where they may be sent without waiting for the answer to the one before.
    pub block: Option<BlockSending>,
    /// Captures the device's name from its prompt.
    pub host_name: Regex,
    /// What ends a line that is typed.
    pub line_end: String,
    /// Frames an answer, where the command line takes comments.
    pub comment: Option<Comment>,
    /// Which lines may be answered by a question, and how.
    pub questions: Vec<(Regex, Question)>,
}

impl Shell {
    /// What is sent at once: a line, or as many as may be sent without waiting for an answer in between. A line that may be
    /// answered by a question is always by itself.
    pub fn blocks<'l>(&self, lines: &'l [String]) -> impl Iterator<Item = &'l [String]> {
        lines.chunk_by(|line, next| {
            let block = self.block.as_ref().filter(|_| self.comment.is_some());
            let may_ask = !self.questions_after(line).is_empty() || !self.questions_after(next).is_empty();
            block.is_some_and(|block| block.goes_with(line, next)) && !may_ask
        })
    }

    /// The lines at the head of a port's that are not about it.
    #[must_use]
    pub fn shared<'l>(&self, lines: &'l [String]) -> &'l [String] {
        let of_the_port = |first: &Regex| lines.iter().position(|line| first.is_match(line));
        let shared = self.shared_until.as_ref().and_then(of_the_port);
        &lines[..shared.unwrap_or(0)]
    }

    /// The questions that this line may be answered by.
    #[must_use]
    pub fn questions_after(&self, line: &str) -> Vec<Question> {
        let asked = self.questions.iter().filter(|(lines, _)| lines.is_match(line));
        asked.map(|(_, question)| question.clone()).collect()
    }
}

impl Compiler<'_> {
    pub(super) fn shell(&self, file: &ShellFile) -> Result<Shell, PlatformError> {
        let questions = file.questions.iter().map(|question| self.line_question(question));
        Ok(Shell {
            prompt: self.regex("shell.prompt", &file.prompt)?,
            endings: Endings::of(&file.prompt).or(&Endings::of(&file.pager)),
            privileged_prompt: self.regex("shell.privileged_prompt", &file.privileged_prompt)?,
            configuration_prompt: self.regex("shell.configuration_prompt", &file.configuration_prompt)?,
            pager: self.regex("shell.pager", &file.pager)?,
            pager_answer: file.pager_answer.clone(),
            enable: file.enable.clone(),
            enable_password_prompt: self.asked(
                "shell.enable_password_prompt",
                &file.enable_password_prompt,
                "",
                true,
            )?,
            opening: file.opening.clone(),
            enter_configuration: file.enter_configuration.clone(),
            leave_configuration: file.leave_configuration.clone(),
            may_leave: self.optional("shell.may_leave", file.may_leave.as_ref())?,
            between_ports: file.between_ports.clone(),
            shared_until: self.optional("shell.shared_until", file.shared_until.as_ref())?,
            block: self.block_sending(file)?,
            host_name: self.capture("shell.host_name", &file.host_name)?,
            line_end: self.line_end(&file.line_end)?,
            comment: file.comment.as_deref().map(|comment| self.comment(comment)).transpose()?,
            questions: questions.collect::<Result<_, PlatformError>>()?,
        })
    }

    fn optional(&self, key: &str, pattern: Option<&String>) -> Result<Option<Regex>, PlatformError> {
        pattern.map(|pattern| self.regex(key, pattern)).transpose()
    }

    fn block_sending(&self, file: &ShellFile) -> Result<Option<BlockSending>, PlatformError> {
        let Some(block) = &file.block else { return Ok(None) };
        if file.comment.is_none() {
            let why = "answers of a block are told apart by comments: shell.comment must be there too";
            return Err(self.faulty("shell.block", why));
        }
        Ok(Some(BlockSending {
            opens_mode: self.regex("shell.block.opens_mode", &block.opens_mode)?,
            alone: self.regex("shell.block.alone", &block.alone)?,
        }))
    }

    fn line_end(&self, text: &str) -> Result<String, PlatformError> {
        if ["\n", "\r", "\r\n"].contains(&text) {
            return Ok(text.to_owned());
        }
        Err(self.faulty("shell.line_end", format!("{text:?} is none of \"\\n\", \"\\r\", \"\\r\\n\"")))
    }

    fn comment(&self, text: &str) -> Result<Comment, PlatformError> {
        let faulty = |why: String| self.faulty("shell.comment", why);
        let sample = Templates::comment(text, SAMPLE_NONCE).map_err(faulty)?;
        match sample.split(SAMPLE_NONCE).collect::<Vec<_>>()[..] {
            [before, after] if !before.trim().is_empty() => {
                Ok(Comment { before: before.to_owned(), after: after.to_owned() })
            }
            _ => Err(faulty(format!("{text:?} must be a comment that has {{{{ nonce }}}} once"))),
        }
    }

    fn line_question(&self, file: &LineQuestionFile) -> Result<(Regex, Question), PlatformError> {
        let question = self.asked("shell.questions", &file.pattern, &file.answer, file.enter)?;
        Ok((self.regex("shell.questions", &file.line)?, question))
    }

    pub(super) fn question(&self, key: &str, file: &QuestionFile) -> Result<Question, PlatformError> {
        self.asked(key, &file.pattern, &file.answer, file.enter)
    }

    fn asked(&self, key: &str, pattern: &str, answer: &str, enter: bool) -> Result<Question, PlatformError> {
        Ok(Question {
            pattern: self.regex(key, pattern)?,
            endings: Endings::of(pattern),
            answer: answer.to_owned(),
            enter,
        })
    }
}

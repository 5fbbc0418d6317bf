//! What an interactive shell has said since a line was typed into it: nothing that counts, a pager, a question, a prompt.
//! A pure state machine over bytes: no channel, and no time.
//!
//! It decides when an answer is complete, which takes more than a prompt: one may be left from before, be redrawn by a log
//! message, or be what output looks like in the middle. Where the platform takes comments, one with a nonce is typed
//! behind the line, and the answer ends at the prompt that stands behind the comment's echo, if it is the one that stood
//! before it. Elsewhere the line's own echo must have ended, and the prompt must begin with the device's name, or
//! be there again after an empty line. On less than that no prompt ends an answer; it is doubtful, and how long a doubtful
//! one is waited on isn't decided here.

use super::answer::{answer_of, behind_echo};
use super::platform::{Question, Shell};
use super::terminal::Screen;
use memchr::memmem;

/// Longer than any prompt or question: what is longer isn't looked at.
const LONGEST_PROMPT_BYTES: usize = 512;

/// Lines from one prompt to the next when nothing is typed: some devices say above each where one stands.
const LINES_OF_A_PROMPT: usize = 4;

/// What stands at the end of what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Nothing that could be acted on.
    Nothing,
    /// A pager, which waits for its key.
    Pager,
    /// This one of the questions.
    Question(usize),
    /// A prompt that nothing vouches for.
    Doubtful,
    /// The prompt behind the answer.
    Prompt,
}

/// An answer, and how it was got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The lines, each ended; without echo, prompts and pagers.
    pub text: String,
    /// Whether all of it is there for sure, and nothing else. If not, only a read-back can tell what the line did.
    pub is_whole: bool,
}

/// One shell's output, looked at an exchange at a time.
#[derive(Debug, Clone)]
pub struct Scanner {
    screen: Screen,
    /// What every prompt of this device begins with, as far as is known.
    stem: String,
    typed: String,
    /// Of a block: each line, and the comment behind it.
    block: Vec<(String, String)>,
    /// The comments that were typed behind it; the last vouches.
    marks: Vec<String>,
    /// The answers that were given to questions.
    given: Vec<String>,
    /// How far the screen was searched for it.
    searched: usize,
    /// The prompt that its echo stood behind.
    framed_by: Option<String>,
    /// Whether an empty line was typed to see the prompt again.
    asked_plainly: bool,
    /// Whether a pager took what was typed ahead for its keys.
    lost_keys: bool,
    /// Whether a pager was given a key.
    turned_page: bool,
}

impl Scanner {
    /// Keeps at most so much of an answer.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            screen: Screen::new(limit_bytes),
            stem: String::new(),
            typed: String::new(),
            block: Vec::new(),
            marks: Vec::new(),
            given: Vec::new(),
            searched: 0,
            framed_by: None,
            asked_plainly: false,
            lost_keys: false,
            turned_page: false,
        }
    }

    /// Every prompt begins like this from now on.
    pub fn learn(&mut self, stem: String) {
        self.stem = stem;
    }

    /// A line is typed, and perhaps a comment ahead of its answer: a new exchange begins.
    pub fn begin(&mut self, typed: &str, comment: Option<String>) {
        self.screen.clear();
        typed.clone_into(&mut self.typed);
        self.block.clear();
        self.marks.clear();
        self.marks.extend(comment);
        self.given.clear();
        self.searched = 0;
        self.framed_by = None;
        (self.asked_plainly, self.lost_keys, self.turned_page) = (false, false, false);
    }

    /// Lines are typed at once, each with a comment behind it: a new exchange begins, which ends behind the last comment.
    pub fn begin_block(&mut self, lines: Vec<(String, String)>) {
        self.begin("", None);
        self.marks.extend(lines.iter().map(|(_, comment)| comment.clone()));
        self.block = lines;
    }

    /// A comment, or an empty line where there are none, is typed to see the prompt once more.
    pub fn ask_again(&mut self, comment: Option<String>) {
        self.asked_plainly = comment.is_none();
        self.marks.extend(comment);
        self.framed_by = None;
    }

    /// The pager was given its key.
    pub fn turn_page(&mut self) {
        self.lost_keys |= !self.marks.is_empty();
        self.turned_page = true;
        self.screen.drop_last_line();
    }

    /// The question was answered, and stays part of the exchange's text; the echo of our answer doesn't.
    pub fn answer_question(&mut self, answer: &str) {
        self.lost_keys |= !self.marks.is_empty();
        self.screen.end_last_line();
        if !answer.is_empty() {
            self.given.push(answer.to_owned());
        }
    }

    /// Takes bytes as they come.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.screen.feed(bytes);
    }

    /// What stands at the end now.
    pub fn look(&mut self, shell: &Shell, questions: &[Question]) -> Seen {
        if self.turned_page {
            self.drop_echoed_key(shell);
        }
        let last = self.screen.last_line();
        let may_be_asked = questions.iter().any(|question| question.endings.may_end(last));
        if last.len() > LONGEST_PROMPT_BYTES || !(shell.endings.may_end(last) || may_be_asked) {
            return Seen::Nothing;
        }
        let last = String::from_utf8_lossy(last).into_owned();
        if shell.pager.is_match(&last) {
            return Seen::Pager;
        }
        if let Some(number) = questions.iter().position(|question| question.pattern.is_match(&last)) {
            return Seen::Question(number);
        }
        if !shell.prompt.is_match(&last) {
            return Seen::Nothing;
        }
        if self.is_vouched_for(&last, shell) { Seen::Prompt } else { Seen::Doubtful }
    }

    /// A blank that came when the pager was gone already, and nobody read the keys, is echoed before the prompt.
    fn drop_echoed_key(&mut self, shell: &Shell) {
        let last = self.screen.last_line();
        let blanks = last.iter().take_while(|byte| **byte == b' ').count();
        let is_ours =
            blanks > 0 && last.len() <= LONGEST_PROMPT_BYTES && shell.pager_answer.trim().is_empty();
        if is_ours && shell.prompt.is_match(&String::from_utf8_lossy(&last[blanks..])) {
            self.screen.drop_from_last_line(blanks);
        }
    }

    fn is_vouched_for(&mut self, prompt: &str, shell: &Shell) -> bool {
        if self.marks.is_empty() {
            return self.is_echoed(shell) && prompt.starts_with(&self.stem) || self.is_repeated(prompt);
        }
        self.search_frame(shell);
        self.framed_by.as_deref() == Some(prompt)
    }

    /// Before a line's own echo has ended, a prompt is the one that we stood at.
    fn is_echoed(&self, shell: &Shell) -> bool {
        let ended = self.screen.ended_lines();
        let lines: Vec<_> = ended.lines().collect();
        behind_echo(&lines, &self.typed, &shell.prompt).is_some()
    }

    fn is_repeated(&self, prompt: &str) -> bool {
        let ended = self.screen.ended_lines();
        self.asked_plainly && ended.lines().rev().take(LINES_OF_A_PROMPT).any(|line| line == prompt)
    }

    /// Looks for the last comment's echo behind a prompt, where it wasn't looked yet.
    fn search_frame(&mut self, shell: &Shell) {
        let Some(mark) = self.marks.last() else { return };
        let ended = self.screen.ended_lines_from(self.searched);
        for at in memmem::find_iter(ended, mark) {
            let begin = memchr::memrchr(b'\n', &ended[..at]).map_or(0, |end| end + 1);
            let before = String::from_utf8_lossy(&ended[begin..at]);
            let is_last = ended[at + mark.len()..].iter().find(|byte| **byte != b' ') == Some(&b'\n');
            if is_last && shell.prompt.is_match(&before) {
                self.framed_by = Some(before.into_owned());
            }
        }
        self.searched = self.screen.position();
    }

    /// Whether the device may be waiting for us although no prompt stands in the last line: a log message came behind it.
    #[must_use]
    pub fn has_seen_prompt(&self, shell: &Shell) -> bool {
        let is_idle = self.screen.last_line().is_empty() && !self.screen.has_overflowed();
        let ended = if is_idle { self.screen.ended_lines() } else { String::new() };
        let is_prompt = |line: &str| {
            let marked = self.marks.iter().find_map(|mark| line.trim_end().strip_suffix(mark.as_str()));
            shell.prompt.is_match(marked.unwrap_or(line))
        };
        ended.lines().any(is_prompt)
    }

    /// The answer that ends at the prompt which was seen.
    #[must_use]
    pub fn answer(&self, shell: &Shell) -> Answer {
        let echoes = [self.marks.as_slice(), &self.given].concat();
        let text = answer_of(&self.screen.ended_lines(), &self.typed, &echoes, &shell.prompt);
        let is_sure = !self.asked_plainly && !self.has_lost_keys(shell);
        Answer { text, is_whole: is_sure && !self.screen.has_overflowed() }
    }

    /// The answers to a block's lines, each with the prompt behind it. Behind a comment whose echo isn't whole nothing is sure any
    /// more.
    #[must_use]
    pub fn block_answers(&self, shell: &Shell) -> Vec<(Answer, Option<String>)> {
        let ended = self.screen.ended_lines();
        let lines: Vec<_> = ended.lines().collect();
        let is_sure = !self.asked_plainly && !self.lost_keys && !self.screen.has_overflowed();
        let (mut left, mut is_whole) = (lines.as_slice(), is_sure);
        let mut answers = Vec::with_capacity(self.block.len());
        for (typed, comment) in &self.block {
            let end = behind_echo(left, comment, &shell.prompt);
            is_whole &= end.is_some();
            let (own, rest) = left.split_at(end.unwrap_or(left.len()));
            let text = answer_of(&own.join("\n"), typed, std::slice::from_ref(comment), &shell.prompt);
            let prompt = own.last().and_then(|line| line.trim_end().strip_suffix(comment.as_str()));
            answers.push((Answer { text, is_whole }, prompt.map(str::to_owned)));
            left = rest;
        }
        answers
    }

    /// What was said to the first comment.
    #[must_use]
    pub fn said_to_comment(&self, shell: &Shell) -> String {
        let ended = self.screen.ended_lines();
        let lines: Vec<_> = ended.lines().collect();
        let first = self.marks.first().map_or("", String::as_str);
        let begin = behind_echo(&lines, first, &shell.prompt).unwrap_or(0);
        answer_of(&lines[begin..].join("\n"), "", &self.marks, &shell.prompt)
    }

    /// Whether a comment frames the answer that is awaited.
    #[must_use]
    pub fn is_framed(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Whether a pager or a question may have taken for its own what was typed ahead: it was given its answer meanwhile, or
    /// the first comment's echo is not whole.
    #[must_use]
    pub fn has_lost_keys(&self, shell: &Shell) -> bool {
        let Some(first) = self.marks.first() else { return false };
        let ended = self.screen.ended_lines();
        let lines: Vec<_> = ended.lines().collect();
        self.lost_keys || behind_echo(&lines, first, &shell.prompt).is_none()
    }

    /// The line that isn't ended.
    #[must_use]
    pub fn last_line(&self) -> String {
        String::from_utf8_lossy(self.screen.last_line()).into_owned()
    }

    /// All that was seen in this exchange and is kept.
    #[must_use]
    pub fn seen(&self) -> String {
        self.screen.text()
    }

    /// Whether there was more than is kept.
    #[must_use]
    pub fn has_overflowed(&self) -> bool {
        self.screen.has_overflowed()
    }
}

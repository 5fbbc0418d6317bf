//! Plays one exchange of a recording against the scanner, as the dialog drives it, and says what it comes to.

use super::super::judge::Judgement;
use super::super::platform::{Platform, Question, Shell};
use super::super::scanner::{Answer, Scanner, Seen};
use super::recording::{Exchange, Expected, Said};

/// How often the prompt is asked for again, as in the dialog.
const ASKED_AGAIN: usize = 3;

/// What a replay comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Known(Expected),
    /// Left to another reading.
    Unsure,
    /// The prompt was never seen.
    Lost,
}

impl Verdict {
    /// Whether this may come of a replay that was tampered with: what was recorded, or what leaves it to a reading.
    pub fn is_safe(&self, recorded: &Expected) -> bool {
        match self {
            Self::Unsure | Self::Lost => true,
            Self::Known(known) => {
                let is_weaker = matches!((known, recorded), (Expected::NotSaved, Expected::Saved));
                known == recorded || *known == Expected::Unclear || is_weaker
            }
        }
    }
}

/// What the device says in one go, already tampered with, in the pieces in which it arrives.
pub type Pieces = Vec<Vec<u8>>;

pub struct Player<'p> {
    pub platform: &'p Platform,
    pub shell: &'p Shell,
    pub stem: &'p str,
    pub is_framed: bool,
    /// Whether the device answers when it is asked again.
    pub is_alive: bool,
}

impl Player<'_> {
    /// Plays it; `tamper` is given each stretch of the device's words, and its number.
    pub fn play(&self, exchange: &Exchange, mut tamper: impl FnMut(usize, &[u8]) -> Pieces) -> Verdict {
        let mut scanner = Scanner::new(1 << 20);
        scanner.learn(self.stem.to_owned());
        let questions = self.questions(exchange);
        let mut said = exchange.said.iter();
        let mut nonces = (1..).map(|n| format!("{n:012x}"));
        let mut stretch = 0;
        let mut nonce = String::new();
        if exchange.expected == Expected::Login {
            scanner.begin("", None);
        } else {
            let typed = said.next();
            assert!(matches!(typed, Some(Said::Client(_))), "{}: a line is typed first", exchange.name);
            nonce = nonces.next().expect("endless");
            scanner.begin(&exchange.typed, exchange.is_ahead.then(|| self.comment(&nonce)));
        }
        let mut seen = Seen::Nothing;
        let mut last_prompt = Vec::new();
        for said in said {
            match said {
                Said::Client(typed) => {
                    // The device goes on only when it was given what it waits for.
                    if !self.respond(&mut scanner, seen, typed, &questions, &mut nonce, &mut nonces) {
                        return Verdict::Lost;
                    }
                }
                Said::Device(bytes) => {
                    let bytes = with_nonce(bytes, &nonce);
                    last_prompt = bytes.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().to_vec();
                    for piece in tamper(stretch, &bytes) {
                        scanner.feed(&piece);
                        seen = scanner.look(self.shell, &questions);
                        if seen == Seen::Prompt && (scanner.is_framed() || !self.is_framed) {
                            return self.verdict(exchange, &scanner.answer(self.shell));
                        }
                    }
                    stretch += 1;
                }
            }
        }
        self.ask_again(exchange, scanner, seen, &last_prompt, &questions, &mut nonces)
    }

    /// The device has fallen silent: it is asked again, and answers as a device would that stands at its prompt.
    fn ask_again(
        &self,
        exchange: &Exchange,
        mut scanner: Scanner,
        mut seen: Seen,
        prompt: &[u8],
        questions: &[Question],
        nonces: &mut impl Iterator<Item = String>,
    ) -> Verdict {
        for _ in 0..if self.is_alive { ASKED_AGAIN } else { 0 } {
            let stands = matches!(seen, Seen::Doubtful | Seen::Prompt) || scanner.has_seen_prompt(self.shell);
            if !stands {
                return Verdict::Lost;
            }
            let comment = self.is_framed.then(|| self.comment(&nonces.next().expect("endless")));
            scanner.ask_again(comment.clone());
            scanner.feed(format!("{}\r\n", comment.unwrap_or_default()).as_bytes());
            scanner.feed(prompt);
            seen = scanner.look(self.shell, questions);
            if seen == Seen::Prompt {
                return self.verdict(exchange, &scanner.answer(self.shell));
            }
        }
        Verdict::Lost
    }

    fn comment(&self, nonce: &str) -> String {
        self.shell.comment.as_ref().expect("the platform takes comments").with(nonce)
    }

    fn questions(&self, exchange: &Exchange) -> Vec<Question> {
        let save = self.platform.save.as_ref().filter(|save| save.command == exchange.typed);
        if let Some(save) = save {
            return save.questions.clone();
        }
        if exchange.typed == self.shell.enable {
            return vec![self.shell.enable_password_prompt.clone()];
        }
        self.shell.questions_after(&exchange.typed)
    }

    /// Types what the recording has, if what was seen asks for it.
    fn respond(
        &self,
        scanner: &mut Scanner,
        seen: Seen,
        typed: &[u8],
        questions: &[Question],
        nonce: &mut String,
        nonces: &mut impl Iterator<Item = String>,
    ) -> bool {
        match seen {
            Seen::Pager => scanner.turn_page(),
            Seen::Question(number) => scanner.answer_question(&questions[number].answer),
            Seen::Doubtful | Seen::Prompt if has_nonce(typed) => {
                *nonce = nonces.next().expect("endless");
                scanner.ask_again(Some(self.comment(nonce)));
            }
            Seen::Doubtful | Seen::Prompt if typed == b"\n" => scanner.ask_again(None),
            Seen::Nothing | Seen::Doubtful | Seen::Prompt => return false,
        }
        true
    }

    fn verdict(&self, exchange: &Exchange, answer: &Answer) -> Verdict {
        let known = match &exchange.expected {
            Expected::Login | Expected::Prompt => exchange.expected.clone(),
            Expected::Fine | Expected::Unclear | Expected::Bad(_) => judged(&self.platform.judge(answer)),
            Expected::Port(_) => return self.port(answer),
            Expected::Saved | Expected::NotSaved => {
                let save = self.platform.save.as_ref().expect("the platform saves");
                if save.saved_if.is_match(&answer.text) { Expected::Saved } else { Expected::NotSaved }
            }
        };
        Verdict::Known(known)
    }

    fn port(&self, answer: &Answer) -> Verdict {
        if !self.platform.output.is_clean(&answer.text) || !self.platform.is_whole(0, answer) {
            return Verdict::Unsure;
        }
        if let Some((_, class)) = self.platform.output.refusal(&answer.text) {
            return Verdict::Known(Expected::Bad(format!("{class:?}")));
        }
        let port = self.platform.port_config(&answer.text);
        let speed = |kbps: Option<u64>| kbps.map_or("-".to_owned(), |kbps| kbps.to_string());
        let vlan = port.access_vlan.map_or("-".to_owned(), |vlan| u16::from(vlan).to_string());
        let (down, up) = (speed(port.down_kbps), speed(port.up_kbps));
        let mac = port.mac.map_or("-".to_owned(), |mac| mac.to_string());
        Verdict::Known(Expected::Port(format!("{} {vlan} {down} {up} {mac}", port.enabled)))
    }
}

fn judged(judgement: &Judgement) -> Expected {
    match judgement {
        Judgement::Fine => Expected::Fine,
        Judgement::Unclear(_) => Expected::Unclear,
        Judgement::Bad { class, .. } => Expected::Bad(format!("{class:?}")),
    }
}

const PLACE: &[u8] = b"{nonce}";

fn has_nonce(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, PLACE).is_some()
}

pub fn with_nonce(bytes: &[u8], nonce: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, PLACE) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(nonce.as_bytes());
        rest = &rest[at + PLACE.len()..];
    }
    out.extend_from_slice(rest);
    out
}

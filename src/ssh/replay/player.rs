//! Plays one exchange of a transcript against a platform file, as the dialog drives it, and says what it comes to.

use super::super::judge::Judgement;
use super::super::platform::{Platform, Question, Save, Shell};
use super::super::scanner::{Answer, Scanner, Seen};
use super::recording::{Exchange, Expected, Said};
use std::fmt;
use switchyard_actors::domain::ids::PortName;

/// How often the prompt is asked for again, as in the dialog.
const ASKED_AGAIN: usize = 3;

/// What a replay comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// This.
    Known(Expected),
    /// Left to another reading.
    Unsure,
    /// The prompt was never seen, or the device waited for something that the file doesn't know.
    Lost,
    /// The file has nothing to judge it by.
    Unfit(&'static str),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(known) => known.fmt(f),
            Self::Unsure => f.write_str("not surely whole, and so read again"),
            Self::Lost => f.write_str("no prompt or question that the file knows"),
            Self::Unfit(why) => f.write_str(why),
        }
    }
}

impl Verdict {
    /// Whether this may come of a replay that was tampered with: what was recorded, or what leaves it to a reading.
    #[must_use]
    pub fn is_safe(&self, recorded: &Expected) -> bool {
        match self {
            Self::Unsure | Self::Lost => true,
            Self::Unfit(_) => false,
            Self::Known(known) => {
                // One that is asked who it is and is somebody else is asked again.
                let is_weaker = matches!(
                    (known, recorded),
                    (Expected::NotSaved, Expected::Saved) | (Expected::AnotherDevice, Expected::Device(_))
                );
                known == recorded || *known == Expected::Unclear || is_weaker
            }
        }
    }
}

/// What a replay comes to, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// What.
    pub verdict: Verdict,
    /// The answer that was judged; where none was, all that was seen.
    pub seen: String,
}

/// What the device says in one go in the pieces in which it arrives.
pub type Pieces = Vec<Vec<u8>>;

/// Plays exchanges of one transcript on a shell.
pub struct Player<'p> {
    /// Whose patterns judge.
    pub platform: &'p Platform,
    /// Its shell.
    pub shell: &'p Shell,
    /// What every prompt begins with.
    pub stem: &'p str,
    /// Whether comments frame the answers.
    pub is_framed: bool,
    /// Whether the device answers when it is asked again.
    pub is_alive: bool,
}

impl Player<'_> {
    /// Plays it; `tamper` is given each stretch of the device's words, and its number.
    pub fn play(&self, exchange: &Exchange, mut tamper: impl FnMut(usize, &[u8]) -> Pieces) -> Played {
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
            said.next();
            nonce = nonces.next().expect("endless");
            let comment = if exchange.is_ahead { self.comment(&nonce) } else { None };
            scanner.begin(&exchange.typed, comment);
        }
        let mut seen = Seen::Nothing;
        let mut last_prompt = Vec::new();
        for said in said {
            match said {
                Said::Client(typed) => {
                    // The device goes on only when it was given what it waits for.
                    if !self.respond(&mut scanner, seen, typed, &questions, &mut nonce, &mut nonces) {
                        return lost(&scanner);
                    }
                }
                Said::Device(bytes) => {
                    let bytes = with_nonce(bytes, &nonce);
                    last_prompt = bytes.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().to_vec();
                    for piece in tamper(stretch, &bytes) {
                        scanner.feed(&piece);
                        seen = scanner.look(self.shell, &questions);
                        if seen == Seen::Prompt && (scanner.is_framed() || !self.is_framed) {
                            return judged(self.platform, exchange, scanner.answer(self.shell));
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
    ) -> Played {
        for _ in 0..if self.is_alive { ASKED_AGAIN } else { 0 } {
            let stands = matches!(seen, Seen::Doubtful | Seen::Prompt) || scanner.has_seen_prompt(self.shell);
            if !stands {
                return lost(&scanner);
            }
            let nonce = nonces.next().expect("endless");
            let comment = if self.is_framed { self.comment(&nonce) } else { None };
            scanner.ask_again(comment.clone());
            scanner.feed(format!("{}\r\n", comment.unwrap_or_default()).as_bytes());
            scanner.feed(prompt);
            seen = scanner.look(self.shell, questions);
            if seen == Seen::Prompt {
                return judged(self.platform, exchange, scanner.answer(self.shell));
            }
        }
        lost(&scanner)
    }

    fn comment(&self, nonce: &str) -> Option<String> {
        self.shell.comment.as_ref().map(|comment| comment.with(nonce))
    }

    fn questions(&self, exchange: &Exchange) -> Vec<Question> {
        let save = self.platform.save.as_ref().filter(|save| save.command == exchange.typed);
        if let Some(save) = save {
            return save.questions.clone();
        }
        if exchange.typed == self.shell.enable {
            return vec![self.shell.enable_password_prompt.clone()];
        }
        // What is asked before the first prompt is asked behind nothing, whatever it is answered with.
        let line = if exchange.expected == Expected::Login { "" } else { &exchange.typed };
        self.shell.questions_after(line)
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
                scanner.ask_again(self.comment(nonce));
            }
            Seen::Doubtful | Seen::Prompt if is_line_end(typed) => scanner.ask_again(None),
            Seen::Nothing | Seen::Doubtful | Seen::Prompt => return false,
        }
        true
    }
}

/// Plays an exchange on a channel of its own: there all of the device's words are the answer.
#[must_use]
pub fn play_exec(platform: &Platform, exchange: &Exchange) -> Played {
    let device = exchange.said.iter().filter_map(|said| match said {
        Said::Device(bytes) => Some(bytes.as_slice()),
        Said::Client(_) => None,
    });
    let bytes: Vec<_> = device.collect();
    let text = String::from_utf8_lossy(&bytes.concat()).replace("\r\n", "\n");
    judged(platform, exchange, Answer { text, is_whole: true })
}

fn lost(scanner: &Scanner) -> Played {
    Played { verdict: Verdict::Lost, seen: scanner.seen() }
}

fn judged(platform: &Platform, exchange: &Exchange, answer: Answer) -> Played {
    let verdict = match &exchange.expected {
        Expected::Login | Expected::Prompt => Verdict::Known(exchange.expected.clone()),
        Expected::Fine | Expected::Unclear | Expected::Bad(_) => of_line(&platform.judge(&answer)),
        Expected::Port(_) => of_port(platform, exchange, &answer),
        Expected::Device(_) | Expected::AnotherDevice => of_identity(platform, exchange, &answer),
        Expected::Saved | Expected::NotSaved => of_save(platform, exchange, &answer),
    };
    Played { verdict, seen: answer.text }
}

fn of_line(judgement: &Judgement) -> Verdict {
    Verdict::Known(match judgement {
        Judgement::Fine => Expected::Fine,
        Judgement::Unclear(_) => Expected::Unclear,
        Judgement::Bad { class, .. } => Expected::Bad(*class),
    })
}

fn of_save(platform: &Platform, exchange: &Exchange, answer: &Answer) -> Verdict {
    // Where a save says nothing, it is what is asked behind it that tells.
    let tells = |save: &Save| save.check.clone().unwrap_or_else(|| save.command.clone());
    match &platform.save {
        Some(save) if tells(save) != exchange.typed => {
            Verdict::Unfit("neither the file's save.command nor its save.check")
        }
        Some(save) if save.saved_if.is_match(&answer.text) => Verdict::Known(Expected::Saved),
        Some(_) => Verdict::Known(Expected::NotSaved),
        None => Verdict::Unfit("the file has no [save]"),
    }
}

fn of_identity(platform: &Platform, exchange: &Exchange, answer: &Answer) -> Verdict {
    match &platform.identity {
        Some(identity) if identity.command != exchange.typed => {
            Verdict::Unfit("not the file's identity.command")
        }
        Some(_) if !answer.is_whole || !platform.output.is_clean(&answer.text) => Verdict::Unsure,
        Some(identity) => {
            let told = identity.read(&platform.output.without_logs(&answer.text));
            Verdict::Known(told.map_or(Expected::AnotherDevice, Expected::Device))
        }
        None => Verdict::Unfit("the file has no [identity]"),
    }
}

fn of_port(platform: &Platform, exchange: &Exchange, answer: &Answer) -> Verdict {
    let Some(number) = read_command(platform, &exchange.typed) else {
        return Verdict::Unfit("none of the file's read.commands");
    };
    if !platform.output.is_clean(&answer.text) || !platform.is_whole(number, answer) {
        return Verdict::Unsure;
    }
    if let Some((_, class)) = platform.output.refusal(&answer.text) {
        return Verdict::Known(Expected::Bad(class));
    }
    let port = platform.port_config(&answer.text);
    let speed = |kbps: Option<u64>| kbps.map_or("-".to_owned(), |kbps| kbps.to_string());
    let vlan = port.access_vlan.map_or("-".to_owned(), |vlan| u16::from(vlan).to_string());
    let (down, up) = (speed(port.down_kbps), speed(port.up_kbps));
    let mac = port.mac.map_or("-".to_owned(), |mac| mac.to_string());
    Verdict::Known(Expected::Port(format!("{} {vlan} {down} {up} {mac}", port.enabled)))
}

/// Which of the read commands this is, for whichever port.
fn read_command(platform: &Platform, typed: &str) -> Option<usize> {
    // A port may stand in quotes, behind a bar or before a bracket: between what no port's name has.
    let ends_name = |c: char| !(c.is_ascii_alphanumeric() || "./:_-".contains(c));
    let ports = typed.split(ends_name).filter_map(|word| PortName::parse(word).ok());
    ports
        .filter_map(|port| platform.read_commands(&port).ok())
        .find_map(|commands| commands.iter().position(|command| command == typed))
}

const PLACE: &[u8] = b"{nonce}";

fn has_nonce(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, PLACE).is_some()
}

fn is_line_end(bytes: &[u8]) -> bool {
    [b"\n".as_slice(), b"\r", b"\r\n"].contains(&bytes)
}

fn with_nonce(bytes: &[u8], nonce: &str) -> Vec<u8> {
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

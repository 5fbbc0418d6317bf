//! A transcript: what went over the wire, both ways, byte by byte, and what each exchange comes to.
//!
//! `<` is what the device sent, `>` what was typed, in the escapes of C; `=` says what the exchange before it comes to; `#`
//! is a remark, or one of the heads `# platform: NAME`, `# comments: taken` (or `refused`) and `# stem: TEXT`, with which every
//! prompt begins. `{nonce}` stands for a comment's nonce. What can't be read is named with its file and line.

use super::super::platform::Identified;
use std::fmt;
use std::path::{Path, PathBuf};
use switchyard_actors::domain::failure::FailureClass;

/// A transcript can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    /// It, or its folder, can't be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A line in it is wrong.
    #[error("{file}:{line}: {why}")]
    Faulty {
        /// Which file.
        file: String,
        /// Which line, the first being 1.
        line: usize,
        /// What is wrong, and what is accepted.
        why: String,
    },
    /// None in the folder is of the platform.
    #[error(
        "{folder}: no transcript (*.txt) has the head \"# platform: {platform}\"; there are some of {others:?}"
    )]
    NoneOfPlatform {
        /// Where.
        folder: PathBuf,
        /// Of which.
        platform: String,
        /// Of which there are.
        others: Vec<String>,
    },
}

/// What an exchange comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// The first prompt.
    Login,
    /// A prompt, nothing more.
    Prompt,
    /// The line was taken.
    Fine,
    /// Neither a yes nor a no: left to the read-back.
    Unclear,
    /// Refused with this class.
    Bad(FailureClass),
    /// A port: enabled, VLAN, kbit/s down and up, MAC; `-` is none.
    Port(String),
    /// A device of this platform: its serial number and its model.
    Device(Identified),
    /// A device of another platform.
    AnotherDevice,
    /// The configuration was saved.
    Saved,
    /// It was not.
    NotSaved,
}

const VERDICTS: &str = "login, prompt, fine, unclear, bad CLASS, port ENABLED VLAN DOWN_KBPS UP_KBPS MAC, device SERIAL MODEL, another-device, saved, not-saved";

/// What stands for what isn't told.
const NONE: &str = "-";

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Login => f.write_str("login"),
            Self::Prompt => f.write_str("prompt"),
            Self::Fine => f.write_str("fine"),
            Self::Unclear => f.write_str("unclear"),
            Self::Bad(class) => write!(f, "bad {}", name_of(*class)),
            Self::Port(port) => write!(f, "port {port}"),
            Self::Device(told) => {
                let shown = |part: &Option<String>| part.clone().unwrap_or_else(|| NONE.to_owned());
                write!(f, "device {} {}", shown(&told.serial), shown(&told.model))
            }
            Self::AnotherDevice => f.write_str("another-device"),
            Self::Saved => f.write_str("saved"),
            Self::NotSaved => f.write_str("not-saved"),
        }
    }
}

/// As a platform file has it.
fn name_of(class: FailureClass) -> String {
    let name = serde_json::to_value(class).ok();
    name.as_ref().and_then(|name| name.as_str()).unwrap_or_default().to_owned()
}

/// One side's words.
#[derive(Debug, Clone)]
pub enum Said {
    /// What the device sent in one go.
    Device(Vec<u8>),
    /// What was typed.
    Client(Vec<u8>),
}

/// A line, and all that came of it until the next.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The file and the line that is typed.
    pub name: String,
    /// Where its verdict stands, the file's first line being 1.
    pub line: usize,
    /// The line, without its end and the comment.
    pub typed: String,
    /// Whether a comment travels with it.
    pub is_ahead: bool,
    /// Both sides in turn, beginning with what was typed; a login begins with the device.
    pub said: Vec<Said>,
    /// What it comes to.
    pub expected: Expected,
}

/// A whole transcript.
#[derive(Debug)]
pub struct Recording {
    /// Where it was read.
    pub file: String,
    /// Of which platform it is.
    pub platform: String,
    /// Whether the device takes comments.
    pub is_framed: bool,
    /// What every prompt begins with.
    pub stem: String,
    /// In their order.
    pub exchanges: Vec<Exchange>,
}

/// Every transcript of a folder: its files that end in `.txt`, by name.
///
/// # Errors
/// [`TranscriptError`].
pub fn read_folder(folder: &Path) -> Result<Vec<Recording>, TranscriptError> {
    let unreadable = |error| TranscriptError::Unreadable { path: folder.into(), error };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Recording, TranscriptError> {
    let unreadable = |error| TranscriptError::Unreadable { path: path.into(), error };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let file = path.display().to_string();
    parse(&file, &text).map_err(|(line, why)| TranscriptError::Faulty { file, line, why })
}

/// What is wrong, behind the line's number.
type Fault = (usize, String);

fn parse(file: &str, text: &str) -> Result<Recording, Fault> {
    let heads = Heads { text };
    let mut recording = Recording {
        file: file.to_owned(),
        platform: heads.get("platform").ok_or((1, "no head \"# platform: NAME\"".to_owned()))?.1.to_owned(),
        is_framed: heads.is_framed()?,
        stem: heads.get("stem").map_or(String::new(), |(_, stem)| stem.to_owned()),
        exchanges: Vec::new(),
    };
    let mut said = Vec::new();
    let mut last = 0;
    for (number, line) in numbered(text).filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        last = number;
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        let bytes = || unescaped(rest).map_err(|why| (number, why));
        match mark {
            "<" => said.push(Said::Device(bytes()?)),
            ">" => said.push(Said::Client(bytes()?)),
            "=" => recording.exchanges.push(exchange(file, number, std::mem::take(&mut said), rest)?),
            other => {
                return Err((number, format!("{other:?} is none of <, >, = and #, with a space behind it")));
            }
        }
    }
    match said.is_empty() {
        true => Ok(recording),
        false => Err((last, format!("no verdict behind it: \"= \" and one of {VERDICTS}"))),
    }
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(number, line)| (number + 1, line))
}

struct Heads<'a> {
    text: &'a str,
}

impl<'a> Heads<'a> {
    fn get(&self, key: &str) -> Option<(usize, &'a str)> {
        numbered(self.text).find_map(|(number, line)| {
            Some((number, line.strip_prefix("# ")?.strip_prefix(key)?.strip_prefix(": ")?.trim_end()))
        })
    }

    fn is_framed(&self) -> Result<bool, Fault> {
        match self.get("comments") {
            Some((_, "taken")) => Ok(true),
            Some((_, "refused")) | None => Ok(false),
            Some((number, other)) => Err((number, format!("comments: {other:?} is none of taken, refused"))),
        }
    }
}

fn exchange(file: &str, line: usize, said: Vec<Said>, verdict: &str) -> Result<Exchange, Fault> {
    let expected = parse_expected(verdict).map_err(|why| (line, why))?;
    let first = said.iter().find_map(|said| match said {
        Said::Client(typed) => Some(String::from_utf8_lossy(typed).into_owned()),
        Said::Device(_) => None,
    });
    let begins_typed = matches!(said.first(), Some(Said::Client(_)));
    let Some(first) = first.filter(|_| begins_typed || expected == Expected::Login) else {
        return Err((
            line,
            "nothing was typed before the device's words: \"> \" begins an exchange".to_owned(),
        ));
    };
    // Enter is a carriage return on some devices.
    let mut lines = first.split(['\r', '\n']);
    let typed = lines.next().unwrap_or_default().to_owned();
    let is_ahead = lines.any(|line| !line.is_empty());
    Ok(Exchange { name: format!("{file}: {typed}"), line, typed, is_ahead, said, expected })
}

fn parse_expected(text: &str) -> Result<Expected, String> {
    let expected = match text.split_once(' ').unwrap_or((text, "")) {
        ("login", "") => Expected::Login,
        ("prompt", "") => Expected::Prompt,
        ("fine", "") => Expected::Fine,
        ("unclear", "") => Expected::Unclear,
        ("bad", class) => Expected::Bad(class_of(class)?),
        ("port", port) if port.split(' ').count() == 5 => Expected::Port(port.to_owned()),
        ("device", told) if told.contains(' ') => Expected::Device(identified(told)),
        ("another-device", "") => Expected::AnotherDevice,
        ("saved", "") => Expected::Saved,
        ("not-saved", "") => Expected::NotSaved,
        _ => return Err(format!("{text:?} is no verdict; accepted are {VERDICTS}")),
    };
    Ok(expected)
}

/// A model may be several words.
fn identified(text: &str) -> Identified {
    let told = |part: &str| Some(part.to_owned()).filter(|part| part != NONE);
    let (serial, model) = text.split_once(' ').unwrap_or((text, NONE));
    Identified { serial: told(serial), model: told(model) }
}

/// By the name that a platform file gives it, or the one that an error gives it.
fn class_of(text: &str) -> Result<FailureClass, String> {
    let is_it = |class: &FailureClass| name_of(*class) == text || format!("{class:?}") == text;
    FailureClass::ALL.into_iter().find(is_it).ok_or_else(|| {
        let names: Vec<_> = FailureClass::ALL.into_iter().map(name_of).collect();
        format!("{text:?} is no class; accepted are {}", names.join(", "))
    })
}

const ESCAPES: &str = r"\r, \n, \t, \e, \b, \a, \0, \\ and \x with two hexadecimal digits";

fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        bytes.push(match rest.next() {
            Some('r') => b'\r',
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('e') => 0x1b,
            Some('b') => 0x08,
            Some('a') => 0x07,
            Some('0') => 0x00,
            Some('\\') => b'\\',
            Some('x') => hexadecimal(&mut rest)?,
            Some(other) => return Err(format!("\\{other} is no escape; accepted are {ESCAPES}")),
            None => return Err(format!("an escape is cut off; accepted are {ESCAPES}")),
        });
    }
    Ok(bytes)
}

fn hexadecimal(rest: &mut std::str::Chars<'_>) -> Result<u8, String> {
    let digits: String = rest.take(2).collect();
    let byte = u8::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 2);
    byte.ok_or_else(|| format!("\\x{digits} is no byte; accepted are {ESCAPES}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# platform: cisco_ios\n# comments: taken\n# stem: sw\n";

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_what_is_accepted() {
        let table = [
            ("", 1, "no head \"# platform: NAME\""),
            ("# platform: x\n# comments: yes\n", 2, "none of taken, refused"),
            ("# platform: x\n> shut\\n\n< shut\\q\n= fine\n", 3, "\\q is no escape"),
            ("# platform: x\n> shut\\x4\n= fine\n", 2, "\\x4 is no byte"),
            ("# platform: x\n> shut\\\n= fine\n", 2, "cut off"),
            ("# platform: x\n>shut\n", 2, "none of <, >, = and #"),
            ("# platform: x\n> shut\\n\n= good\n", 3, "accepted are login, prompt, fine"),
            ("# platform: x\n> shut\\n\n= bad weather\n", 3, "accepted are unreachable, "),
            ("# platform: x\n> show\\n\n= port true 142\n", 3, "port ENABLED VLAN"),
            ("# platform: x\n> show\\n\n= device FCW1\n", 3, "device SERIAL MODEL"),
            ("# platform: x\n< sw#\n> shut\\n\n= fine\n", 4, "nothing was typed"),
            ("# platform: x\n> shut\\n\n\n# a remark\n", 2, "no verdict behind it"),
        ];
        for (text, line, why) in table {
            let (found, said) = parse("case.txt", text).expect_err(text);
            assert!(found == line && said.contains(why), "{text:?}: {found}: {said}");
        }
    }

    #[test]
    fn a_class_has_the_name_of_a_platform_file_and_that_of_an_error() {
        for class in FailureClass::ALL {
            assert_eq!(class_of(&name_of(class)), Ok(class));
            assert_eq!(class_of(&format!("{class:?}")), Ok(class));
        }
        assert_eq!(Expected::Bad(FailureClass::CommandRejected).to_string(), "bad command_rejected");
    }

    #[test]
    fn bytes_are_kept_whatever_they_are() {
        assert_eq!(unescaped(r"caf\xc3\xa9 é\0\e[0m\\"), Ok(b"caf\xc3\xa9 \xc3\xa9\0\x1b[0m\\".to_vec()));
        let recording = parse("case.txt", &format!("{HEAD}> shut\\n! {{nonce}}\\n\n< x\n= fine\n"));
        let exchange = recording.expect("a transcript").exchanges.remove(0);
        assert_eq!((exchange.line, exchange.typed.as_str(), exchange.is_ahead), (6, "shut", true));
    }

    #[test]
    fn a_line_is_typed_with_the_enter_of_its_device() {
        for (typed, is_ahead) in [("shut\\n", false), ("shut\\r", false), ("shut\\r! {nonce}\\r", true)] {
            let recording = parse("case.txt", &format!("{HEAD}> {typed}\n< x\n= fine\n"));
            let exchange = recording.expect("a transcript").exchanges.remove(0);
            assert_eq!((exchange.typed.as_str(), exchange.is_ahead), ("shut", is_ahead), "{typed}");
        }
    }
}

//! The files under `tests/transcripts/`: what went over the wire, both ways, byte by byte.
//!
//! `<` is what the device sent, `>` what was typed, in the escapes of C; `=` says what the exchange before it comes to; `#`
//! is a remark. `{nonce}` stands for a comment's nonce.

use super::super::{Platform, Platforms};
use std::path::Path;

/// What an exchange comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// The first prompt.
    Login,
    /// A prompt, nothing more.
    Prompt,
    Fine,
    Unclear,
    /// Refused with this class.
    Bad(String),
    /// A port: enabled, VLAN, kbit/s down and up, MAC.
    Port(String),
    Saved,
    NotSaved,
}

#[derive(Debug, Clone)]
pub enum Said {
    Device(Vec<u8>),
    Client(Vec<u8>),
}

#[derive(Debug, Clone)]
pub struct Exchange {
    /// The file and the line that is typed.
    pub name: String,
    /// The line, without its end and the comment.
    pub typed: String,
    /// Whether a comment travels with it.
    pub is_ahead: bool,
    /// Both sides in turn, beginning with what was typed.
    pub said: Vec<Said>,
    pub expected: Expected,
}

pub struct Recording {
    pub platform: String,
    /// Whether the device takes comments.
    pub is_framed: bool,
    /// What every prompt begins with.
    pub stem: String,
    pub exchanges: Vec<Exchange>,
}

impl Recording {
    pub fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
        let files = std::fs::read_dir(&folder).expect("the folder of transcripts");
        let mut paths: Vec<_> = files.map(|file| file.expect("an entry").path()).collect();
        paths.sort();
        paths
            .iter()
            .filter(|path| path.extension().is_some_and(|end| end == "txt"))
            .map(|path| Self::read(path))
            .collect()
    }

    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a transcript");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let header = |key: &str| {
            let found =
                text.lines().find_map(|line| line.strip_prefix("# ")?.strip_prefix(key)?.strip_prefix(": "));
            found.unwrap_or_else(|| panic!("{name}: no {key}")).to_owned()
        };
        let mut recording = Self {
            platform: header("platform"),
            is_framed: header("comments") == "taken",
            stem: header("stem"),
            exchanges: Vec::new(),
        };
        let mut said = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (mark, rest) = line.split_at(2);
            match mark {
                "< " => said.push(Said::Device(unescaped(rest))),
                "> " => said.push(Said::Client(unescaped(rest))),
                "= " => recording.exchanges.push(exchange(&name, std::mem::take(&mut said), rest)),
                other => panic!("{name}: {other:?}"),
            }
        }
        recording
    }

    pub fn platform<'p>(&self, platforms: &'p Platforms) -> &'p Platform {
        platforms.get(&self.platform).expect("a built-in platform")
    }
}

fn exchange(name: &str, said: Vec<Said>, expected: &str) -> Exchange {
    let first = said.iter().find_map(|said| match said {
        Said::Client(typed) => Some(String::from_utf8_lossy(typed).into_owned()),
        Said::Device(_) => None,
    });
    let mut typed = first.expect("something is typed");
    let is_ahead = typed.lines().count() == 2;
    typed = typed.lines().next().unwrap_or_default().to_owned();
    Exchange { name: format!("{name}: {typed}"), typed, is_ahead, said, expected: parse_expected(expected) }
}

fn parse_expected(text: &str) -> Expected {
    match text.split_once(' ').unwrap_or((text, "")) {
        ("login", _) => Expected::Login,
        ("prompt", _) => Expected::Prompt,
        ("fine", _) => Expected::Fine,
        ("unclear", _) => Expected::Unclear,
        ("bad", class) => Expected::Bad(class.to_owned()),
        ("port", port) => Expected::Port(port.to_owned()),
        ("saved", _) => Expected::Saved,
        ("not-saved", _) => Expected::NotSaved,
        (other, _) => panic!("{other:?} is no verdict"),
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next().expect("an escape") {
                b'r' => b'\r',
                b'n' => b'\n',
                b'e' => 0x1b,
                b'b' => 0x08,
                b'a' => 0x07,
                b'0' => 0x00,
                b'x' => {
                    let digits = [rest.next().expect("a digit"), rest.next().expect("a digit")];
                    u8::from_str_radix(&String::from_utf8_lossy(&digits), 16).expect("two digits")
                }
                other => other,
            },
            byte => byte,
        });
    }
    bytes
}

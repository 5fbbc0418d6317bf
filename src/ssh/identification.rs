//! What the other side said before the key exchange: nothing, its identification line, or something else. The library keeps
//! none of it when a connect fails, and it is what tells a switch without a free line from one that can't agree with us.

use std::sync::{Arc, Mutex, PoisonError};

/// Longest identification line in RFC 4253, and the most of other words that is kept.
const LINE_LIMIT_BYTES: usize = 255;

const MARK: &[u8] = b"SSH-";

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// Not a byte.
    Silence,
    /// Words, and no identification among them yet: the last line so far.
    Words(Vec<u8>),
    /// The identification line.
    Identified(String),
}

impl Opening {
    /// With more bytes. Lines before the identification are allowed.
    #[must_use]
    fn and(self, bytes: &[u8]) -> Self {
        bytes.iter().fold(self, |opening, byte| match opening {
            Self::Silence => Self::Words(Vec::new()).take(*byte),
            words @ Self::Words(_) => words.take(*byte),
            identified @ Self::Identified(_) => identified,
        })
    }

    fn take(self, byte: u8) -> Self {
        let Self::Words(mut line) = self else { return self };
        match byte {
            b'\n' if line.starts_with(MARK) => Self::Identified(shown(&line)),
            // A line that has ended is kept until the next begins: it may be all that is said.
            _ => {
                if line.last() == Some(&b'\n') {
                    line.clear();
                }
                if line.len() < LINE_LIMIT_BYTES {
                    line.push(byte);
                }
                Self::Words(line)
            }
        }
    }

    /// For a person.
    pub fn describe(&self) -> String {
        match self {
            Self::Silence => "said nothing".to_owned(),
            Self::Words(line) => format!("said {:?}, which is no SSH identification", shown(line)),
            Self::Identified(line) => format!("identified itself as {line:?}"),
        }
    }
}

fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end().to_owned()
}

/// Shared between a stream and whoever has to say why it failed.
#[derive(Clone)]
pub struct Overheard(Arc<Mutex<Opening>>);

impl Default for Overheard {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Opening::Silence)))
    }
}

impl Overheard {
    /// More was said.
    pub fn hear(&self, bytes: &[u8]) {
        let mut opening = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*opening, Opening::Identified(_)) {
            *opening = std::mem::replace(&mut *opening, Opening::Silence).and(bytes);
        }
    }

    /// What was said so far.
    pub fn opening(&self) -> Opening {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identification_is_found_after_other_lines_and_however_it_is_split() {
        let text = b"Welcome\r\nto sw1\r\nSSH-2.0-Cisco-1.25\r\n\0\0\x01garbage";
        for split in 0..text.len() {
            let opening = Opening::Silence.and(&text[..split]).and(&text[split..]);
            assert_eq!(opening, Opening::Identified("SSH-2.0-Cisco-1.25".into()), "{split}");
        }
    }

    #[test]
    fn silence_words_and_half_an_identification_are_told_apart() {
        assert_eq!(Opening::Silence.and(b"").describe(), "said nothing");
        let words = Opening::Silence.and(b"first\r\nExceeded MaxStartups\r\n").describe();
        assert_eq!(words, "said \"Exceeded MaxStartups\", which is no SSH identification");
        assert!(matches!(Opening::Silence.and(b"SSH-2.0-Cis"), Opening::Words(_)));
        let Opening::Words(line) = Opening::Silence.and(&[b'x'; 10_000]) else { panic!("words") };
        assert_eq!(line.len(), LINE_LIMIT_BYTES);
    }
}

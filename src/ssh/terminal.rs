//! What a switch sent, as a person would see it: a pure state machine over bytes, split anywhere.
//!
//! Escape sequences, NUL and BEL are taken out, a backspace takes back, a lone carriage return starts the line over, as
//! pagers do to erase themselves. Bytes that are no UTF-8 are kept until the text is looked at, then shown as U+FFFD.

/// Where the parser stands between two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Text,
    /// A carriage return was seen: the next byte tells whether the line ends or starts over.
    Return,
    /// ESC was seen.
    Escape,
    /// ESC [ was seen: parameters until a final byte.
    Control,
    /// ESC ] was seen: until BEL or ESC.
    Command,
}

/// The visible text since the last [`Screen::clear`], bounded.
#[derive(Debug, Clone)]
pub struct Screen {
    mode: Mode,
    done: Vec<u8>,
    line: Vec<u8>,
    limit_bytes: usize,
    overflowed: bool,
}

impl Screen {
    /// An empty one, which keeps at most so many bytes.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self { mode: Mode::Text, done: Vec::new(), line: Vec::new(), limit_bytes, overflowed: false }
    }

    /// Takes bytes as they come.
    pub fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.mode = self.step(*byte);
        }
    }

    fn step(&mut self, byte: u8) -> Mode {
        match (self.mode, byte) {
            (Mode::Escape, b'[') => Mode::Control,
            (Mode::Escape, b']') => Mode::Command,
            (Mode::Escape, _) => Mode::Text,
            (Mode::Control, 0x40..=0x7e) => Mode::Text,
            (Mode::Control, _) => Mode::Control,
            (Mode::Command, 0x07) => Mode::Text,
            (Mode::Command, 0x1b) => Mode::Escape,
            (Mode::Command, _) => Mode::Command,
            (Mode::Return, b'\r') => Mode::Return,
            (Mode::Return, b'\n') | (Mode::Text, b'\n') => self.end_line(),
            (Mode::Return, _) => {
                self.line.clear();
                self.mode = Mode::Text;
                self.step(byte)
            }
            (Mode::Text, b'\r') => Mode::Return,
            (Mode::Text, 0x1b) => Mode::Escape,
            (Mode::Text, 0x08 | 0x7f) => {
                self.line.pop();
                Mode::Text
            }
            (Mode::Text, 0x00 | 0x07) => Mode::Text,
            (Mode::Text, _) => self.keep(byte),
        }
    }

    fn keep(&mut self, byte: u8) -> Mode {
        if self.done.len() + self.line.len() < self.limit_bytes {
            self.line.push(byte);
        } else {
            self.overflowed = true;
        }
        Mode::Text
    }

    fn end_line(&mut self) -> Mode {
        self.done.append(&mut self.line);
        self.done.push(b'\n');
        Mode::Text
    }

    /// The line that isn't ended yet: where a prompt, a question or a pager stands.
    #[must_use]
    pub fn last_line(&self) -> String {
        String::from_utf8_lossy(&self.line).into_owned()
    }

    /// The lines that are ended.
    #[must_use]
    pub fn ended_lines(&self) -> String {
        String::from_utf8_lossy(&self.done).into_owned()
    }

    /// Whether a line has ended since the last clear.
    #[must_use]
    pub fn has_ended_line(&self) -> bool {
        !self.done.is_empty()
    }

    /// Whether there was more than is kept.
    #[must_use]
    pub fn has_overflowed(&self) -> bool {
        self.overflowed
    }

    /// Forgets the text, not where the parser stands.
    pub fn clear(&mut self) {
        self.done.clear();
        self.line.clear();
        self.overflowed = false;
    }

    /// Forgets the line that isn't ended: a pager that was answered.
    pub fn drop_last_line(&mut self) {
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(bytes: &[u8]) -> (String, String) {
        let mut screen = Screen::new(10_000);
        screen.feed(bytes);
        (screen.ended_lines(), screen.last_line())
    }

    #[test]
    fn escapes_backspaces_and_lone_returns_are_taken_as_a_terminal_takes_them() {
        let told =
            b"\x1b[2J\x1b]0;title\x07sw>ena\x08\x08\x08enable\r\n--More--\r        \rinterface\r\r\nsw#\x07 ";
        assert_eq!(shown(told), ("sw>enable\ninterface\n".into(), "sw# ".into()));
    }

    #[test]
    fn output_without_end_is_bounded() {
        let mut screen = Screen::new(100);
        (0..10_000).for_each(|_| screen.feed(b"x"));
        assert!(screen.has_overflowed());
        assert_eq!(screen.last_line().len(), 100);
    }

    proptest! {
        #[test]
        fn bytes_split_anywhere_are_the_same_text(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0..300usize) {
            let at = at.min(bytes.len());
            let mut split = Screen::new(10_000);
            split.feed(&bytes[..at]);
            split.feed(&bytes[at..]);
            prop_assert_eq!((split.ended_lines(), split.last_line()), shown(&bytes));
        }
    }
}

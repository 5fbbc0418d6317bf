//! What a switch sent, as a person would see it: a pure state machine over bytes, split anywhere.
//!
//! Escape sequences, NUL and BEL are taken out, a backspace takes back, a lone carriage return starts the line over, as
//! pagers do to erase themselves. Bytes that are no UTF-8 are kept until the text is looked at, then shown as U+FFFD.
//! It must never know a prompt: what the text means is the scanner's to say.

/// A line at least this wide that ends in a blank and a lone carriage return goes on behind it: so a line editor wraps
/// what is typed. On a narrower one it is a progress message that starts over.
const WRAP_COLUMNS: usize = 40;

/// Bytes that are looked at together for one that isn't plain text; a vector register or two.
const STRIDE: usize = 32;

/// Where the parser stands between two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Text,
    /// A carriage return was seen: the next byte tells whether the line ends or starts over.
    Return,
    /// ESC was seen, and perhaps bytes between it and the final one.
    Escape,
    /// ESC [ was seen: parameters until a final byte.
    Control,
    /// ESC ] was seen: until BEL or ESC.
    Command,
}

/// The visible text since the last [`Screen::clear`]. Of more than the limit the newest half is kept.
#[derive(Debug, Clone)]
pub struct Screen {
    mode: Mode,
    text: Vec<u8>,
    /// Where the line that isn't ended begins.
    line: usize,
    limit_bytes: usize,
    dropped: usize,
}

impl Screen {
    /// An empty one, which keeps at most so many bytes of ended lines, and as many of the one that isn't.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self { mode: Mode::Text, text: Vec::new(), line: 0, limit_bytes, dropped: 0 }
    }

    /// Takes bytes as they come.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((byte, rest)) = bytes.split_first() {
            let plain = if self.mode == Mode::Text { plain_run(bytes) } else { 0 };
            if plain > 0 {
                self.text.extend_from_slice(&bytes[..plain]);
                bytes = &bytes[plain..];
                self.bound_line();
            } else {
                self.mode = self.step(*byte);
                bytes = rest;
            }
        }
    }

    fn step(&mut self, byte: u8) -> Mode {
        match (self.mode, byte) {
            (Mode::Escape, b'[') => Mode::Control,
            (Mode::Escape, b']') => Mode::Command,
            (Mode::Escape, 0x20..=0x2f) => Mode::Escape,
            // NEL, which ProCurve sends instead of a newline.
            (Mode::Escape, b'E') => self.end_line(),
            (Mode::Escape, _) => Mode::Text,
            (Mode::Control, 0x40..=0x7e) => Mode::Text,
            (Mode::Control, _) => Mode::Control,
            (Mode::Command, 0x07) => Mode::Text,
            (Mode::Command, 0x1b) => Mode::Escape,
            (Mode::Command, _) => Mode::Command,
            (Mode::Return, b'\r' | 0x00) => Mode::Return,
            (Mode::Return, b'\n') | (Mode::Text, b'\n') => self.end_line(),
            (Mode::Return, _) => {
                self.start_over();
                self.mode = Mode::Text;
                self.step(byte)
            }
            (Mode::Text, b'\r') => Mode::Return,
            (Mode::Text, 0x1b) => Mode::Escape,
            (Mode::Text, 0x08 | 0x7f) => self.take_back(),
            (Mode::Text, 0x00 | 0x07) => Mode::Text,
            (Mode::Text, _) => {
                self.text.push(byte);
                self.bound_line();
                Mode::Text
            }
        }
    }

    fn take_back(&mut self) -> Mode {
        let is_inside_character = |byte: u8| (0x80..0xc0).contains(&byte);
        while self.text.len() > self.line && self.text.pop().is_some_and(is_inside_character) {}
        Mode::Text
    }

    fn start_over(&mut self) {
        let line = &self.text[self.line..];
        let is_wrapped = line.len() >= WRAP_COLUMNS && line.ends_with(b" ") && !line.ends_with(b"  ");
        let keep = if is_wrapped { self.text.len() - 1 } else { self.line };
        self.text.truncate(keep);
    }

    fn end_line(&mut self) -> Mode {
        self.text.push(b'\n');
        self.line = self.text.len();
        if self.line > self.limit_bytes {
            self.drop_front(self.line - self.limit_bytes / 2);
        }
        Mode::Text
    }

    fn bound_line(&mut self) {
        if self.text.len() - self.line > self.limit_bytes {
            self.drop_front(self.text.len() - self.limit_bytes / 2);
        }
    }

    fn drop_front(&mut self, bytes: usize) {
        self.text.drain(..bytes);
        self.line = self.line.saturating_sub(bytes);
        self.dropped += bytes;
    }

    /// The line that isn't ended yet: where a prompt, a question or a pager stands.
    #[must_use]
    pub fn last_line(&self) -> &[u8] {
        &self.text[self.line..]
    }

    /// The lines that are ended, from this position of the whole text on, or from the first that is still kept.
    #[must_use]
    pub fn ended_lines_from(&self, position: usize) -> &[u8] {
        &self.text[position.saturating_sub(self.dropped).min(self.line)..self.line]
    }

    /// The position of the line that isn't ended in the whole text since the last clear.
    #[must_use]
    pub fn position(&self) -> usize {
        self.dropped + self.line
    }

    /// The lines that are ended.
    #[must_use]
    pub fn ended_lines(&self) -> String {
        String::from_utf8_lossy(self.ended_lines_from(0)).into_owned()
    }

    /// All of it.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }

    /// Whether there was more than is kept.
    #[must_use]
    pub fn has_overflowed(&self) -> bool {
        self.dropped > 0
    }

    /// Forgets the text, not where the parser stands.
    pub fn clear(&mut self) {
        self.text.clear();
        (self.line, self.dropped) = (0, 0);
    }

    /// Forgets the line that isn't ended: a pager that was answered.
    pub fn drop_last_line(&mut self) {
        self.text.truncate(self.line);
    }

    /// Takes away so many bytes at the beginning of the line that isn't ended.
    pub fn drop_from_last_line(&mut self, bytes: usize) {
        self.text.drain(self.line..self.line + bytes);
    }

    /// Ends the line that isn't: a question that was answered.
    pub fn end_last_line(&mut self) {
        self.end_line();
    }
}

fn is_plain(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f
}

/// How many bytes of plain text the input begins with.
fn plain_run(bytes: &[u8]) -> usize {
    let strides = bytes.chunks_exact(STRIDE);
    // Without a way out of the loop inside, the compiler looks at a whole stride at once.
    let whole = strides.take_while(|stride| stride.iter().fold(true, |all, byte| all & is_plain(*byte)));
    let begin = whole.count() * STRIDE;
    begin + bytes[begin..].iter().take_while(|byte| is_plain(**byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(bytes: &[u8]) -> (String, String) {
        let mut screen = Screen::new(10_000);
        screen.feed(bytes);
        (screen.ended_lines(), String::from_utf8_lossy(screen.last_line()).into_owned())
    }

    #[test]
    fn escapes_backspaces_and_lone_returns_are_taken_as_a_terminal_takes_them() {
        let told = b"\x1b[2J\x1b(B\x1b]0;title\x07sw>ena\x08\x08\x08enable\r\n--More--\r        \rinterface\r\r\nsw#\x07 ";
        assert_eq!(shown(told), ("sw>enable\ninterface\n".into(), "sw# ".into()));
        assert_eq!(shown(b"one\x1bEtwo"), ("one\n".into(), "two".into()));
        assert_eq!(shown("caf\u{e9}\x08e".as_bytes()), (String::new(), "cafe".into()));
    }

    #[test]
    fn a_line_that_the_editor_wraps_goes_on_and_a_progress_message_starts_over() {
        let typed = "sw(config-if-Et7)#switchport port-security mac-address 0200.0000";
        let told = format!("{typed} \r.0001\r\n10% \r20% \rdone\r\n");
        assert_eq!(shown(told.as_bytes()).0, format!("{typed}.0001\ndone\n"));
    }

    #[test]
    fn output_without_end_is_bounded_and_the_newest_is_kept() {
        for endless in ["x", "a line\r\n", "a line without end "] {
            let mut screen = Screen::new(100);
            (0..10_000).for_each(|_| screen.feed(endless.as_bytes()));
            assert!(screen.has_overflowed());
            assert!(screen.text().len() <= 200, "{endless:?}");
            screen.feed(b"\r\nsw#");
            assert_eq!(screen.last_line(), b"sw#");
            assert!(screen.ended_lines().trim_end().ends_with(endless.trim_end()), "{endless:?}");
        }
    }

    #[test]
    fn a_position_outlives_what_was_dropped() {
        let mut screen = Screen::new(20);
        screen.feed(b"0123456789\r\n0123456789\r\n");
        let position = screen.position();
        screen.feed(b"new\r\n");
        assert_eq!((position, screen.ended_lines_from(position)), (22, b"new\n".as_slice()));
        assert!(screen.ended_lines_from(0).len() <= 20);
    }

    proptest! {
        #[test]
        fn bytes_split_anywhere_are_the_same_text(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0..300usize) {
            let at = at.min(bytes.len());
            let mut split = Screen::new(10_000);
            split.feed(&bytes[..at]);
            split.feed(&bytes[at..]);
            prop_assert_eq!((split.ended_lines(), String::from_utf8_lossy(split.last_line()).into_owned()), shown(&bytes));
        }

        #[test]
        fn what_is_taken_a_run_at_a_time_is_what_is_taken_a_byte_at_a_time(text in "[ -~\\r\\n\\x08é]{0,200}") {
            let mut slow = Screen::new(10_000);
            text.as_bytes().iter().for_each(|byte| slow.mode = slow.step(*byte));
            prop_assert_eq!(slow.text(), { let mut fast = Screen::new(10_000); fast.feed(text.as_bytes()); fast.text() });
        }
    }
}

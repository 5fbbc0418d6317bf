//! The terminal line: what is echoed for each byte that is typed, and when a line is complete.
//!
//! Echo goes out for each byte as it arrives, as a device does it: a client may wait for the echo before it
//! presses Enter. Nothing here knows commands.

/// A device's command buffer is short; what goes beyond it rings the bell.
const LONGEST_LINE: usize = 1024;

const INTERRUPT: u8 = 0x03;
const BELL: u8 = 0x07;
const BACKSPACE: u8 = 0x08;
const ERASE_LINE: u8 = 0x15;
const END_OF_CONFIGURATION: u8 = 0x1a;
const DELETE: u8 = 0x7f;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Echo {
    Shown,
    /// A password: only the line's end is echoed.
    Hidden,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keystroke {
    Line(String),
    /// Ctrl-C: the line is thrown away.
    Interrupt,
    /// Ctrl-Z: what was typed so far is a line, and then configuration mode ends.
    End(String),
}

#[derive(Debug)]
pub(super) struct LineEditor {
    /// What Enter is echoed as.
    enter: &'static [u8],
    typed: Vec<u8>,
    after_return: bool,
}

impl LineEditor {
    pub fn new(enter: &'static [u8]) -> Self {
        Self { enter, typed: Vec::new(), after_return: false }
    }

    /// Takes one byte; its echo is added to `out`.
    pub fn press(&mut self, byte: u8, echo: Echo, out: &mut Vec<u8>) -> Option<Keystroke> {
        let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
        match byte {
            b'\n' if after_return => None,
            b'\r' | b'\n' => {
                out.extend_from_slice(self.enter);
                Some(Keystroke::Line(self.take()))
            }
            INTERRUPT => {
                out.extend_from_slice(b"^C\r\n");
                self.typed.clear();
                Some(Keystroke::Interrupt)
            }
            END_OF_CONFIGURATION => {
                out.extend_from_slice(b"^Z\r\n");
                Some(Keystroke::End(self.take()))
            }
            BACKSPACE | DELETE => {
                self.erase(1, echo, out);
                None
            }
            ERASE_LINE => {
                self.erase(self.typed.len(), echo, out);
                None
            }
            byte => {
                self.insert(byte, echo, out);
                None
            }
        }
    }

    fn insert(&mut self, byte: u8, echo: Echo, out: &mut Vec<u8>) {
        if byte < b' ' {
            return;
        }
        if self.typed.len() == LONGEST_LINE {
            out.push(BELL);
            return;
        }
        self.typed.push(byte);
        if echo == Echo::Shown {
            out.push(byte);
        }
    }

    fn erase(&mut self, count: usize, echo: Echo, out: &mut Vec<u8>) {
        for _ in 0..count.min(self.typed.len()) {
            self.typed.pop();
            if echo == Echo::Shown {
                out.extend_from_slice(b"\x08 \x08");
            }
        }
    }

    fn take(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.typed)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_in(bytes: &[u8], echo: Echo) -> (Vec<Keystroke>, String) {
        let mut editor = LineEditor::new(b"\r\n");
        let mut out = Vec::new();
        let strokes = bytes.iter().filter_map(|byte| editor.press(*byte, echo, &mut out)).collect();
        (strokes, String::from_utf8(out).expect("the echo is text"))
    }

    #[test]
    fn return_newline_and_both_together_end_one_line_each() {
        let (strokes, _) = type_in(b"a\rb\nc\r\nd\r", Echo::Shown);
        let lines = ["a", "b", "c", "d"].map(|line| Keystroke::Line(line.into()));
        assert_eq!(strokes, lines);
    }

    #[test]
    fn echo_follows_each_byte_and_a_backspace_wipes_it() {
        let (strokes, echo) = type_in(b"ab\x7fc\r", Echo::Shown);
        assert_eq!(echo, "ab\x08 \x08c\r\n");
        assert_eq!(strokes, [Keystroke::Line("ac".into())]);
    }

    #[test]
    fn a_password_is_not_echoed() {
        assert_eq!(type_in(b"secret\r", Echo::Hidden).1, "\r\n");
    }

    #[test]
    fn control_z_keeps_what_was_typed_and_control_c_does_not() {
        let (strokes, _) = type_in(b"x\x03shut\x1a", Echo::Shown);
        assert_eq!(strokes, [Keystroke::Interrupt, Keystroke::End("shut".into())]);
    }
}

//! Long output, a screen at a time, until the client turns it off with `terminal length 0`.
//!
//! Only lines of output are counted; the prompt that follows the last page is the shell's.

#[derive(Debug)]
pub(super) struct Pager {
    lines: std::vec::IntoIter<String>,
    screen: usize,
    mark: &'static str,
}

/// What goes out now, and whether the marker ends it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Page {
    More(String),
    Last(String),
}

impl Pager {
    /// `length` is the terminal's; 0 means no paging. `mark` stands at the foot of a screen that has more to come.
    pub fn new(text: &str, length: u16, mark: &'static str) -> Self {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let screen = match length {
            0 => usize::MAX,
            length => usize::from(length - 1).max(1),
        };
        Self { lines: lines.into_iter(), screen, mark }
    }

    pub fn first(&mut self) -> Page {
        self.next(self.screen)
    }

    /// A key at the marker: space is a page, Enter a line, anything else the end.
    pub fn press(&mut self, key: u8) -> Page {
        let page = match key {
            b' ' => self.next(self.screen),
            b'\r' | b'\n' => self.next(1),
            _ => Page::Last(String::new()),
        };
        match page {
            Page::More(text) => Page::More(format!("{}{text}", self.wipe())),
            Page::Last(text) => Page::Last(format!("{}{text}", self.wipe())),
        }
    }

    /// Back over the mark, blanks, back again.
    fn wipe(&self) -> String {
        let (back, blanks) = ("\x08".repeat(self.mark.len()), " ".repeat(self.mark.len()));
        format!("{back}{blanks}{back}")
    }

    fn next(&mut self, count: usize) -> Page {
        let mut text = String::new();
        for line in self.lines.by_ref().take(count) {
            text.push_str(&line);
            text.push_str("\r\n");
        }
        if self.lines.len() == 0 {
            return Page::Last(text);
        }
        text.push_str(self.mark);
        Page::More(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &str = "a\nb\nc\n";
    const MORE: &str = " --More-- ";
    const WIPE: &str =
        "\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08          \x08\x08\x08\x08\x08\x08\x08\x08\x08\x08";

    #[test]
    fn length_zero_turns_paging_off() {
        assert_eq!(Pager::new(THREE, 0, MORE).first(), Page::Last("a\r\nb\r\nc\r\n".into()));
    }

    #[test]
    fn a_screen_leaves_room_for_the_marker() {
        let mut pager = Pager::new(THREE, 3, MORE);
        assert_eq!(pager.first(), Page::More("a\r\nb\r\n --More-- ".into()));
        assert_eq!(pager.press(b' '), Page::Last(format!("{WIPE}c\r\n")));
    }

    #[test]
    fn enter_shows_a_line_and_q_ends() {
        let mut pager = Pager::new(THREE, 2, MORE);
        pager.first();
        assert_eq!(pager.press(b'\r'), Page::More(format!("{WIPE}b\r\n --More-- ")));
        assert_eq!(pager.press(b'q'), Page::Last(WIPE.into()));
    }
}

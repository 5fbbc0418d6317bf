//! What a line, a terminal and a device that is in the middle of something else do to output, drawn from a seed.

use super::player::Pieces;
use regex::Regex;

const LOG: &str = "\r\n*Mar  1 00:07:12.345: %LINEPROTO-5-UPDOWN: Line protocol on Interface GigabitEthernet1/0/9, changed state to up\r\n";

/// A log message, as a device prints it in the middle of what it says.
pub fn log_line() -> Vec<u8> {
    LOG.into()
}

/// Where a device could print something else: not inside a character, an escape sequence or a line's end.
pub fn places(bytes: &[u8]) -> Vec<usize> {
    let mut places = Vec::new();
    let mut in_escape = false;
    for at in 0..=bytes.len() {
        let (before, after) = (at.checked_sub(1).map(|before| bytes[before]), bytes.get(at));
        in_escape = match before {
            Some(0x1b) => true,
            Some(byte) if in_escape => !byte.is_ascii_alphabetic(),
            _ => false,
        };
        let in_line_end = before == Some(b'\r');
        let in_character = after.is_some_and(|byte| (0x80..0xc0).contains(byte));
        let in_wiping = before == Some(0x08) || after == Some(&0x08);
        if !(in_escape || in_line_end || in_character || in_wiping) {
            places.push(at);
        }
    }
    places
}

/// Where a log message could come in: not inside another, which a device prints whole.
pub fn places_for_a_log_line(bytes: &[u8]) -> Vec<usize> {
    let mnemonic = Regex::new(r"%[A-Z][A-Z0-9_]*-\d-[A-Z0-9_]+:").expect("a pattern");
    let mut logs = Vec::new();
    let mut from = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if mnemonic.is_match(&String::from_utf8_lossy(line)) {
            logs.push(from + 1..from + line.len());
        }
        from += line.len();
    }
    places(bytes).into_iter().filter(|at| !logs.iter().any(|log| log.contains(at))).collect()
}

pub fn with(bytes: &[u8], at: usize, what: &[u8]) -> Vec<u8> {
    [&bytes[..at], what, &bytes[at..]].concat()
}

/// xorshift64: as good as is needed, and the same for a seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 16) % bound.max(1) as u64) as usize
    }

    /// What may come in between without changing what the device means.
    fn intrusion(&mut self) -> Vec<u8> {
        match self.below(7) {
            0 => log_line(),
            1 => vec![0x00],
            2 => vec![0x07],
            3 => b"\x1b[0m".to_vec(),
            4 => b"\x1b[?25l\x1b[2K".to_vec(),
            // Half a character, and what is none.
            5 => vec![0xe2, 0x82],
            _ => vec![0xff, 0x80 | self.below(0x40) as u8],
        }
    }

    /// One stretch of the device's words: up to two intrusions, and cut into pieces.
    pub fn tamper(&mut self, bytes: &[u8]) -> Pieces {
        // From the back, so that nothing comes into what came in itself: a device prints a log message whole.
        let mut chosen: Vec<_> = (0..self.below(3)).filter_map(|_| self.somewhere(bytes)).collect();
        chosen.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
        let mut bytes = bytes.to_vec();
        for (at, what) in chosen {
            bytes = with(&bytes, at, &what);
        }
        self.cut(&bytes)
    }

    fn somewhere(&mut self, bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
        let what = self.intrusion();
        let places = if what == log_line() { places_for_a_log_line(bytes) } else { places(bytes) };
        let at = self.below(places.len());
        places.get(at).map(|at| (*at, what))
    }

    fn cut(&mut self, mut bytes: &[u8]) -> Pieces {
        let longest = [1, 4, 16, 64, 4096][self.below(5)];
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let length = (1 + self.below(longest)).min(bytes.len());
            pieces.push(bytes[..length].to_vec());
            bytes = &bytes[length..];
        }
        pieces
    }
}

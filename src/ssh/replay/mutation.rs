//! What a line, a terminal and a device that is in the middle of something else do to output, drawn from a seed.

use super::super::judge::OutputPatterns;
use super::player::Pieces;

/// Log messages as families of devices print them in the middle of what they say.
const LOGS: [&str; 2] = [
    "\r\n*Mar  1 00:07:12.345: %LINEPROTO-5-UPDOWN: Line protocol on Interface GigabitEthernet1/0/9, changed state to up\r\n",
    "\r\n<189> NOV 24 05:34:05 10.0.0.7-1 TRAPMGR[192569232]: traputil.c(638) 26 %% Link Up: Unit: 1 Slot: 0 Port: 9\r\n",
];

/// One that this platform's devices may print; `None` where its file knows of none.
pub fn log_line(output: &OutputPatterns) -> Option<Vec<u8>> {
    LOGS.into_iter().find(|log| output.is_interrupted(log)).map(|log| log.as_bytes().to_vec())
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
pub fn places_for_a_log_line(bytes: &[u8], output: &OutputPatterns) -> Vec<usize> {
    let mut logs = Vec::new();
    let mut from = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if output.is_interrupted(&String::from_utf8_lossy(line)) {
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
    fn intrusion(&mut self, output: &OutputPatterns) -> Vec<u8> {
        match self.below(7) {
            0 => log_line(output).unwrap_or_default(),
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
    pub fn tamper(&mut self, bytes: &[u8], output: &OutputPatterns) -> Pieces {
        // From the back, so that nothing comes into what came in itself: a device prints a log message whole.
        let mut chosen: Vec<_> = (0..self.below(3)).filter_map(|_| self.somewhere(bytes, output)).collect();
        chosen.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
        let mut bytes = bytes.to_vec();
        for (at, what) in chosen {
            bytes = with(&bytes, at, &what);
        }
        self.cut(&bytes)
    }

    fn somewhere(&mut self, bytes: &[u8], output: &OutputPatterns) -> Option<(usize, Vec<u8>)> {
        let what = self.intrusion(output);
        let is_log = Some(&what) == log_line(output).as_ref();
        let places = if is_log { places_for_a_log_line(bytes, output) } else { places(bytes) };
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

//! What a bad line does to output: random bytes, half a character, and a log message in the middle.
//!
//! Deterministic for a seed, so that a failing test fails again.

use super::chance::Chance;

const LOG_MESSAGE: &[u8] =
    b"\r\n*Mar  1 00:07:12.345: %SYS-5-CONFIG_I: Configured from console by admin on vty0 (10.0.0.1)\r\n";

/// The first two of the three bytes of a euro sign.
const HALF_A_CHARACTER: &[u8] = b"\xe2\x82";

const NOISE_BYTES: usize = 24;

pub(super) fn garble(output: &[u8], seed: u64) -> Vec<u8> {
    let (before, after) = output.split_at(output.len() / 2);
    let mut garbled = before.to_vec();
    garbled.extend(noise(seed).take(NOISE_BYTES));
    garbled.extend_from_slice(LOG_MESSAGE);
    garbled.extend_from_slice(HALF_A_CHARACTER);
    garbled.extend_from_slice(after);
    garbled.extend_from_slice(b"\r\n");
    garbled
}

fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let mut chance = Chance::new(seed);
    std::iter::repeat_with(move || (chance.number() >> 24) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_survive_around_noise_that_is_no_text() {
        let garbled = garble(b"abcdef", 7);
        assert!(garbled.starts_with(b"abc"));
        assert!(garbled.ends_with(b"def\r\n"));
        assert!(std::str::from_utf8(&garbled).is_err());
        assert_eq!(garbled, garble(b"abcdef", 7));
    }
}

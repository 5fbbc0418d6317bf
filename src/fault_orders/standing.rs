//! What is ordered and not yet carried out, place by place. Pure: it counts and says what is due, and does nothing itself.

use std::collections::HashMap;

#[derive(Debug, Default)]
struct Standing {
    /// So many times more it panics.
    panics: u32,
    /// When it was reached so many times more, it dies; 0 for never.
    until_kill: u32,
    /// The next one stands still.
    halt: bool,
}

/// The orders that stand, and who stands still.
#[derive(Debug, Default)]
pub struct Standings {
    at: HashMap<&'static str, Standing>,
    standing_still: usize,
    goes: u64,
}

impl Standings {
    pub fn panic_at(&mut self, place: &'static str, times: u32) {
        self.at.entry(place).or_default().panics = times;
    }

    pub fn kill_at(&mut self, place: &'static str, nth: u32) {
        self.at.entry(place).or_default().until_kill = nth;
    }

    pub fn halt_at(&mut self, place: &'static str) {
        self.at.entry(place).or_default().halt = true;
    }

    /// Whoever stands still goes on.
    pub fn go(&mut self) -> Result<(), String> {
        if std::mem::take(&mut self.standing_still) == 0 {
            return Err("nobody stands still".to_owned());
        }
        self.goes += 1;
        Ok(())
    }

    /// Counts one passage; whether it is the last.
    pub fn takes_kill(&mut self, place: &str) -> bool {
        let Some(standing) = self.at.get_mut(place).filter(|standing| standing.until_kill > 0) else {
            return false;
        };
        standing.until_kill -= 1;
        standing.until_kill == 0
    }

    /// Whether this passage is the one that stands still.
    pub fn takes_halt(&mut self, place: &str) -> bool {
        self.at.get_mut(place).is_some_and(|standing| std::mem::take(&mut standing.halt))
    }

    /// Whether this passage panics. Asked after a halt: a panic that was ordered meanwhile comes with the `go`.
    pub fn takes_panic(&mut self, place: &str) -> bool {
        let Some(standing) = self.at.get_mut(place).filter(|standing| standing.panics > 0) else {
            return false;
        };
        standing.panics -= 1;
        true
    }

    /// One more stands still, until [`goes`](Self::goes) is another number than this.
    pub fn stands_still(&mut self) -> u64 {
        self.standing_still += 1;
        self.goes
    }

    /// How often it was let go.
    pub fn goes(&self) -> u64 {
        self.goes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_panics_as_often_as_ordered_and_no_other_does() {
        let mut standings = Standings::default();
        standings.panic_at("here", 2);
        let panics: Vec<_> = (0..4).map(|_| standings.takes_panic("here")).collect();
        assert_eq!(panics, [true, true, false, false]);
        assert!(!standings.takes_panic("there"));
    }

    #[test]
    fn a_kill_comes_at_the_passage_that_was_named_and_once() {
        let mut standings = Standings::default();
        standings.kill_at("here", 3);
        let kills: Vec<_> = (0..5).map(|_| standings.takes_kill("here")).collect();
        assert_eq!(kills, [false, false, true, false, false]);
        assert!(!standings.takes_kill("there"));
    }

    #[test]
    fn one_passage_stands_still_and_a_panic_that_is_ordered_meanwhile_comes_with_the_go() {
        let mut standings = Standings::default();
        standings.halt_at("here");
        assert!(standings.takes_halt("here") && !standings.takes_halt("here"));
        let goes = standings.stands_still();
        standings.panic_at("here", 1);
        standings.go().expect("one stands still");
        assert!(standings.goes() != goes && standings.takes_panic("here"));
    }

    #[test]
    fn go_lets_all_go_that_stand_still_and_makes_no_sense_when_nobody_does() {
        let mut standings = Standings::default();
        assert!(standings.go().is_err());
        let (one, two) = (standings.stands_still(), standings.stands_still());
        standings.go().expect("two stand still");
        assert!(standings.goes() > one && standings.goes() > two);
        assert!(standings.go().is_err());
    }
}

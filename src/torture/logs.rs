//! What instances write about the faults ordered of them: a panic is counted by its last words.

use super::blow::{Victim, actor_at};
use super::tally::Tally;

const LAST_WORDS: &str = "ordered to panic at ";

/// Counts the panics that a log tells of.
pub fn count_panics(log: &str, tally: &mut Tally) {
    for line in log.lines() {
        if let Some((_, place)) = line.split_once(LAST_WORDS) {
            tally.count(Victim::Actor, actor_at(place.trim()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_counted_for_the_actor_that_passed_the_place() {
        let log = "INFO listening\nthread 'main' panicked at src/x.rs:1:1:\nordered to panic at job.chosen\n\
                   ordered to panic at delivery.sent\nordered to panic at lines.sent\n";
        let mut tally = Tally::default();
        count_panics(log, &mut tally);
        assert_eq!(tally.times(Victim::Actor, "supervisor panicked"), 2);
        assert_eq!(tally.times(Victim::Actor, "webhook panicked"), 1);
        assert_eq!(tally.of(Victim::Actor), 3);
    }
}

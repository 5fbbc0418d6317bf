//! When checkouts are due that come independently of answers.

use crate::simulator::Chance;
use std::time::Duration;

/// The same in every run, so that two services meet the same load.
const SEED: u64 = 0x5eed;

/// From the beginning, one for each: as many a second on average, at random, as from many partners that know nothing of one
/// another.
pub fn due_times(per_second: f64) -> impl Iterator<Item = Duration> {
    let (mut chance, mut due) = (Chance::new(SEED), 0.0);
    std::iter::repeat_with(move || {
        let at = Duration::from_secs_f64(due);
        due -= (1.0 - chance.share()).ln() / per_second;
        at
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_as_often_as_is_said_and_each_behind_the_other() {
        let due: Vec<_> = due_times(200.0).take(20_001).collect();
        assert!(due.is_sorted() && due[0].is_zero());
        let seconds = due[20_000].as_secs_f64();
        assert!((97.0..103.0).contains(&seconds), "20000 in {seconds} s");
    }

    #[test]
    fn some_come_close_together_and_some_far_apart() {
        let due: Vec<_> = due_times(100.0).take(1_000).collect();
        let gaps = || due.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64());
        assert!(gaps().any(|gap| gap < 0.001) && gaps().any(|gap| gap > 0.03));
    }
}

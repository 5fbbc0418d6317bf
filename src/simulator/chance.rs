//! Chance for devices: what a seed makes of it is the same in every run.

/// A splitmix64: enough for noise, for delays and for who is struck, and no dependency on a random source.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Any seed is as good as another.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0, below 1, evenly.
    #[allow(clippy::cast_precision_loss)] // 53 bits are what a float has
    pub fn share(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_spread_evenly_whatever_the_seed() {
        for seed in [0, 1, u64::MAX] {
            let mut chance = Chance::new(seed);
            let shares: Vec<_> = (0..10_000).map(|_| chance.share()).collect();
            let mean = shares.iter().sum::<f64>() / 10_000.0;
            assert!((0.48..0.52).contains(&mean) && shares.iter().all(|share| (0.0..1.0).contains(share)));
        }
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let drawn = |seed| Chance::new(seed).number();
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }
}

//! Seeded random numbers.

use std::env;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `SplitMix64` (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that repeats its numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator for a part of the test of this name, which draws the same numbers whatever the
    /// other parts do.
    #[must_use]
    pub fn of(&self, name: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        (self.0, name).hash(&mut hasher);
        Self(hasher.finish())
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `bound`, which is small: the bias does not matter.
    ///
    /// # Panics
    /// Never: the number is below a `usize`.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.number() % bound as u64).expect("below a usize")
    }

    /// True once in `times` draws on average.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// A duration from `least` to `most` milliseconds.
    pub fn millis(&mut self, least: usize, most: usize) -> Duration {
        Duration::from_millis((least + self.below(most - least + 1)) as u64)
    }

    /// True with a probability of `percent` in a hundred.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// The seed in an environment variable, which reproduces a failed run as far as the system's
/// scheduling allows; without the variable, a new one each time.
pub fn seed(variable: &str) -> u64 {
    env::var(variable).ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(fresh)
}

/// Another seed each time.
pub(crate) fn fresh() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    u64::from(since.subsec_nanos()) ^ since.as_secs() << 20
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_same_seed_and_name_draw_the_same() {
        let draw = |mut random: Random| (0..20).map(|_| random.below(1000)).collect::<Vec<_>>();
        assert_eq!(draw(Random::new(1).of("a")), draw(Random::new(1).of("a")));
        assert_ne!(draw(Random::new(1).of("a")), draw(Random::new(1).of("b")));
        assert_ne!(draw(Random::new(1).of("a")), draw(Random::new(2).of("a")));
    }
}

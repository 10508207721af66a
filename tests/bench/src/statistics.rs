//! Medians and percentiles.

use std::time::Duration;

/// The middle value; the mean of the two in the middle of an even number.
///
/// # Panics
/// If there is none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    }
}

/// How far the values are apart: the largest divided by the smallest.
pub fn spread(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::MIN, f64::max);
    let smallest = values.iter().copied().fold(f64::MAX, f64::min);
    if smallest > 0.0 { largest / smallest } else { 1.0 }
}

/// Times of which percentiles are wanted.
#[derive(Debug, Default)]
pub struct Times {
    micros: Vec<u32>,
}

impl Times {
    /// Adds one.
    pub fn add(&mut self, time: Duration) {
        self.micros.push(u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
    }

    /// The time in microseconds that this share of all stays within; nothing if there are none.
    pub fn percentile(&mut self, share: f64) -> Option<f64> {
        self.micros.sort_unstable();
        let last = self.micros.len().checked_sub(1)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a list"
        )]
        let place = (share * last as f64).ceil() as usize;
        Some(f64::from(self.micros[place.min(last)]))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Times, median, spread};

    #[track_caller]
    fn assert_near(actual: f64, expected: f64) {
        assert!((actual - expected).abs() < 1e-9, "{actual} is not {expected}");
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_near(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_near(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_near(spread(&[2.0, 3.0, 4.0]), 2.0);
        assert_near(spread(&[0.0, 3.0]), 1.0);
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let mut times = Times::default();
        assert_eq!(times.percentile(0.5), None);
        (0..=100).rev().for_each(|micros| times.add(Duration::from_micros(micros)));
        assert_near(times.percentile(0.5).expect("times"), 50.0);
        assert_near(times.percentile(0.99).expect("times"), 99.0);
        assert_near(times.percentile(1.0).expect("times"), 100.0);
    }
}

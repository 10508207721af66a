//! The values of all metrics at one moment.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

/// Values by series: the names that `/metrics` has, labels included.
///
/// `prometheus_client` gives values away only by encoding them, as text or as protobuf with a crate
/// more. So this reads the text, here and nowhere else.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Snapshot(BTreeMap<String, f64>);

impl Snapshot {
    /// The values in a text of `OpenMetrics`.
    pub(super) fn of(text: &str) -> Result<Self, fmt::Error> {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        };
        samples.map(|line| sample(line).ok_or(fmt::Error)).collect::<Result<_, _>>().map(Self)
    }

    /// The value of a series.
    pub fn get(&self, series: &str) -> Option<f64> {
        self.0.get(series).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_found_by_its_name_and_labels() {
        let text = "# HELP a Help with words.\n# TYPE a counter\na_total{of=\"x y\"} 2\nb 0.5\n# EOF\n";
        let snapshot = Snapshot::of(text).unwrap();
        assert_eq!((snapshot.get("a_total{of=\"x y\"}"), snapshot.get("b")), (Some(2.0), Some(0.5)));
        assert_eq!(snapshot.get("a"), None);
        assert!(Snapshot::of("a many\n").is_err());
    }
}

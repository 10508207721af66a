//! Prometheus' older text format, made from `OpenMetrics`: for scrapers and checks that know no other.

/// The two formats differ in how they name counters, and in what the older one does not have: units, and a mark of the end.
pub(super) fn from_open_metrics(text: &str) -> String {
    let counters: Vec<&str> = text.lines().filter_map(counter).collect();
    let mut classic = String::with_capacity(text.len());
    for line in text.lines().filter(|line| !line.starts_with("# UNIT ") && *line != "# EOF") {
        match described(line).filter(|(_, name, _)| counters.contains(name)) {
            Some((what, name, rest)) => classic.extend(["# ", what, " ", name, "_total ", rest, "\n"]),
            None => classic.extend([line, "\n"]),
        }
    }
    classic
}

/// The name of the counter that a line describes.
fn counter(line: &str) -> Option<&str> {
    let (what, name, rest) = described(line)?;
    (what == "TYPE" && rest == "counter").then_some(name)
}

/// What a line says of a metric, of which one, and the rest.
fn described(line: &str) -> Option<(&str, &str, &str)> {
    let (what, rest) = line.strip_prefix("# ")?.split_once(' ')?;
    let (name, rest) = rest.split_once(' ')?;
    Some((what, name, rest))
}

#[cfg(test)]
mod tests {
    use super::from_open_metrics;

    #[test]
    fn counters_are_described_by_the_name_of_their_sample() {
        let open = "# HELP a_bytes Bytes.\n# TYPE a_bytes counter\n# UNIT a_bytes bytes\na_bytes_total 1\n\
                    # HELP b Gauge.\n# TYPE b gauge\nb{of=\"a_bytes\"} 2\n# EOF\n";
        let classic = "# HELP a_bytes_total Bytes.\n# TYPE a_bytes_total counter\na_bytes_total 1\n\
                       # HELP b Gauge.\n# TYPE b gauge\nb{of=\"a_bytes\"} 2\n";
        assert_eq!(from_open_metrics(open), classic);
    }
}

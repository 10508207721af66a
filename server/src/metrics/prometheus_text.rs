//! Prometheus' older text format, for scrapers and checks that accept only `text/plain`.
//! `prometheus_client` encodes only `OpenMetrics`, and an exporter would need a second registry, so
//! this converts the one text into the other.

/// The formats differ in the names of counters, and in units and the end mark, which the older one
/// lacks.
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

/// The name in a line that declares a counter.
fn counter(line: &str) -> Option<&str> {
    let (what, name, rest) = described(line)?;
    (what == "TYPE" && rest == "counter").then_some(name)
}

/// A comment line's kind, metric, and rest.
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

//! A strict parser of `OpenMetrics` 1.0: it panics on any violation.

use std::collections::{BTreeMap, BTreeSet};

/// One metric: its type, and its values.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) help: String,
    unit: Option<String>,
    /// The values, by the sample's name with its labels, as written.
    samples: BTreeMap<String, f64>,
}

/// All metrics of a server.
#[derive(Debug)]
pub(crate) struct Exposition {
    pub(crate) families: Vec<Family>,
}

impl Exposition {
    pub(crate) fn parse(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").expect("a mark of the end, and nothing behind it");
        let mut families: Vec<Family> = Vec::new();
        for line in body.lines() {
            match line.strip_prefix("# ") {
                Some(described) => describe(&mut families, described),
                None => families.last_mut().expect("a description before the values").add(line),
            }
        }
        let names: BTreeSet<&str> = families.iter().map(|family| family.name.as_str()).collect();
        assert_eq!(names.len(), families.len(), "a metric is described twice");
        families.iter().for_each(Family::check);
        Self { families }
    }

    /// The value of one sample, named with its labels.
    #[track_caller]
    pub(crate) fn value(&self, sample: &str) -> f64 {
        let found = self.families.iter().find_map(|family| family.samples.get(sample));
        *found.unwrap_or_else(|| panic!("there is no {sample}"))
    }

    /// The names of all samples, without labels.
    pub(crate) fn sample_names(&self) -> BTreeSet<String> {
        let samples = self.families.iter().flat_map(|family| family.samples.keys());
        samples.map(|sample| sample.split('{').next().unwrap_or_default().to_owned()).collect()
    }
}

fn describe(families: &mut Vec<Family>, line: &str) {
    let mut words = line.splitn(3, ' ');
    let (what, name) = (words.next().expect("a word"), words.next().expect("a name"));
    let rest = words.next().expect("a description").to_owned();
    if what == "HELP" {
        let (kind, unit, samples) = (String::new(), None, BTreeMap::new());
        families.push(Family { name: name.to_owned(), kind, help: rest, unit, samples });
        return;
    }
    let family = families.last_mut().filter(|family| family.name == name);
    let family = family.unwrap_or_else(|| panic!("{line} stands apart from its help"));
    assert!(family.samples.is_empty(), "{line} comes after the values");
    match what {
        "TYPE" => family.kind = rest,
        "UNIT" => family.unit = Some(rest),
        other => panic!("{other} is no description"),
    }
}

impl Family {
    fn add(&mut self, line: &str) {
        let (sample, value) = line.rsplit_once(' ').expect("a name and a value");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line} has no number"));
        assert!(self.samples.insert(sample.to_owned(), value).is_none(), "{sample} is there twice");
    }

    fn check(&self) {
        let Self { name, kind, unit, samples, help } = self;
        let is_lower = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_lowercase())
                && name.chars().all(|character| matches!(character, 'a'..='z' | '0'..='9' | '_'))
        };
        assert!(is_lower(name) && !help.is_empty() && !samples.is_empty(), "{self:?}");
        assert!(!name.ends_with("_total"), "{name}: only a counter's sample ends so");
        if let Some(unit) = unit {
            assert!(name.ends_with(&format!("_{unit}")), "{name} does not end with its unit {unit}");
            assert!(["seconds", "bytes"].contains(&unit.as_str()), "{name}: {unit} is no base unit");
        }
        for word in ["seconds", "bytes"] {
            assert!(!name.ends_with(word) || unit.as_deref() == Some(word), "{name} has no unit");
        }
        let suffixes: &[&str] = match kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            other => panic!("{name} is a {other}"),
        };
        for (sample, value) in samples {
            let (bare, labels) = sample.split_once('{').unwrap_or((sample, "}"));
            assert!(suffixes.iter().any(|suffix| bare == format!("{name}{suffix}")), "{sample} of {name}");
            assert!(kind == "gauge" || *value >= 0.0, "{sample} is below zero");
            let labels = labels.strip_suffix('}').expect("an end of the labels");
            for label in labels.split("\",").filter(|label| !label.is_empty()) {
                let (label, value) = label.split_once("=\"").expect("a label and its value");
                assert!(is_lower(label) && !value.is_empty(), "{sample}");
            }
        }
        if kind == "histogram" {
            self.check_buckets();
        }
    }

    fn check_buckets(&self) {
        let bounds = self.samples.iter().filter_map(|(sample, count)| {
            let bound = sample.split_once("le=\"")?.1.strip_suffix("\"}")?;
            Some((if bound == "+Inf" { f64::INFINITY } else { bound.parse().expect("a bound") }, *count))
        });
        let mut buckets: Vec<(f64, f64)> = bounds.collect();
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        assert!(buckets.is_sorted_by(|one, other| one.0 < other.0 && one.1 <= other.1), "{buckets:?}");
        let (bound, count) = buckets.last().expect("a bucket");
        assert!(bound.is_infinite(), "{} has no last bucket", self.name);
        assert_eq!(self.samples.get(&format!("{}_count", self.name)), Some(count));
    }
}

#[test]
fn invalid_openmetrics_is_detected() {
    let good =
        "# HELP a_bytes A.\n# TYPE a_bytes counter\n# UNIT a_bytes bytes\na_bytes_total{b=\"c\"} 1\n# EOF\n";
    let parsed = Exposition::parse(good);
    assert_eq!(parsed.value("a_bytes_total{b=\"c\"}").to_bits(), 1_f64.to_bits());
    for (what, by) in [
        ("# EOF\n", ""),
        ("_total{", "{"),
        ("counter", "info"),
        ("bytes bytes", "bytes seconds"),
        ("# UNIT a_bytes bytes\n", ""),
        (" 1\n", " one\n"),
        (" 1\n", " 1\na_bytes_total{b=\"c\"} 2\n"),
        ("# TYPE a_bytes counter\n", ""),
    ] {
        let bad = good.replacen(what, by, 1);
        assert!(std::panic::catch_unwind(|| Exposition::parse(&bad)).is_err(), "{bad}");
    }
}

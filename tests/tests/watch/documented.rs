//! Every metric is documented, and every metric that the documents, the dashboard and the alerts
//! name exists.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use vestibule_tests::admin::AdminServer;
use vestibule_tests::repository;

use crate::metrics;

/// The documents that may name some metrics.
const OPERATIONS: [&str; 4] =
    ["operations/install.md", "operations/configure.md", "operations/monitor.md", "operations/administer.md"];

fn document(name: &str) -> String {
    repository::read(Path::new("docs").join(name))
}

/// The words of a text that look like a metric's name.
fn named(text: &str) -> BTreeSet<String> {
    let is_part =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    let words = text.split(|character| !is_part(character));
    let ours = |word: &&str| {
        (word.starts_with("vestibule_") || word.starts_with("process_")) && !word.ends_with('_')
    };
    words.filter(ours).map(str::to_owned).collect()
}

#[test]
fn documents_and_metrics_match() {
    let metrics = metrics(&AdminServer::start(&[]));
    let exposed = metrics.sample_names();
    let table = document("metrics.md");
    for family in &metrics.families {
        let name =
            if family.kind == "counter" { format!("{}_total", family.name) } else { family.name.clone() };
        let row = format!("| `{name}` | {} |", family.kind);
        assert!(table.contains(&row), "docs/metrics.md has no row {row} ({})", family.help);
    }
    let families: BTreeSet<&str> = metrics.families.iter().map(|family| family.name.as_str()).collect();
    for name in ["metrics.md", "grafana.json", "alerts.yml"].into_iter().chain(OPERATIONS) {
        let text = document(name);
        for word in named(&text) {
            let is_there = exposed.contains(&word) || families.contains(word.as_str());
            assert!(is_there, "docs/{name} names {word}, which is no metric");
        }
        if !OPERATIONS.contains(&name) {
            assert!(named(&text).len() > 8, "docs/{name} names hardly anything");
        }
    }
}

#[test]
fn the_grafana_dashboard_is_valid() {
    let dashboard: Value = serde_json::from_str(&document("grafana.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().expect("an id")).collect();
    assert_eq!(ids.len(), panels.len(), "two panels have one id");
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().expect("targets");
        let is_asking = |target: &Value| target["expr"].as_str().is_some_and(|expr| !expr.is_empty());
        assert!(!targets.is_empty() && targets.iter().all(is_asking), "{panel}");
    }
}

/// `alerts.yml` is written so that this needs no YAML parser.
#[test]
fn each_alert_has_a_runbook_entry() {
    let text = document("alerts.yml");
    let alerts: Vec<&str> = text.split("- alert: ").skip(1).collect();
    assert!(alerts.len() >= 8);
    for alert in alerts {
        for part in ["expr:", "labels:", "severity:", "summary:", "runbook:"] {
            assert!(alert.contains(part), "an alert has no {part} {alert}");
        }
    }
}

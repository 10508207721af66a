//! Which package may depend on which.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// What runs a server. A name that ends in a star stands for all that start so.
const SERVING: [&str; 2] = ["tokio*", "actix*"];

#[test]
fn the_protocol_is_free_of_input_and_output() {
    let forbidden = [SERVING.as_slice(), &["diesel*", "vestibule", "vestibule-schema"]].concat();
    refuse("vestibule-protocol", &forbidden);
}

#[test]
fn the_schema_knows_tables_and_nothing_else() {
    let forbidden = [SERVING.as_slice(), &["vestibule", "vestibule-protocol"]].concat();
    refuse("vestibule-schema", &forbidden);
    // Directly only: the library of the migrations brings it along.
    refuse_among(&direct("vestibule-schema"), "vestibule-schema", &["serde*"]);
}

#[test]
fn the_server_puts_both_together() {
    let direct = direct("vestibule");
    for package in ["vestibule-protocol", "vestibule-schema"] {
        assert!(direct.contains(package), "vestibule does not depend on {package}");
    }
}

#[test]
fn the_model_knows_the_rules_and_neither_the_server_nor_its_tables() {
    let forbidden = [SERVING.as_slice(), &["diesel*", "vestibule", "vestibule-schema"]].concat();
    refuse("vestibule-model", &forbidden);
    assert!(direct("vestibule-model").contains("vestibule-protocol"), "the model has rules of its own");
}

#[test]
fn nothing_that_ships_depends_on_the_tests() {
    for package in ["vestibule", "vestibule-protocol", "vestibule-schema"] {
        refuse_among(&whole_tree(package), package, &["vestibule-tests", "vestibule-model"]);
    }
}

#[test]
fn nobody_depends_on_the_tests() {
    for package in packages() {
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        let on_tests = dependencies.iter().any(|dependency| dependency["name"] == "vestibule-tests");
        assert!(!on_tests, "{} depends on the tests", package["name"]);
    }
}

#[test]
fn a_star_stands_for_all_that_start_so() {
    let found = BTreeSet::from(["actix-web".to_owned(), "serde".to_owned(), "vestibule-schema".to_owned()]);
    assert_eq!(forbidden_among(&found, &["actix*", "vestibule"]), ["actix-web"]);
}

fn refuse(package: &str, forbidden: &[&str]) {
    refuse_among(&direct(package), package, forbidden);
    refuse_among(&whole_tree(package), package, forbidden);
}

fn refuse_among(dependencies: &BTreeSet<String>, package: &str, forbidden: &[&str]) {
    let found = forbidden_among(dependencies, forbidden);
    assert!(found.is_empty(), "{package} depends on {}", found.join(", "));
}

fn forbidden_among(dependencies: &BTreeSet<String>, forbidden: &[&str]) -> Vec<String> {
    let is_forbidden = |name: &String| {
        forbidden.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        })
    };
    dependencies.iter().filter(|name| is_forbidden(name)).cloned().collect()
}

/// What a package names as its normal dependencies, for all platforms and with all features.
fn direct(package: &str) -> BTreeSet<String> {
    let packages = packages();
    let package = packages.iter().find(|known| known["name"] == package).expect("a package of the workspace");
    let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
    // A normal dependency has no kind.
    let normal = dependencies.filter(|dependency| dependency["kind"].is_null());
    normal.map(|dependency| dependency["name"].as_str().expect("a name").to_owned()).collect()
}

/// Everything a package's normal dependencies bring along on this platform, without itself.
fn whole_tree(package: &str) -> BTreeSet<String> {
    let tree =
        cargo(&["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let names: BTreeSet<String> =
        names.filter(|name| !name.is_empty() && *name != package).map(str::to_owned).collect();
    assert!(!names.is_empty(), "{package} has no dependencies at all");
    names
}

/// The packages of the workspace.
fn packages() -> Vec<Value> {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let mut metadata: Value = serde_json::from_str(&metadata).expect("JSON");
    match metadata["packages"].take() {
        Value::Array(packages) => packages,
        other => panic!("no packages: {other}"),
    }
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

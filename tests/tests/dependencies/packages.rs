//! Which package may depend on which.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use vestibule_tests::repository;

/// Crates that run a server. A name that ends in a star stands for all that start with it.
const SERVING: [&str; 2] = ["tokio*", "actix*"];

const DATABASE: [&str; 3] = ["diesel*", "libsqlite3-sys", "r2d2"];

/// Crates of the product that the framework must not need, besides the database: authors of
/// channels need no command line and no description of endpoints.
const PRODUCT: [&str; 5] = ["clap*", "utoipa*", "rust-embed*", "toml*", "tracing-subscriber"];

#[test]
fn the_protocols_do_no_input_and_output() {
    for package in ["vestibule-phoenix", "vestibule-approve"] {
        refuse(package, &[SERVING.as_slice(), &DATABASE].concat());
        only(package, &[]);
    }
}

#[test]
fn the_schema_knows_tables_and_nothing_else() {
    refuse("vestibule-schema", &SERVING);
    only("vestibule-schema", &[]);
    // Only directly: the library of the migrations depends on it.
    refuse_among(&direct("vestibule-schema"), "vestibule-schema", &["serde*"]);
}

#[test]
fn the_framework_knows_neither_keys_nor_the_database() {
    refuse("vestibule-channels", &[DATABASE.as_slice(), &PRODUCT].concat());
    only("vestibule-channels", &["vestibule-memory", "vestibule-phoenix"]);
}

#[test]
fn the_store_knows_neither_channels_nor_http() {
    refuse("vestibule-store", &["actix*", "clap*", "utoipa*", "rust-embed*", "tracing-subscriber"]);
    only("vestibule-store", &["vestibule-approve", "vestibule-schema"]);
}

#[test]
fn the_server_reaches_tables_through_the_store_alone() {
    only("vestibule", &["vestibule-approve", "vestibule-channels", "vestibule-store"]);
}

/// Only there is `unsafe` not forbidden: it must be expected, where it stands.
#[test]
fn one_call_is_unsafe() {
    let of_crate = |lints: &str| lints.lines().any(|line| line == "workspace = true");
    for package in packages() {
        let manifest = fs::read_to_string(package["manifest_path"].as_str().expect("a path"));
        let manifest = manifest.expect("a manifest");
        let lints = manifest.split("[lints").nth(1).expect("lints");
        let is_apart = package["name"] == "vestibule-memory";
        assert_ne!(of_crate(lints), is_apart, "{} has other lints than the workspace", package["name"]);
    }
    assert!(repository::read("Cargo.toml").contains("unsafe_code = \"forbid\""));
    assert!(repository::read("server/memory/Cargo.toml").contains("unsafe_code = \"deny\""));
    only("vestibule-memory", &[]);
    assert_eq!(direct("vestibule-memory"), BTreeSet::from(["libc".to_owned()]));
    let source = repository::read("server/memory/src/lib.rs");
    let code = source.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    let is_unsafe = |line: &&str| line.contains("unsafe ") || line.contains("unsafe_code");
    let found: Vec<&str> = code.filter(is_unsafe).collect();
    assert_eq!(
        found,
        [
            r#"#[expect(unsafe_code, reason = "there is no safe way to ask glibc")]"#,
            "let gave_back = unsafe { libc::malloc_trim(0) };"
        ]
    );
}

#[test]
fn the_model_runs_the_rules_without_a_server() {
    refuse("vestibule-model", &[SERVING.as_slice(), &DATABASE].concat());
    only("vestibule-model", &["vestibule-approve"]);
}

#[test]
fn the_load_generator_starts_servers_as_tests_do() {
    refuse("vestibule-bench", &[SERVING.as_slice(), &DATABASE].concat());
    only("vestibule-bench", &["vestibule-approve", "vestibule-tests"]);
}

#[test]
fn no_crate_depends_on_the_tests() {
    for package in packages() {
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        let is_named = |name: &str| dependencies.iter().any(|dependency| dependency["name"] == name);
        let is_bench = package["name"] == "vestibule-bench";
        assert!(is_bench || !is_named("vestibule-tests"), "{} depends on the tests", package["name"]);
        assert!(!is_named("vestibule-bench"), "{} depends on the load generator", package["name"]);
    }
}

/// Cargo reads the manifests of the whole workspace, whichever package it builds.
#[test]
fn the_container_is_built_from_every_manifest() {
    let root = repository::root().canonicalize().expect("the repository");
    let ignored = repository::read(".dockerignore");
    let included: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    for package in packages() {
        let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
        let manifest = manifest.strip_prefix(&root).expect("a path in the repository");
        let is_included = included.iter().any(|path| manifest.starts_with(path));
        assert!(is_included, ".dockerignore leaves out {}", manifest.display());
    }
}

#[test]
fn a_star_matches_any_ending() {
    let found = BTreeSet::from(["actix-web".to_owned(), "serde".to_owned(), "vestibule-schema".to_owned()]);
    assert_eq!(forbidden_among(&found, &["actix*", "vestibule"]), ["actix-web"]);
}

/// `cargo test` takes the features of dev-dependencies into account, `cargo build` does not. What
/// both build with the same features is built once.
#[test]
fn dev_dependencies_add_no_features_to_the_servers_crates() {
    let of_server = whole_tree("vestibule");
    let [built, tested] = ["normal,build", "normal,build,dev"].map(with_features);
    let is_of_server = |line: &&String| line.split(' ').next().is_some_and(|name| of_server.contains(name));
    let only_built: Vec<&String> = built.difference(&tested).filter(is_of_server).collect();
    assert!(only_built.is_empty(), "built twice, since tests add features: {only_built:#?}");
}

/// Asserts which packages of the workspace a package names: exactly these.
fn only(package: &str, expected: &[&str]) {
    let direct = direct(package);
    let own: Vec<&str> =
        direct.iter().map(String::as_str).filter(|name| name.starts_with("vestibule")).collect();
    assert_eq!(own, expected, "of the workspace's packages {package} names others");
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

/// A package's normal dependencies by name, for all platforms and with all features.
fn direct(package: &str) -> BTreeSet<String> {
    let packages = packages();
    let package = packages.iter().find(|known| known["name"] == package).expect("a package of the workspace");
    let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
    // A normal dependency has no kind.
    let normal = dependencies.filter(|dependency| dependency["kind"].is_null());
    normal.map(|dependency| dependency["name"].as_str().expect("a name").to_owned()).collect()
}

/// All normal dependencies of a package on this platform, direct or through others, without itself.
fn whole_tree(package: &str) -> BTreeSet<String> {
    let tree =
        cargo(&["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let names: BTreeSet<String> =
        names.filter(|name| !name.is_empty() && *name != package).map(str::to_owned).collect();
    assert!(!names.is_empty(), "{package} has no dependencies at all");
    names
}

/// The packages of the workspace and all that they depend on by these edges, each with its
/// features.
fn with_features(edges: &str) -> BTreeSet<String> {
    let tree = cargo(&["tree", "--workspace", "--edges", edges, "--prefix", "none", "--format", "{p} {f}"]);
    // A package that was listed before ends in `(*)`.
    let lines = tree.lines().map(|line| line.trim_end_matches(" (*)"));
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
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

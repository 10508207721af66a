//! What the documents say about the tests is so: each that they name is there.

use std::fs;
use std::path::{Path, PathBuf};

/// The documents that name tests.
const DOCUMENTS: [&str; 1] = ["docs/threats.md"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The tests that a text names, each as `path::name` in backticks.
fn named(text: &str) -> Vec<(&str, &str)> {
    let code = text.split('`').skip(1).step_by(2);
    code.filter_map(|code| code.split_once("::")).filter(|(path, _)| !path.is_empty()).collect()
}

/// Whether a test of that name is in a source: of Rust, of JavaScript, or a recorded transcript.
fn is_in(path: &str, source: &str, name: &str) -> bool {
    match Path::new(path).extension().and_then(|extension| extension.to_str()) {
        Some("rs") => {
            let Some((before, _)) = source.split_once(&format!("fn {name}() ")) else { return false };
            // The attributes behind `#[test]` are in lines of their own.
            let mut attributes =
                before.trim_end().lines().rev().take_while(|line| line.trim_start().starts_with("#["));
            attributes.any(|line| line.trim() == "#[test]")
        }
        Some("js") => source.contains(&format!("test(\"{name}\"")),
        Some("json") => source.contains(&format!("\"name\": \"{name}\"")),
        _ => false,
    }
}

#[test]
fn every_test_that_a_document_names_is_there() {
    for document in DOCUMENTS {
        let text = fs::read_to_string(root().join(document)).expect("the document");
        let named = named(&text);
        assert!(named.len() > 50, "{document} names {} tests", named.len());
        for (path, name) in named {
            let source = fs::read_to_string(root().join(path))
                .unwrap_or_else(|_| panic!("{document}: no file {path}"));
            assert!(is_in(path, &source, name), "{document}: {path} has no test {name:?}");
        }
    }
}

#[test]
fn a_name_is_a_tests_and_whole() {
    let source = "#[test]\nfn one_two() {}\n\nfn helper() {}\n";
    assert!(is_in("a.rs", source, "one_two"));
    for other in ["one", "two", "helper", "three"] {
        assert!(!is_in("a.rs", source, other), "{other}");
    }
    assert!(is_in("a.test.js", "test(\"says so\", async () => {", "says so"));
    assert!(!is_in("a.test.js", "test(\"says so\", async () => {", "says"));
    assert_eq!(named("`a.rs::b`, `c` and `d.js::e f`"), [("a.rs", "b"), ("d.js", "e f")]);
}

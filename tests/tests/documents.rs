//! The documents are right as far as a program can tell: their links lead somewhere, the tests that
//! they cite exist, their prose is wrapped, and the protocol has an example of each event.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use vestibule_tests::repository;

const CITING: [&str; 1] = ["docs/threats.md"];

/// The longest line of prose, in characters.
const COLUMNS: usize = 100;

/// Every Markdown document.
fn documents() -> Vec<PathBuf> {
    let found = repository::files("md");
    assert!(found.len() > 40, "{found:?}");
    found
}

/// The lines of a document outside blocks of code.
fn outside_code(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The tests that a text cites, each as `path::name` in backticks.
fn cited(text: &str) -> Vec<(&str, &str)> {
    let code = text.split('`').skip(1).step_by(2);
    code.filter_map(|code| code.split_once("::")).filter(|(path, _)| !path.is_empty()).collect()
}

/// Whether a source has a test of this name: a Rust or JavaScript source, or a recorded transcript.
fn is_in(path: &str, source: &str, name: &str) -> bool {
    match Path::new(path).extension().and_then(|extension| extension.to_str()) {
        Some("rs") => {
            let Some((before, _)) = source.split_once(&format!("fn {name}() ")) else {
                return false;
            };
            // The attributes after `#[test]` are in lines of their own.
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
fn cited_tests_exist() {
    for document in CITING {
        let text = repository::read(document);
        let cited = cited(&text);
        assert!(cited.len() > 50, "{document} cites {} tests", cited.len());
        for (path, name) in cited {
            let source = fs::read_to_string(repository::root().join(path))
                .unwrap_or_else(|_| panic!("{document}: no file {path}"));
            assert!(is_in(path, &source, name), "{document}: {path} has no test {name:?}");
        }
    }
}

#[test]
fn citations_name_whole_tests() {
    let source = "#[test]\nfn one_two() {}\n\nfn helper() {}\n";
    assert!(is_in("a.rs", source, "one_two"));
    for other in ["one", "two", "helper", "three"] {
        assert!(!is_in("a.rs", source, other), "{other}");
    }
    assert!(is_in("a.test.js", "test(\"says so\", async () => {", "says so"));
    assert!(!is_in("a.test.js", "test(\"says so\", async () => {", "says"));
    assert_eq!(cited("`a.rs::b`, `c` and `d.js::e f`"), [("a.rs", "b"), ("d.js", "e f")]);
}

/// The targets of a document's links and pictures.
fn links(text: &str) -> Vec<&str> {
    outside_code(text)
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .collect()
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let is_kept = |character: &char| character.is_alphanumeric() || "-_ ".contains(*character);
    heading.trim().to_lowercase().chars().filter(is_kept).collect::<String>().replace(' ', "-")
}

fn anchors(text: &str) -> BTreeSet<String> {
    outside_code(text)
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#')))
        .collect()
}

/// Whether a document's link leads to no file, or to no heading in it.
fn is_broken(document: &Path, link: &str) -> bool {
    if link.starts_with("https://") || link.starts_with("http://") {
        return false;
    }
    let (path, heading) = link.split_once('#').unwrap_or((link, ""));
    let folder = document.parent().expect("a folder");
    let target = if path.is_empty() { document.to_owned() } else { folder.join(path) };
    !repository::root().join(&target).exists()
        || !heading.is_empty() && !anchors(&repository::read(&target)).contains(heading)
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = repository::read(&document);
        let found = links(&text).into_iter().filter(|link| is_broken(&document, link));
        broken.extend(found.map(|link| format!("{}: {link}", document.display())));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn links_are_found_and_anchors_follow_github() {
    assert_eq!(links("[a](b.md), [c](d.md#e)\n```\n[f](g)\n```\n![h](i.png)"), ["b.md", "d.md#e", "i.png"]);
    let text = "# Client → server\n```\n# no\n```\n## The server's `name`";
    assert_eq!(anchors(text), ["client--server", "the-servers-name"].map(str::to_owned).into());
}

/// Whether a line of prose is too long and could be broken: text in backticks stays whole.
fn is_unwrapped(line: &str) -> bool {
    let text = line.trim_start().trim_start_matches("- ");
    let breakable = text.split('`').step_by(2).any(|words| words.contains(' '));
    line.chars().count() > COLUMNS && !line.starts_with('|') && breakable
}

#[test]
fn prose_is_wrapped() {
    for document in documents() {
        let text = repository::read(&document);
        let found: Vec<&str> = outside_code(&text).filter(|line| is_unwrapped(line)).collect();
        assert!(found.is_empty(), "{}: {found:#?}", document.display());
    }
    assert!(is_unwrapped(&"a b".repeat(40)) && !is_unwrapped(&format!("- `{}`", "a b".repeat(40))));
}

/// The section of a document below a heading.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("\n## {heading}\n")).expect("a section");
    rest.split_once("\n## ").map_or(rest, |(section, _)| section)
}

/// The frames of the protocol's examples, each with the arrow that shows its direction.
fn examples(text: &str) -> Vec<(char, Vec<Value>)> {
    let mut frames: Vec<String> = Vec::new();
    for block in text.split("```\n").skip(1).step_by(2) {
        for line in block.lines() {
            match frames.last_mut() {
                Some(frame) if !line.starts_with(['→', '←']) => frame.push_str(line),
                _ => frames.push(line.to_owned()),
            }
        }
    }
    let parse = |frame: &String| {
        let arrow = frame.chars().next().expect("an arrow");
        let parts = serde_json::from_str(&frame[arrow.len_utf8()..]);
        (arrow, parts.unwrap_or_else(|error| panic!("{frame}: {error}")))
    };
    frames.iter().map(parse).collect()
}

/// The fields that a table cell lists, and whether each may be absent.
fn fields(cell: &str) -> Vec<(String, bool)> {
    let mut depth = 0;
    let is_outer = |character: char| {
        depth += i32::from("([{".contains(character)) - i32::from(")]}".contains(character));
        character == ',' && depth == 0
    };
    let field = |text: &str| {
        let is_part = |character: char| character.is_ascii_lowercase() || character == '_';
        let (name, rest) =
            text.trim().split_at(text.trim().find(|c| !is_part(c)).unwrap_or(text.trim().len()));
        (name.to_owned(), rest.starts_with('?'))
    };
    cell.split(is_outer).map(field).filter(|(name, _)| !name.is_empty()).collect()
}

fn assert_fields(event: &str, shown: &Value, cell: &str) {
    let fields = fields(cell);
    let shown: Vec<&String> = shown.as_object().expect("an object").keys().collect();
    for (name, is_optional) in &fields {
        assert!(*is_optional || shown.contains(&name), "{event}: no {name} in {shown:?}");
    }
    for name in shown {
        assert!(fields.iter().any(|(known, _)| known == name), "{event}: {name} is not in the table");
    }
}

#[test]
fn the_protocol_has_an_example_of_each_event() {
    let text = repository::read("docs/protocol.md");
    let frames = examples(section(&text, "Examples"));
    let of_client = section(&text, "Client → server").lines().filter(|line| line.starts_with("| `"));
    let mut events = 0;
    for row in of_client {
        let cells: Vec<&str> = row.split(" | ").collect();
        let event = cells[0].trim_matches(['|', ' ', '`']);
        let is_event = |(arrow, frame): &(char, Vec<Value>)| *arrow == '→' && frame[3] == event;
        let place = frames.iter().position(is_event).unwrap_or_else(|| panic!("no example of {event}"));
        let (message, reply) = (&frames[place].1, &frames[place + 1].1);
        assert_fields(event, &message[4], cells[2]);
        assert_eq!((&reply[1], &reply[3]), (&message[1], &Value::from("phx_reply")), "{event}");
        assert_fields(event, &reply[4]["response"], cells[3]);
        events += 1;
    }
    assert!(events > 15, "{events}");
    for row in section(&text, "Server → client").lines().filter(|line| line.starts_with("| `")) {
        for event in row.split(" | ").next().expect("a cell").split('`').skip(1).step_by(2) {
            let is_push = |(arrow, frame): &(char, Vec<Value>)| *arrow == '←' && frame[3] == event;
            assert!(frames.iter().any(is_push), "no example of {event}");
        }
    }
}

#[test]
fn a_cell_lists_fields() {
    let listed = fields("code (≤ 64 bytes, or so), block?, role: \"member\", pending[≤50]");
    let names = [("code", false), ("block", true), ("role", false), ("pending", false)];
    assert_eq!(listed, names.map(|(name, is_optional)| (name.to_owned(), is_optional)));
    assert_eq!(fields("{}"), []);
}

//! Which module of the server may know which: the framework (channels, rooms, transports) knows nothing of keys and
//! their store, and only the store knows the tables.
//!
//! This reads the sources as text. It finds the ways one writes a path, not those one would have to think up.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the framework. A name that ends in a star stands for all that start so.
const FRAMEWORK: [&str; 5] = ["channel", "metrics", "room", "outbox*", "transport"];

/// The modules of the crate that the framework must not know.
const ABOVE: [&str; 4] = ["admin", "approve", "health", "store"];

/// The crate of the tables.
const TABLES: &str = "vestibule_schema";

/// The files that put everything together.
const WIRING: [&str; 2] = ["lib", "main"];

#[test]
fn the_framework_knows_nothing_of_keys() {
    let framework: Vec<Source> = sources().into_iter().filter(|source| source.is_in(&FRAMEWORK)).collect();
    assert!(!framework.is_empty(), "the framework's modules are gone");
    for source in framework {
        let found = source.modules_above();
        assert!(found.is_empty(), "{} mentions {}", source.path.display(), found.join(", "));
        assert!(!source.text.contains(TABLES), "{} mentions the tables", source.path.display());
    }
}

#[test]
fn only_the_store_knows_the_tables() {
    for source in sources() {
        if source.text.contains(TABLES) {
            let allowed = source.is_in(&["store"]) || source.is_in(&WIRING);
            assert!(allowed, "{} mentions the tables", source.path.display());
        }
    }
}

#[test]
fn a_module_is_found_however_it_is_named() {
    for (path, text) in [
        ("channel.rs", "use crate::store::Store;"),
        ("channel.rs", "use super::approve;"),
        ("channel/mod.rs", "use super::store;"),
        ("channel/a.rs", "use super::super::store;"),
        ("room/a.rs", "use crate::{channel::{self, Channel}, store};"),
        ("room/a.rs", "use crate::{\n    approve::{Key, store},\n};"),
    ] {
        assert_eq!(Source::new(path, text).modules_above().len(), 1, "{path}: {text}");
    }
    for (path, text) in [
        ("channel/a.rs", "use super::store;"),
        ("channel.rs", "use crate::{channel::store, room};"),
        ("channel.rs", "use crate::storehouse;"),
    ] {
        assert_eq!(Source::new(path, text).modules_above(), Vec::<&str>::new(), "{path}: {text}");
    }
}

/// A file of the server.
struct Source {
    /// Where it is, below `src`.
    path: PathBuf,
    text: String,
}

impl Source {
    fn new(path: impl Into<PathBuf>, text: &str) -> Self {
        Self { path: path.into(), text: text.to_owned() }
    }

    /// The names of the modules it is in, from the crate's root, its own last.
    fn modules(&self) -> Vec<String> {
        let path = self.path.with_extension("");
        let mut names: Vec<String> = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        if names.last().is_some_and(|name| name == "mod") {
            names.pop();
        }
        names
    }

    /// Whether it belongs to one of these modules of the crate's root.
    fn is_in(&self, modules: &[&str]) -> bool {
        let own = self.modules();
        let root = own.first().map_or("", String::as_str);
        modules.iter().any(|module| match module.strip_suffix('*') {
            Some(start) => root.starts_with(start),
            None => root == *module,
        })
    }

    /// The modules it mentions and must not know.
    fn modules_above(&self) -> Vec<&'static str> {
        // As in `use crate :: { a, b }` without the blanks.
        let text: String = self.text.split_whitespace().collect();
        let from_below = "super::".repeat(self.modules().len());
        let mentioned: Vec<&str> =
            ["crate::", &from_below].iter().flat_map(|root| behind(&text, root)).collect();
        ABOVE.into_iter().filter(|module| mentioned.contains(module)).collect()
    }
}

/// The first names behind a path's start, wherever it is in the text; of a group in braces each member's.
fn behind<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    let mut names = Vec::new();
    for (index, _) in text.match_indices(start) {
        let rest = &text[index + start.len()..];
        match rest.strip_prefix('{') {
            None => names.push(first_name(rest)),
            Some(group) => names.extend(members(group).into_iter().map(first_name)),
        }
    }
    names
}

/// The members of a group, up to the brace that ends it.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut from, mut members) = (0_u32, 0, Vec::new());
    for (index, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' => {
                members.push(&group[from..index]);
                break;
            }
            ',' if depth == 0 => {
                members.push(&group[from..index]);
                from = index + 1;
            }
            _ => {}
        }
    }
    members
}

fn first_name(path: &str) -> &str {
    path.split(|character: char| !character.is_alphanumeric() && character != '_').next().unwrap_or_default()
}

/// All files of the server.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/src");
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("a folder of the server") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).expect("a source");
                sources.push(Source::new(path.strip_prefix(&root).expect("a file of the server"), &text));
            }
        }
    }
    sources
}

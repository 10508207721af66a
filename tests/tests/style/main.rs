//! The style of all Rust sources, as far as formatter and linter do not check it.

mod scanner;

use std::path::{Component, Path};

use vestibule_tests::repository;

use crate::scanner::Scanned;

/// The most columns of a line with a comment.
const COLUMNS: usize = 100;
/// The most lines of a file.
const FILE: usize = 500;
/// The most lines of a file of tests.
const TEST_FILE: usize = 600;
/// The most lines of a function, from its signature to its closing brace.
const FUNCTION: usize = 60;
/// A test's name has fewer characters.
const NAME: usize = 60;

/// A violation: its line, counted from 1, and what is wrong.
type Violation = (usize, String);

/// Fails with the path and line of each violation in a Rust source of this repository.
#[track_caller]
fn assert_none(check: impl Fn(&Path, &str) -> Vec<Violation>) {
    let files = repository::files("rs");
    assert!(files.len() > 300, "{} files", files.len());
    let found: Vec<String> = files
        .iter()
        .flat_map(|path| {
            let violations = check(path, &repository::read(path));
            violations.into_iter().map(move |(line, what)| format!("{}:{line}: {what}", path.display()))
        })
        .collect();
    assert!(found.is_empty(), "{} violations\n{}", found.len(), found.join("\n"));
}

/// Comments in lines that are too long. A comment that cannot be broken, such as a URL, may be.
fn long_comments(source: &str) -> Vec<Violation> {
    let scanned = Scanned::of(source);
    let lines = source.lines().zip(scanned.comments.lines()).enumerate();
    let long = lines.filter(|(_, (line, comment))| {
        let text = comment.trim().trim_start_matches(['/', '!', '*', ' ']);
        line.chars().count() > COLUMNS && text.contains(' ') && !text.starts_with('|')
    });
    long.map(|(number, (line, _))| (number + 1, format!("{} columns", line.chars().count()))).collect()
}

fn long_file(path: &Path, source: &str) -> Vec<Violation> {
    let is_test = path.components().any(|part| part == Component::Normal("tests".as_ref()))
        || path.file_name().is_some_and(|name| name == "tests.rs");
    let (lines, most) = (source.lines().count(), if is_test { TEST_FILE } else { FILE });
    if lines > most { vec![(lines, format!("{lines} lines"))] } else { Vec::new() }
}

/// The length of a function whose text begins at its name; nothing if it has no body.
fn function_length(code: &str) -> Option<usize> {
    let (mut parentheses, mut braces) = (0, 0);
    for (place, character) in code.char_indices() {
        match character {
            '(' | '[' => parentheses += 1,
            ')' | ']' => parentheses -= 1,
            '{' => braces += 1,
            '}' => braces -= 1,
            ';' if parentheses == 0 && braces == 0 => return None,
            _ => continue,
        }
        if character == '}' && braces == 0 && parentheses == 0 {
            return Some(code[..place].matches('\n').count() + 1);
        }
    }
    None
}

fn long_functions(source: &str) -> Vec<Violation> {
    let code = Scanned::of(source).code;
    let starts = code.match_indices("fn ").filter(|(place, _)| {
        let is_word = code[..*place].ends_with(|before: char| before.is_alphanumeric() || before == '_');
        !is_word
    });
    let long = starts.filter_map(|(place, _)| {
        let rest = &code[place + "fn ".len()..];
        let length = function_length(rest).filter(|length| *length > FUNCTION)?;
        let name = rest.split(['(', '<']).next().unwrap_or_default();
        Some((code[..place].matches('\n').count() + 1, format!("`{name}` has {length} lines")))
    });
    long.collect()
}

fn long_test_names(source: &str) -> Vec<Violation> {
    let code = Scanned::of(source).code;
    let mut is_test = false;
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let line = line.trim();
        is_test |= line.starts_with("#[test]") || line.starts_with("#[") && line.contains("::test");
        let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) else { continue };
        is_test = false;
        let name = rest.split(['(', '<']).next().unwrap_or_default();
        if name.chars().count() >= NAME {
            found.push((number + 1, format!("`{name}` has {} characters", name.chars().count())));
        }
    }
    found
}

#[test]
fn comments_have_at_most_100_columns() {
    assert_none(|_, source| long_comments(source));
}

#[test]
fn files_have_at_most_500_lines() {
    assert_none(long_file);
}

#[test]
fn functions_have_at_most_60_lines() {
    assert_none(|_, source| long_functions(source));
}

#[test]
fn test_names_have_fewer_than_60_characters() {
    assert_none(|_, source| long_test_names(source));
}

#[test]
fn long_comments_are_found() {
    let long = "/".repeat(2) + &" word".repeat(20);
    let source = format!("let a = \"{long}\";\nlet b = 1; {long}\n    /{long}\n// {}\n", "x".repeat(120));
    let found: Vec<usize> = long_comments(&source).into_iter().map(|(line, _)| line).collect();
    assert_eq!(found, [2, 3]);
}

#[test]
fn long_files_are_found() {
    for (path, most) in [
        ("server/src/a.rs", 500),
        ("server/src/tests.rs", 600),
        ("tests/src/a.rs", 600),
        ("a/tests/b.rs", 600),
    ] {
        let lines = |count| long_file(Path::new(path), &"\n".repeat(count)).len();
        assert_eq!((lines(most), lines(most + 1)), (0, 1), "{path}");
    }
}

#[test]
fn long_functions_are_found() {
    let body = |lines| "let a = [0; 1]; // }\n".repeat(lines);
    let source = format!(
        "trait A {{ fn none(&self) -> [u8; 2]; }}\nfn short() {{\n{}}}\nimpl B {{\nfn long<T>(\n) {{\n{}}}\n}}\n",
        body(58),
        body(58),
    );
    assert_eq!(long_functions(&source), [(63, "`long` has 61 lines".to_owned())]);
}

#[test]
fn long_test_names_are_found() {
    let name = "x".repeat(60);
    let source = format!("fn {name}() {{}}\n#[test]\n#[ignore]\nfn {name}() {{}}\n#[test]\nfn y() {{}}\n");
    let found: Vec<usize> = long_test_names(&source).into_iter().map(|(line, _)| line).collect();
    assert_eq!(found, [4]);
}

//! Splits Rust sources into code and comments.

/// A source as two texts of the same lines: in each, spaces replace what belongs to the other. The
/// contents of strings and characters are in neither.
pub(crate) struct Scanned {
    pub(crate) code: String,
    pub(crate) comments: String,
}

/// What a character belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Code,
    Comment,
    Literal,
}

impl Scanned {
    pub(crate) fn of(source: &str) -> Self {
        let characters: Vec<char> = source.chars().collect();
        let (mut code, mut comments) = (String::new(), String::new());
        let mut place = 0;
        while place < characters.len() {
            let (part, length) = next(&characters[place..], place.checked_sub(1).map(|it| characters[it]));
            for character in &characters[place..place + length] {
                let keep = |wanted| if part == wanted || *character == '\n' { *character } else { ' ' };
                code.push(keep(Part::Code));
                comments.push(keep(Part::Comment));
            }
            place += length;
        }
        Self { code, comments }
    }
}

/// The part at the beginning of `rest`, and its length. `before` is the preceding character.
fn next(rest: &[char], before: Option<char>) -> (Part, usize) {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    match rest {
        ['/', '/', ..] => (Part::Comment, until(rest, |at| at[0] == '\n')),
        ['/', '*', ..] => (Part::Comment, block(rest)),
        ['"', ..] => (Part::Literal, string(rest)),
        ['r', '"' | '#', ..] if !before.is_some_and(|it| is_word(it) && it != 'b' && it != 'c') => {
            raw_string(rest).map_or((Part::Code, 1), |length| (Part::Literal, length))
        }
        ['\'', '\\', ..] => (Part::Literal, 3 + until(&rest[3..], |at| at[0] == '\'') + 1),
        ['\'', _, '\'', ..] => (Part::Literal, 3),
        _ => (Part::Code, 1),
    }
}

/// How many characters come before the end; all of them if there is none.
fn until(rest: &[char], is_end: impl Fn(&[char]) -> bool) -> usize {
    (0..rest.len()).find(|place| is_end(&rest[*place..])).unwrap_or(rest.len())
}

/// The length of a block comment, which may hold others.
fn block(rest: &[char]) -> usize {
    let (mut depth, mut place) = (0, 0);
    while place < rest.len() {
        match rest[place..] {
            ['/', '*', ..] => (depth, place) = (depth + 1, place + 2),
            ['*', '/', ..] => (depth, place) = (depth - 1, place + 2),
            _ => place += 1,
        }
        if depth == 0 {
            break;
        }
    }
    place
}

fn string(rest: &[char]) -> usize {
    let mut place = 1;
    while place < rest.len() && rest[place] != '"' {
        place += if rest[place] == '\\' { 2 } else { 1 };
    }
    (place + 1).min(rest.len())
}

/// The length of a raw string; nothing for a raw identifier.
fn raw_string(rest: &[char]) -> Option<usize> {
    let hashes = until(&rest[1..], |at| at[0] != '#');
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let content = 2 + hashes;
    let end = |at: &[char]| at[0] == '"' && at.len() > hashes && at[1..=hashes].iter().all(|it| *it == '#');
    Some((content + until(&rest[content..], end) + 1 + hashes).min(rest.len()))
}

#[test]
fn comments_and_literals_are_told_from_code() {
    let source = "a // b\n\"// c\" /* d /* e */ \" */ f::<'g>('\\'', '\"', r#\"\"h\"#, r#i) // \"j\n'k";
    let Scanned { code, comments } = Scanned::of(source);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(&code), "a f::<'g>( , , , r#i) 'k");
    assert_eq!(words(&comments), "// b /* d /* e */ \" */ // \"j");
    assert_eq!(code.lines().count(), source.lines().count());
    assert_eq!(code.chars().count(), source.chars().count());
}

//! Which characters a text may have that people see: names, notes and codes come from strangers.
//!
//! Control and format characters are invisible and change how the text around them looks: they
//! reverse the reading order, end lines, control terminals, or make two different names look the
//! same. `docs/decisions/0017-no-invisible-characters.md` says why the joiners are an exception.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// ZERO WIDTH NON-JOINER and ZERO WIDTH JOINER.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// Whether a text has no control or format characters and no line or paragraph separators. The two
/// joiners, which Persian, Indic scripts and emoji need, may stand between two characters that are
/// not ASCII.
///
/// ```
/// use vestibule_approve::text::is_printable;
///
/// assert!(is_printable("Gärten 🏡"));
/// assert!(!is_printable("two\nlines"));
/// ```
pub fn is_printable(text: &str) -> bool {
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let may_stand = if JOINERS.contains(&char) {
            before.is_some_and(is_joined) && chars.peek().copied().is_some_and(is_joined)
        } else {
            !is_invisible(char)
        };
        if !may_stand {
            return false;
        }
        before = Some(char);
    }
    true
}

/// Whether a joiner may stand beside it.
fn is_joined(char: char) -> bool {
    !char.is_ascii() && !is_invisible(char)
}

fn is_invisible(char: char) -> bool {
    matches!(
        char.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_printable() {
        for text in [
            "",
            "It is Bob",
            "Gärten 🏡",
            "日本語",
            "שלום",
            "مرحبا",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "👩\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}\u{200d}🔥",
            "a\u{a0}b",
        ] {
            assert!(is_printable(text), "{text:?}");
        }
    }

    #[test]
    fn control_and_format_characters_are_not() {
        for char in [
            '\0',
            '\u{1b}',
            '\n',
            '\r',
            '\t',
            '\u{7f}',
            '\u{85}',
            '\u{ad}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{fff9}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e007f}',
        ] {
            for text in [format!("{char}"), format!("a{char}b"), format!("ä{char}ö")] {
                assert!(!is_printable(&text), "{text:?}");
            }
        }
    }

    #[test]
    fn joiners_join_something() {
        for joiner in JOINERS {
            for (before, after) in [
                ("", ""),
                ("", "ä"),
                ("ä", ""),
                ("a", "b"),
                ("ä", "b"),
                ("a", "ä"),
                ("ä", "\u{200d}ä"),
                ("\u{202e}", "ä"),
            ] {
                let text = format!("{before}{joiner}{after}");
                assert!(!is_printable(&text), "{text:?}");
            }
        }
    }
}

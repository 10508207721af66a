//! Query strings.

use std::fmt::Write as _;

/// The query string of name-value pairs; everything except unreserved characters is
/// percent-encoded.
pub fn encode<N: AsRef<str>, V: AsRef<str>>(pairs: &[(N, V)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name.as_ref()), escape(value.as_ref())))
        .collect();
    pairs.join("&")
}

/// A path with its query; without one, no question mark.
pub fn target(path: &str, query: &str) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{encode, target};

    #[test]
    fn reserved_characters_are_escaped() {
        assert_eq!(encode(&[("topic", "room:a b"), ("é", "1&2=3")]), "topic=room%3Aa%20b&%C3%A9=1%262%3D3");
    }

    #[test]
    fn an_empty_query_leaves_the_path_unchanged() {
        assert_eq!(target("/a", ""), "/a");
        assert_eq!(target("/a", "b=c"), "/a?b=c");
    }
}

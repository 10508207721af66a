//! Suggestions for misspelt names and values: "did you mean …?".

/// How similar a word must be to be suggested, from 0 to 1. clap uses the same for options.
const ALIKE: f64 = 0.7;

/// The most similar word, if any is similar enough.
pub(super) fn nearest<T>(
    word: &str,
    known: impl IntoIterator<Item = T>,
    name: impl Fn(&T) -> &str,
) -> Option<T> {
    let alike = known.into_iter().map(|known| (strsim::jaro_winkler(word, name(&known)), known));
    let nearest = alike.max_by(|(one, _), (other, _)| one.total_cmp(other));
    nearest.filter(|(similarity, _)| *similarity > ALIKE).map(|(_, known)| known)
}

/// A suggestion to append to an error; empty if there is none.
pub(super) fn did_you_mean(guess: Option<impl AsRef<str>>) -> String {
    guess.map(|guess| format!(" (did you mean {}?)", guess.as_ref())).unwrap_or_default()
}

/// A size with another spelling of its unit, such as `16KB`, `16k` or `16 mib`.
pub(super) fn size(text: &str) -> Option<String> {
    let digits = text.trim_end_matches(|end: char| end.is_ascii_alphabetic() || end == ' ');
    let unit = text[digits.len()..].trim().to_ascii_lowercase();
    let unit = match unit.as_str() {
        "k" | "kb" | "kib" => "KiB",
        "m" | "mb" | "mib" => "MiB",
        "g" | "gb" | "gib" => "GiB",
        "t" | "tb" | "tib" => "TiB",
        "b" | "byte" | "bytes" => "",
        _ => return None,
    };
    Some(format!("{digits}{unit}"))
}

/// A time without a unit, taken as seconds.
pub(super) fn duration(text: &str) -> Option<String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| format!("{text}s"))
}

/// A word for yes or no.
pub(super) fn switch(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" | "enabled" => Some("on"),
        "off" | "false" | "no" | "0" | "disabled" => Some("off"),
        _ => None,
    }
}

/// A port alone, or one of `localhost`, on the loopback.
pub(super) fn address(text: &str) -> String {
    let port = text.strip_prefix("localhost").unwrap_or(text);
    format!("127.0.0.1:{}", port.strip_prefix(':').unwrap_or(port))
}

/// The host of a URL.
pub(super) fn host(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    rest.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found() {
        let nearest = |word: &str| super::nearest(word, ["error", "warn", "info"], |known| *known);
        assert_eq!((nearest("inof"), nearest("warning"), nearest("qqq")), (Some("info"), Some("warn"), None));
        assert_eq!(did_you_mean(nearest("inof")), " (did you mean info?)");
        assert_eq!(did_you_mean(nearest("qqq")), "");
    }

    #[test]
    fn values_are_guessed() {
        for (text, meant) in [("16KB", "16KiB"), ("1 gb", "1GiB"), ("5m", "5MiB"), ("7 bytes", "7")] {
            assert_eq!(size(text).as_deref(), Some(meant), "{text}");
        }
        assert_eq!((size("16"), size("16 elephants")), (None, None));
        assert_eq!((duration("30").as_deref(), duration(""), duration("soon")), (Some("30s"), None, None));
        assert_eq!((switch("Yes"), switch("false"), switch("perhaps")), (Some("on"), Some("off"), None));
        for text in ["4000", ":4000", "localhost:4000"] {
            assert_eq!(address(text), "127.0.0.1:4000", "{text}");
        }
        assert_eq!(host("https://chat.example.com/room"), Some("chat.example.com"));
        assert_eq!(host("chat example"), None);
    }
}

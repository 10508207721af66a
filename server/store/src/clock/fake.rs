//! A clock that tests set.
//!
//! `VESTIBULE_CLOCK` names a file with one or two numbers: by how many milliseconds the time of day
//! is ahead, and how many milliseconds ago the machine booted. The file is read again each time.
//! Builds without debug assertions ignore it.

use std::{env, fs, path::PathBuf, sync::LazyLock, time::Duration};

const VARIABLE: &str = "VESTIBULE_CLOCK";

static FILE: LazyLock<Option<PathBuf>> = LazyLock::new(|| env::var_os(VARIABLE).map(PathBuf::from));

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FakeTime {
    pub(super) ahead_ms: i64,
    pub(super) since_boot: Option<Duration>,
}

impl FakeTime {
    /// Reads the file; without one, nothing is faked.
    pub(super) fn look() -> Self {
        if !cfg!(debug_assertions) {
            return Self::default();
        }
        let text = FILE.as_ref().and_then(|file| fs::read_to_string(file).ok());
        text.map_or(Self::default(), |text| Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let mut numbers = text.split_whitespace();
        let ahead_ms = numbers.next().and_then(|ahead| ahead.parse().ok()).unwrap_or_default();
        let since_boot = numbers.next().and_then(|since| since.parse().ok()).map(Duration::from_millis);
        Self { ahead_ms, since_boot }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_one_number_or_two() {
        let pretended =
            |ahead_ms, up: Option<u64>| FakeTime { ahead_ms, since_boot: up.map(Duration::from_millis) };
        for (text, expected) in [
            ("-5\n", pretended(-5, None)),
            ("7 1000", pretended(7, Some(1000))),
            ("", pretended(0, None)),
            ("x", pretended(0, None)),
        ] {
            assert_eq!(FakeTime::parse(text), expected, "{text}");
        }
    }
}

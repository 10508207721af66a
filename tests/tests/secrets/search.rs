//! Searches for a secret in any encoding.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use vestibule_tests::people::random;

/// Every way in which bytes may have been written.
fn spellings(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hex = |upper: bool| {
        let digits =
            secret.iter().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
        digits.collect::<String>().into_bytes()
    };
    let list = |bytes: &[u8]| format!("{bytes:?}").trim_matches(['[', ']']).as_bytes().to_vec();
    let mut spellings = vec![
        ("raw", secret.to_vec()),
        ("hex", hex(false)),
        ("hex in capitals", hex(true)),
        ("base64url", URL_SAFE_NO_PAD.encode(secret).into_bytes()),
        ("base64url, padded", URL_SAFE.encode(secret).into_bytes()),
        ("base64", STANDARD_NO_PAD.encode(secret).into_bytes()),
        ("base64, padded", STANDARD.encode(secret).into_bytes()),
        ("a list of numbers", list(secret)),
        // As a log shows a body that is not known to be text.
        ("a list of base64url's bytes", list(URL_SAFE_NO_PAD.encode(secret).as_bytes())),
        ("escaped", secret.escape_ascii().to_string().into_bytes()),
    ];
    // Within longer data, base64 shifts by one or two bytes; characters that share bits with
    // neighbours are left out.
    for shift in [1, 2] {
        let shifted = [&vec![0; shift], secret].concat();
        let length = shifted.len() / 3 * 4;
        for (name, engine) in
            [("base64, shifted", &STANDARD_NO_PAD), ("base64url, shifted", &URL_SAFE_NO_PAD)]
        {
            spellings.push((name, engine.encode(&shifted).as_bytes()[4..length].to_vec()));
        }
    }
    spellings
}

pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    match str::from_utf8(needle) {
        // Haystacks are long, and this is the faster way. Lossy conversion replaces nothing that is
        // ASCII.
        Ok(needle) if needle.is_ascii() => String::from_utf8_lossy(haystack).contains(needle),
        _ => haystack.windows(needle.len()).any(|window| window == needle),
    }
}

/// The encoding in which the secret is found, if it is.
pub(crate) fn find(haystack: &[u8], secret: &[u8]) -> Option<&'static str> {
    spellings(secret).into_iter().find(|(_, needle)| contains(haystack, needle)).map(|(name, _)| name)
}

#[test]
fn the_search_finds_every_spelling() {
    let secret = random::<32>().0;
    for (name, spelled) in spellings(&secret) {
        let haystack = [b"before", spelled.as_slice(), b"after"].concat();
        assert!(find(&haystack, &secret).is_some(), "{name}");
    }
    for shift in 0..3 {
        let longer = [&vec![7; shift], secret.as_slice(), &[9; 5]].concat();
        assert!(find(STANDARD.encode(&longer).as_bytes(), &secret).is_some(), "base64 shifted by {shift}");
    }
    let other = random::<32>().0;
    assert_eq!(spellings(&other).iter().find_map(|(_, spelled)| find(spelled, &secret)), None);
}

/// All files of the data folder, except the one with the server's own secrets.
pub(crate) fn files(data: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = data.read_dir().expect("the data folder").map(|entry| entry.expect("an entry").path());
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let files = entries.filter(|path| name(path) != "secrets");
    files.map(|path| (name(&path), fs::read(&path).expect("a file"))).collect()
}

pub(crate) fn is_stored(files: &[(String, Vec<u8>)], bytes: &[u8]) -> bool {
    files.iter().any(|(_, content)| contains(content, bytes))
}

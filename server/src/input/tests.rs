//! Each error of serde, and its sentence. The word "hush" must never be shown.

use serde::{Deserialize, de::DeserializeOwned};
use vestibule_approve::{
    base64url::{Blob, Fixed},
    frames::Policy,
    items::Cursor,
};

use super::*;

/// One field of each kind that inputs have.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[allow(dead_code, reason = "what is read is not looked at")]
struct Input {
    exp: i64,
    version: u64,
    limit: u32,
    name: Option<String>,
    block: bool,
    policy: Option<Policy>,
    nonce: Option<Fixed<2>>,
    ct: Blob,
    cursor: Option<Cursor>,
    last: Option<Last>,
    items: Vec<Last>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "what is read is not looked at")]
struct Last {
    seq: i64,
    #[serde(default)]
    other: i64,
}

#[track_caller]
fn assert_said<T: DeserializeOwned + std::fmt::Debug>(text: &str, says: &str) {
    let fault = json::<T>(text, Document::Payload).unwrap_err();
    assert_eq!((fault.to_string(), fault.is_malformed), (says.to_owned(), false), "{text}");
}

#[test]
fn missing_and_unknown_fields_are_reported() {
    assert_said::<Last>("{}", "The field `seq` is missing.");
    assert_said::<Input>(r#"{"last":{}}"#, "The field `last.seq` is missing.");
    assert_said::<Input>(r#"{"items":[{"seq":1},{}]}"#, "The field `items.seq` is missing.");
    assert_said::<Last>(r#"{"seq":1,"seq":2}"#, "The field `seq` is given twice.");
    let unknown = "The name of one field is unknown: it must be `seq` or `other`.";
    assert_said::<Last>(r#"{"seq":1,"hush":2}"#, unknown);
    assert_said::<Input>(r#"{"last":{"seq":1,"hush, expected hush":2}}"#, unknown);
}

#[test]
fn wrong_types_are_reported_with_the_right_one() {
    for (text, says) in [
        (r#"{"exp":"hush"}"#, "`exp` must be an integer, not a string."),
        (r#"{"exp":"hush, expected hush at line 1 column 2"}"#, "`exp` must be an integer, not a string."),
        (r#"{"exp":null}"#, "`exp` must be an integer, not null."),
        (r#"{"exp":true}"#, "`exp` must be an integer, not true or false."),
        (r#"{"exp":[1]}"#, "`exp` must be an integer, not an array."),
        (r#"{"exp":{}}"#, "`exp` must be an integer, not an object."),
        (r#"{"exp":1.5}"#, "`exp` must be an integer, not a fractional or too large number."),
        (
            r#"{"exp":9223372036854775808}"#,
            "`exp` must be an integer from -9223372036854775808 to 9223372036854775807.",
        ),
        (r#"{"version":-1}"#, "`version` must be an integer from 0 to 18446744073709551615."),
        (r#"{"version":"1"}"#, "`version` must be an integer of at least 0, not a string."),
        (r#"{"limit":4294967296}"#, "`limit` must be an integer from 0 to 4294967295."),
        (r#"{"name":1}"#, "`name` must be a string, not an integer."),
        (r#"{"block":"yes"}"#, "`block` must be true or false, not a string."),
        (r#"{"last":1}"#, "`last` must be an object, not an integer."),
        (r#"{"last":{"seq":"x"}}"#, "`last.seq` must be an integer, not a string."),
        (r#"{"items":{}}"#, "`items` must be an array, not an object."),
        (r#"{"policy":1}"#, "`policy` must be a string, not an integer."),
        (r#"{"nonce":1}"#, "`nonce` must be bytes in base64url without padding, not an integer."),
        (r#"{"cursor":1}"#, "`cursor` must be a string, not an integer."),
    ] {
        assert_said::<Input>(text, &format!("The field {says}"));
    }
}

#[test]
fn invalid_values_are_not_quoted() {
    for (text, says) in [
        (r#"{"policy":"hush"}"#, "`policy` must be one of `open`, `request`, `secret`."),
        (r#"{"policy":"a, expected b"}"#, "`policy` must be one of `open`, `request`, `secret`."),
        (r#"{"nonce":"hush"}"#, "`nonce` must be exactly 2 bytes in base64url without padding."),
        (r#"{"nonce":"!"}"#, "`nonce` must be bytes in base64url without padding."),
        (r#"{"ct":"hush="}"#, "`ct` must be bytes in base64url without padding."),
        (r#"{"cursor":"hush"}"#, "`cursor` must be a cursor that came with a page."),
    ] {
        assert_said::<Input>(text, &format!("The field {says}"));
    }
}

#[test]
fn documents_that_are_not_objects_are_reported() {
    for (text, kind) in [("null", "null"), ("[]", "an array"), ("\"hush\"", "a string"), ("7", "an integer")]
    {
        assert_said::<Last>(text, &format!("The payload must be an object, not {kind}."));
    }
    for text in ["", "{", "{\"seq\":1}x", "{seq:1}", "hush", "{\"seq\":1,}"] {
        let fault = json::<Last>(text, Document::Body).unwrap_err();
        assert_eq!((fault.to_string(), fault.is_malformed), ("The body is not valid JSON.".to_owned(), true));
    }
}

#[test]
fn parameters_are_called_parameters() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "what is read is not looked at")]
    struct Asked {
        limit: Option<u32>,
        policy: Option<Policy>,
        after: Option<Fixed<2>>,
    }
    assert!(query::<Asked>("limit=1&policy=open&after=AAA").is_ok() && query::<Asked>("").is_ok());
    for (text, says) in [
        ("limit=hush", "The parameter `limit` must be an integer."),
        ("limit=", "The parameter `limit` must be an integer."),
        ("limit=-1", "The parameter `limit` must be an integer."),
        ("limit=4294967296", "The parameter `limit` must be an integer within its range."),
        ("policy=hush", "The parameter `policy` must be one of `open`, `request`, `secret`."),
        ("after=hush", "The parameter `after` must be exactly 2 bytes in base64url without padding."),
        ("limit=1&limit=2", "The parameter `limit` is given twice."),
        ("hush=1", "The name of one parameter is unknown: it must be one of `limit`, `policy`, `after`."),
    ] {
        assert_eq!(query::<Asked>(text).unwrap_err().to_string(), says, "{text}");
    }
}

/// An error with any other text may contain anything.
#[test]
fn unknown_errors_are_not_shown() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "what is read is not looked at")]
    struct Odd {
        #[serde(deserialize_with = "complain")]
        odd: i64,
    }
    fn complain<'de, D: serde::Deserializer<'de>>(value: D) -> Result<i64, D::Error> {
        let text = String::deserialize(value)?;
        Err(serde::de::Error::custom(format!("I do not like {text}")))
    }
    assert_said::<Odd>(r#"{"odd":"hush"}"#, "The field `odd` is not valid.");
}

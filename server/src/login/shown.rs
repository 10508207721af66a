//! What presence lists say of an account, as its login has it.

use serde_json::{Map, Value};

/// The name of what says it: a claim of a token, or a field of the auth hook's answer.
pub const PRESENCE_META: &str = "presence_meta";

/// The most bytes of it, as JSON: everybody in a topic is sent it.
const MAX_SHOWN: usize = 1024;

/// What is shown beside an account, such as a name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown(Map<String, Value>);

impl Shown {
    /// Reads it, if it is there. `None` if it is not an object, or too large.
    pub fn of(said: Option<Value>) -> Option<Self> {
        let said = match said {
            None => return Some(Self::default()),
            Some(Value::Object(said)) => Self(said),
            Some(_) => return None,
        };
        (said.to_text().len() <= MAX_SHOWN).then_some(said)
    }

    /// The fields.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.0
    }

    /// As JSON; empty if there is nothing.
    pub(super) fn to_text(&self) -> String {
        if self.0.is_empty() { String::new() } else { Value::Object(self.0.clone()).to_string() }
    }

    /// What [`to_text`](Self::to_text) says.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        if text.is_empty() { Some(Self::default()) } else { Self::of(Some(serde_json::from_str(text).ok()?)) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_small_objects_are_shown() {
        let of_size = |bytes: usize| json!({ "x": "y".repeat(bytes - 8) });
        for good in [None, Some(json!({})), Some(json!({ "name": "Alice" })), Some(of_size(MAX_SHOWN))] {
            let shown = Shown::of(good).unwrap();
            assert_eq!(Shown::of_text(&shown.to_text()), Some(shown));
        }
        for bad in [json!(null), json!("Alice"), json!([1]), of_size(MAX_SHOWN + 1)] {
            assert_eq!(Shown::of(Some(bad)), None);
        }
        assert_eq!(Shown::of_text("{"), None);
    }
}

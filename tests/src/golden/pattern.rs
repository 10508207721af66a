//! JSON with placeholders.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::bindings::Bindings;
use super::fields::{Fields, text};

#[derive(Debug, Clone)]
pub(super) enum Pattern {
    /// Null, a boolean, a number or a string. An integer never equals a fraction (1 is not 1.0). An
    /// integer beyond 64 bits is compared as the nearest fraction; `recv_raw` compares the exact
    /// one.
    Literal(Value),
    List(Vec<Pattern>),
    /// An object, with exactly these keys.
    Object(BTreeMap<String, Pattern>),
    /// Any string, remembered if there is a name.
    AnyText(Option<String>),
    /// The string remembered under this name.
    Same(String),
    /// A string that holds JSON.
    JsonText(Box<Pattern>),
}

impl Pattern {
    /// Parses a pattern. An object with a key that starts with `$` must be a placeholder.
    pub(super) fn parse(value: Value) -> Result<Self, String> {
        match value {
            Value::Array(items) => {
                Ok(Self::List(items.into_iter().map(Self::parse).collect::<Result<_, _>>()?))
            }
            Value::Object(fields) if fields.keys().any(|key| key.starts_with('$')) => {
                Self::parse_placeholder(fields)
            }
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(key, value)| Ok((key, Self::parse(value)?)));
                Ok(Self::Object(fields.collect::<Result<_, String>>()?))
            }
            literal => Ok(Self::Literal(literal)),
        }
    }

    fn parse_placeholder(fields: Map<String, Value>) -> Result<Self, String> {
        let mut fields = Fields::of(Value::Object(fields), "a placeholder")?;
        let pattern = if let Some(kind) = fields.optional("$any") {
            if kind != "string" {
                return Err(format!("a placeholder for any {kind}, which the runner does not understand"));
            }
            Self::AnyText(fields.optional("$as").map(text).transpose()?)
        } else if let Some(name) = fields.optional("$same") {
            Self::Same(text(name)?)
        } else if let Some(inner) = fields.optional("$json_text") {
            Self::JsonText(Box::new(Self::parse(inner)?))
        } else {
            // `done` refuses whatever key it is.
            Self::Literal(Value::Null)
        };
        fields.done()?;
        Ok(pattern)
    }

    /// Compares a value. Values are remembered even if the comparison fails in the end.
    pub(super) fn check(&self, got: &Value, bindings: &mut Bindings) -> Result<(), String> {
        let mut same = Vec::new();
        self.walk(got, "", bindings, &mut same)?;
        // Last, since a value may be bound after the place where it is used.
        for (path, name, value) in same {
            let remembered = bindings.get(&name)?;
            if remembered != value {
                return Err(format!("at {path}: expected {name}, which is {remembered:?}; got {value:?}"));
            }
        }
        Ok(())
    }

    fn walk(
        &self,
        got: &Value,
        path: &str,
        bindings: &mut Bindings,
        same: &mut Vec<(String, String, String)>,
    ) -> Result<(), String> {
        match (self, got) {
            (Self::Literal(expected), got) if expected == got => Ok(()),
            (Self::List(patterns), Value::Array(items)) if patterns.len() == items.len() => {
                patterns.iter().zip(items).enumerate().try_for_each(|(index, (pattern, item))| {
                    pattern.walk(item, &format!("{path}/{index}"), bindings, same)
                })
            }
            (Self::Object(patterns), Value::Object(fields)) if patterns.keys().eq(sorted_keys(fields)) => {
                patterns.iter().try_for_each(|(key, pattern)| {
                    pattern.walk(&fields[key], &format!("{path}/{key}"), bindings, same)
                })
            }
            (Self::AnyText(None), Value::String(_)) => Ok(()),
            (Self::AnyText(Some(name)), Value::String(value)) => {
                bindings.remember(name, value).map_err(|error| format!("at {path}: {error}"))
            }
            (Self::Same(name), Value::String(value)) => {
                same.push((path.to_owned(), name.clone(), value.clone()));
                Ok(())
            }
            (Self::JsonText(pattern), Value::String(text)) => {
                let inner = serde_json::from_str(text)
                    .map_err(|error| format!("at {path}: no JSON in {text:?} ({error})"))?;
                pattern.walk(&inner, &format!("{path}/(text)"), bindings, same)
            }
            (_, got) => Err(format!("at {}: got {got}", if path.is_empty() { "/" } else { path })),
        }
    }
}

fn sorted_keys(fields: &Map<String, Value>) -> Vec<&String> {
    let mut keys: Vec<&String> = fields.keys().collect();
    keys.sort();
    keys
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Bindings, Pattern};

    fn check(pattern: Value, got: &Value) -> Result<(), String> {
        Pattern::parse(pattern)?.check(got, &mut Bindings::default())
    }

    #[test]
    fn equal_json_is_equal() {
        let value = json!([null, true, 1, 1.5, "x", {"a": [], "b": {}}]);
        assert_eq!(check(value.clone(), &value), Ok(()));
    }

    #[test]
    fn different_json_is_different() {
        for (pattern, got) in [
            (json!(1), json!(1.0)),
            (json!(1), json!("1")),
            (json!(null), json!({})),
            (json!([1]), json!([1, 2])),
            (json!({"a": 1}), json!({})),
            (json!({}), json!({"a": 1})),
            (json!({"a": {"b": 1}}), json!({"a": {"b": 2}})),
        ] {
            assert!(check(pattern.clone(), &got).is_err(), "{pattern} and {got}");
        }
    }

    #[test]
    fn placeholders_match_by_kind() {
        let pattern =
            json!({"later": {"$same": "x"}, "x": {"$any": "string", "$as": "x"}, "y": {"$any": "string"}});
        assert_eq!(check(pattern.clone(), &json!({"later": "1", "x": "1", "y": "1"})), Ok(()));
        assert!(check(pattern.clone(), &json!({"later": "2", "x": "1", "y": "1"})).is_err());
        assert!(check(pattern, &json!({"later": 1, "x": "1", "y": "1"})).is_err());
        assert!(check(json!({"$any": "string"}), &json!(1)).is_err());
        assert!(check(json!({"$same": "unknown"}), &json!("1")).is_err());
        assert_eq!(check(json!({"$json_text": {"a": 1}}), &json!("{ \"a\": 1 }")), Ok(()));
        assert!(check(json!({"$json_text": {"a": 1}}), &json!("{ \"a\": 2 }")).is_err());
        assert!(check(json!({"$json_text": {"a": 1}}), &json!("{")).is_err());
    }

    #[test]
    fn unknown_placeholders_are_refused() {
        for pattern in [
            json!({"$any": "number"}),
            json!({"$any": "string", "$matching": "x"}),
            json!({"$same": "x", "y": 1}),
            json!([{"deep": {"$other": 1}}]),
        ] {
            assert!(Pattern::parse(pattern.clone()).is_err(), "{pattern}");
        }
    }
}

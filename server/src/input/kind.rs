//! Finds the kind of a value in a JSON text without building the text's values: it may be large,
//! and malicious.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_path_to_error::{Path, Segment};

/// The name of an object's kind.
pub(super) const OBJECT: &str = "an object";

/// The kind of the whole text's value, or `None` if the text is not JSON.
pub(super) fn of(text: &str) -> Option<&'static str> {
    look(text, &[])
}

/// The kind of the value at a path, if there is one.
pub(super) fn at(text: &str, path: &Path) -> Option<&'static str> {
    look(text, &path.iter().collect::<Vec<_>>())
}

fn look(text: &str, path: &[&Segment]) -> Option<&'static str> {
    let mut json = serde_json::Deserializer::from_str(text);
    let found = Look(path).deserialize(&mut json).ok()?;
    json.end().ok().and(found)
}

/// Finds the kind of the value at this path.
#[derive(Clone, Copy)]
struct Look<'a>(&'a [&'a Segment]);

impl Look<'_> {
    fn here(self, kind: &'static str) -> Option<&'static str> {
        self.0.is_empty().then_some(kind)
    }
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = Option<&'static str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(self.here("null"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(self.here("true or false"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(self.here("an integer"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(self.here("an integer"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(self.here("a fractional or too large number"))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(self.here("a string"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut found = self.here("an array");
        if let [Segment::Seq { index }, rest @ ..] = self.0 {
            for _ in 0..*index {
                seq.next_element::<IgnoredAny>()?;
            }
            found = seq.next_element_seed(Look(rest))?.flatten();
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = self.here(OBJECT);
        while let Some(key) = map.next_key::<String>()? {
            match self.0 {
                // If a name occurs twice, the last one counts.
                [Segment::Map { key: wanted }, rest @ ..] if *wanted == key => {
                    found = map.next_value_seed(Look(rest))?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

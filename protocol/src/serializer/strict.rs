//! A JSON value that is checked to the last character but not built.
//!
//! `serde_json`'s raw values and ignored values skim: they accept a lone surrogate (`"\ud800"`) and a number out of range
//! (`1e400`). Phoenix's parser refuses both, and a payload that is passed on unparsed must not be one that the
//! receiver's parser trips over. Walking the value costs no allocation.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Deserialises from any JSON value that is well-formed in full.
pub(super) struct WellFormed;

impl<'de> Deserialize<'de> for WellFormed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walk)
    }
}

struct Walk;

impl<'de> Visitor<'de> for Walk {
    type Value = WellFormed;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<WellFormed, E> {
        Ok(WellFormed)
    }

    fn visit_i64<E>(self, _: i64) -> Result<WellFormed, E> {
        Ok(WellFormed)
    }

    fn visit_u64<E>(self, _: u64) -> Result<WellFormed, E> {
        Ok(WellFormed)
    }

    fn visit_f64<E>(self, _: f64) -> Result<WellFormed, E> {
        Ok(WellFormed)
    }

    fn visit_str<E>(self, _: &str) -> Result<WellFormed, E> {
        Ok(WellFormed)
    }

    fn visit_unit<E>(self) -> Result<WellFormed, E> {
        Ok(WellFormed)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<WellFormed, A::Error> {
        while seq.next_element::<WellFormed>()?.is_some() {}
        Ok(WellFormed)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WellFormed, A::Error> {
        while map.next_key::<Key>()?.is_some() {
            map.next_value::<WellFormed>()?;
        }
        Ok(WellFormed)
    }
}

struct Key;

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyWalk)
    }
}

struct KeyWalk;

impl Visitor<'_> for KeyWalk {
    type Value = Key;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_str<E>(self, _: &str) -> Result<Key, E> {
        Ok(Key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_a_receiver_would_trip_over() {
        for bad in [r#""\ud800""#, r#"{"\udc00":1}"#, "1e400", "[1,]", r#"{"a"}"#, "\"\u{1}\"", "nul", "01"] {
            assert!(serde_json::from_str::<WellFormed>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn accepts_every_kind_of_value() {
        let good = r#"{"a":[1,-2,1.5e3,123456789012345678901234567890,"\ud83d\ude00","\u0000",true,null,{}],"a":{}}"#;
        assert!(serde_json::from_str::<WellFormed>(good).is_ok());
    }
}

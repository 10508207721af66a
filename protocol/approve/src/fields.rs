//! Reads fields of payloads where serde alone would be stricter or laxer than JSON.
//!
//! Some languages have one type for all numbers and write the integer 1 as `1.0` or `1e0`: Gson,
//! Lua, R. In JSON there is no difference (RFC 8259, section 6). The integer is signed, so all
//! spellings have the same signed bytes.

use std::{any::type_name, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Unexpected, Visitor, value::MapAccessDeserializer},
};

/// Below this a double represents one integer only.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads an integer in any spelling.
pub fn integer<'de, D: Deserializer<'de>, T: Integral>(deserializer: D) -> Result<T, D::Error> {
    Integer::deserialize(deserializer).map(|integer| integer.0)
}

/// As [`integer`]; `null` means absent. The field needs `#[serde(default)]` too.
pub fn optional_integer<'de, D: Deserializer<'de>, T: Integral>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let integer = Option::<Integer<T>>::deserialize(deserializer)?;
    Ok(integer.map(|integer| integer.0))
}

/// Reads a field for which `null` means the default. The field needs `#[serde(default)]` too.
pub fn null_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The integer that a double represents, if it represents one.
pub fn exact(number: f64) -> Option<i64> {
    let is_exact = number.fract() == 0.0 && number.abs() < EXACT;
    #[allow(clippy::cast_possible_truncation, reason = "it is an integer that fits")]
    is_exact.then_some(number as i64)
}

/// The integer types of fields.
pub trait Integral: TryFrom<i64> + TryFrom<u64> {}

impl<T: TryFrom<i64> + TryFrom<u64>> Integral for T {}

struct Integer<T>(T);

impl<'de, T: Integral> Deserialize<'de> for Integer<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntegerVisitor(PhantomData))
    }
}

struct IntegerVisitor<T>(PhantomData<T>);

impl<T: Integral> Visitor<'_> for IntegerVisitor<T> {
    type Value = Integer<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(type_name::<T>())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        T::try_from(number).map(Integer).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        T::try_from(number).map(Integer).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        match exact(number) {
            Some(integer) => self.visit_i64(integer),
            None => Err(E::invalid_type(Unexpected::Float(number), &self)),
        }
    }
}

/// Reads a struct from an object only. serde would also accept an array with the fields' values in
/// order.
#[derive(Clone, Copy, Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::from_str;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Fields {
        #[serde(deserialize_with = "integer")]
        v: u64,
        #[serde(default, deserialize_with = "optional_integer")]
        limit: Option<i64>,
        #[serde(default, deserialize_with = "null_is_default")]
        block: bool,
    }

    fn v(number: &str) -> Result<u64, String> {
        let fields: Result<Fields, _> = from_str(&format!(r#"{{"v":{number}}}"#));
        fields.map(|fields| fields.v).map_err(|error| error.to_string())
    }

    #[test]
    fn an_integer_has_many_spellings() {
        for (spelling, integer) in [
            ("1", 1),
            ("1.0", 1),
            ("1e3", 1000),
            ("0.5e1", 5),
            ("-0.0", 0),
            ("1.795723952546232E15", 1_795_723_952_546_232),
            ("9007199254740991.0", 9_007_199_254_740_991),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(v(spelling), Ok(integer), "{spelling}");
        }
    }

    #[test]
    fn other_numbers_are_refused_as_integers() {
        for spelling in ["1.5", "-1", "-1.0", "1e300", "9007199254740993.0", r#""1""#, "null", "true", "[1]"]
        {
            assert!(v(spelling).is_err(), "{spelling}");
        }
    }

    #[test]
    fn message_pack_has_the_same_integers() {
        for value in [serde_json::json!({ "v": 7.0 }), serde_json::json!({ "v": 7 })] {
            let bytes = rmp_serde::to_vec_named(&value).unwrap();
            let fields: Fields = rmp_serde::from_slice(&bytes).unwrap();
            assert_eq!(fields, Fields { v: 7, limit: None, block: false });
        }
    }

    #[test]
    fn null_is_absent() {
        let fields: Fields = from_str(r#"{"v":1,"limit":null,"block":null}"#).unwrap();
        assert_eq!(fields, from_str(r#"{"v":1}"#).unwrap());
        let fields: Fields = from_str(r#"{"v":1,"limit":2.0,"block":true}"#).unwrap();
        assert_eq!(fields, Fields { v: 1, limit: Some(2), block: true });
    }

    #[test]
    fn an_array_is_refused_as_an_object() {
        assert_eq!(from_str::<Object<Fields>>(r#"{"v":1}"#).unwrap().0.v, 1);
        for bad in ["[1,2,false]", "[]", "null", "1"] {
            assert!(from_str::<Object<Fields>>(bad).is_err(), "{bad}");
        }
    }
}

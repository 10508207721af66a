//! Deserializers for the parameters of a URL's query.

use serde::{
    Deserialize, Deserializer,
    de::{IntoDeserializer as _, Visitor, value},
    forward_to_deserialize_any,
};
use vestibule_approve::fields::exact;

/// Deserializes a parameter that may be absent or empty: forms send `?policy=&after=`. The field
/// also needs `#[serde(default)]`.
pub(crate) fn optional<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    text.map(|text| T::deserialize(Text(text))).transpose().map_err(serde::de::Error::custom)
}

/// A parameter's text. Numbers are spelled as in payloads.
struct Text(String);

/// Deserializes a number, if one is expected. Anything else is passed on as a string, so that the
/// target type reports it.
macro_rules! numbers {
    ($($method:ident)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            let integer = self.0.parse().ok().or_else(|| self.0.parse().ok().and_then(exact));
            match integer {
                Some(integer) => visitor.visit_i64(integer),
                None => visitor.visit_string(self.0),
            }
        })+
    };
}

impl<'de> Deserializer<'de> for Text {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_string(self.0)
    }

    numbers! { deserialize_u32 deserialize_u64 deserialize_i64 }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.into_deserializer().deserialize_enum(name, variants, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i128 u8 u16 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use actix_web::web::Query;
    use vestibule_approve::frames::Policy;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Page {
        #[serde(default, deserialize_with = "optional")]
        policy: Option<Policy>,
        #[serde(default, deserialize_with = "optional")]
        limit: Option<u32>,
    }

    fn page(query: &str) -> Option<(Option<Policy>, Option<u32>)> {
        Query::<Page>::from_query(query).ok().map(|page| (page.policy, page.limit))
    }

    #[test]
    fn an_empty_parameter_is_absent() {
        for query in ["", "policy=&limit=", "policy&limit"] {
            assert_eq!(page(query), Some((None, None)), "{query}");
        }
    }

    #[test]
    fn parameters_are_read_by_their_types() {
        for limit in ["30", "30.0", "3e1"] {
            let query = format!("policy=open&limit={limit}");
            assert_eq!(page(&query), Some((Some(Policy::Open), Some(30))), "{limit}");
        }
        for bad in ["limit=x", "limit=-1", "limit=1.5", "limit=4294967296", "policy=closed", "policy=1"] {
            assert_eq!(page(bad), None, "{bad}");
        }
    }
}

//! Binary fields: base64url without padding in JSON (RFC 4648, section 5), plain bytes in
//! MessagePack.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, Visitor},
};
use thiserror::Error;

/// The text is not base64url without padding, or has the wrong length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not base64url without padding, or of another length")]
pub struct NotBase64Url;

/// Encodes `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes `text`. Accepts only the canonical encoding.
pub fn decode(text: &str) -> Result<Vec<u8>, NotBase64Url> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| NotBase64Url)
}

/// Exactly `N` bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fixed<const N: usize>(pub [u8; N]);

impl<const N: usize> Fixed<N> {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> TryFrom<&[u8]> for Fixed<N> {
    type Error = NotBase64Url;

    fn try_from(bytes: &[u8]) -> Result<Self, NotBase64Url> {
        bytes.try_into().map(Fixed).map_err(|_| NotBase64Url)
    }
}

impl<const N: usize> FromStr for Fixed<N> {
    type Err = NotBase64Url;

    fn from_str(text: &str) -> Result<Self, NotBase64Url> {
        Fixed::try_from(&*decode(text)?)
    }
}

impl<const N: usize> fmt::Display for Fixed<N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&encode(&self.0))
    }
}

impl<const N: usize> fmt::Debug for Fixed<N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Any number of bytes.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Blob(pub Vec<u8>);

impl fmt::Debug for Blob {
    /// Shows only the length: a blob may be a ciphertext, which must not be logged.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.0.len())
    }
}

fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        serializer.serialize_str(&encode(bytes))
    } else {
        serializer.serialize_bytes(bytes)
    }
}

fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    if deserializer.is_human_readable() {
        deserializer.deserialize_str(TextOrBytes)
    } else {
        deserializer.deserialize_bytes(TextOrBytes)
    }
}

struct TextOrBytes;

impl Visitor<'_> for TextOrBytes {
    type Value = Vec<u8>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("bytes in base64url without padding")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<u8>, E> {
        decode(text).map_err(|_| E::custom("must be bytes in base64url without padding"))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }
}

impl<const N: usize> Serialize for Fixed<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, serializer)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Fixed<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Fixed::try_from(&*deserialize(deserializer)?).map_err(|_| {
            D::Error::custom(format_args!("must be exactly {N} bytes in base64url without padding"))
        })
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer).map(Blob)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_text_is_taken() {
        assert_eq!("_-8".parse(), Ok(Fixed([0xff, 0xef])));
        for bad in ["_-9", "_-8=", "/+8", "_-8 ", "", "_-8A"] {
            assert_eq!(bad.parse::<Fixed<2>>(), Err(NotBase64Url), "{bad}");
        }
        assert_eq!(Fixed([0xff, 0xef]).to_string(), "_-8");
    }

    #[test]
    fn json_has_text() {
        assert_eq!(serde_json::to_string(&Blob(vec![1, 2, 3])).unwrap(), r#""AQID""#);
        assert_eq!(serde_json::from_str::<Fixed<3>>(r#""AQID""#).unwrap(), Fixed([1, 2, 3]));
        assert!(serde_json::from_str::<Fixed<4>>(r#""AQID""#).is_err());
        assert!(serde_json::from_str::<Blob>("[1,2]").is_err());
    }

    #[test]
    fn debug_output_hides_a_blobs_content() {
        assert_eq!(format!("{:?}", Blob(vec![7; 40])), "40 bytes");
    }
}

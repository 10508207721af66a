//! Ids, hashes and seqs, each a type of its own, so that arguments in the wrong order do not
//! compile.
//!
//! ```compile_fail,E0308
//! use vestibule_approve::ids::{Rid, Uid};
//!
//! fn ban(rid: Rid, uid: Uid) {}
//!
//! let (rid, uid) = (Rid([1; 32]), Uid([2; 32]));
//! ban(uid, rid);
//! ```
//!
//! In JSON and in texts an id is base64url without padding, in MessagePack and in rows it is plain
//! bytes, as for [`Fixed`].

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base64url::{Fixed, NotBase64Url};

macro_rules! ids {
    ($($(#[$doc:meta])+ $name:ident: $length:literal,)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// The plain bytes, as in signed bytes and in rows.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = NotBase64Url;

            fn try_from(bytes: &[u8]) -> Result<Self, NotBase64Url> {
                Fixed::try_from(bytes).map(|Fixed(bytes)| Self(bytes))
            }
        }

        impl FromStr for $name {
            type Err = NotBase64Url;

            fn from_str(text: &str) -> Result<Self, NotBase64Url> {
                text.parse().map(|Fixed(bytes)| Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Fixed(self.0), formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Fixed(self.0).serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Fixed::deserialize(deserializer).map(|Fixed(bytes)| Self(bytes))
            }
        }
    )+};
}

ids! {
    /// A user's id, a hash of the public signing key. See [`user_id`](crate::signed::user_id).
    Uid: 32,
    /// A room's id, a hash of the room's public key. See [`room_id`](crate::signed::room_id).
    Rid: 32,
    /// A SHA-256 hash: a digest of signed bytes, or the name of a box key.
    Hash: 32,
    /// Names one history of a database. A restored backup goes on under another epoch.
    Epoch: 16,
}

/// The number of a stored frame. It grows with every change in a database, and is also when the
/// change was decided, in Unix microseconds, unless two changes fall into one microsecond or the
/// clock went back.
///
/// ```compile_fail,E0308
/// use vestibule_approve::ids::Seq;
///
/// fn show_until(until: Seq) {}
///
/// let now_ms: i64 = 1_795_733_134_567;
/// show_until(now_ms);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub i64);

impl Seq {
    /// Before all stored frames.
    pub const ZERO: Seq = Seq(0);
    /// After all stored frames.
    pub const MAX: Seq = Seq(i64::MAX);
}

impl fmt::Display for Seq {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_and_read_as_its_bytes_are() {
        let (uid, bytes) = (Uid([0xfb; 32]), Fixed([0xfb; 32]));
        assert_eq!(uid.to_string(), bytes.to_string());
        assert_eq!(bytes.to_string().parse(), Ok(uid));
        assert_eq!(Uid::try_from(bytes.as_bytes()), Ok(uid));
        assert_eq!(serde_json::to_string(&uid).unwrap(), serde_json::to_string(&bytes).unwrap());
        let packed = rmp_serde::to_vec(&uid).unwrap();
        assert_eq!(packed, rmp_serde::to_vec(&bytes).unwrap());
        assert_eq!(rmp_serde::from_slice::<Uid>(&packed).unwrap(), uid);
    }

    #[test]
    fn an_id_of_another_length_is_refused() {
        assert_eq!("AQID".parse::<Rid>(), Err(NotBase64Url));
        assert_eq!(Rid::try_from(&[1; 31][..]), Err(NotBase64Url));
        let error = serde_json::from_str::<Rid>(r#""AQID""#).unwrap_err().to_string();
        assert!(error.contains("exactly 32 bytes"), "{error}");
    }
}

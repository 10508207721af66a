//! Signed bytes and their verification.
//!
//! Everything that is hashed or signed is a list of fields, each `u32 little-endian length ‖
//! bytes`, the first of them a tag. So no two lists have the same bytes, and a signature for one
//! purpose is worthless for another.

use std::fmt;

use curve25519_dalek::edwards::CompressedEdwardsY;
use k256::ecdsa::{self as secp256k1, signature::Verifier as _};
use ring::{
    digest,
    signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey, VerificationAlgorithm},
};
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;
use thiserror::Error;

use crate::base64url::Fixed;
pub use crate::ids::{Hash, Rid, Uid};

/// A signature: 64 bytes in every algorithm of the list.
pub type Signature = Fixed<64>;

/// The allow-list of signing algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Alg {
    /// Ed25519 (RFC 8032). Public keys are 32 bytes.
    Ed25519,
    /// ECDSA on P-256 with SHA-256 (FIPS 186-5), signatures r ‖ s. Public keys are 65 bytes, the
    /// uncompressed point (SEC 1).
    P256,
    /// ECDSA on secp256k1 (SEC 2) with SHA-256, signatures r ‖ s with either s. Public keys as
    /// those of P-256.
    Secp256k1,
}

impl Alg {
    /// Its name in frames.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Checks `signature` of `bytes` with the public key `key`.
    pub fn verify(self, key: &[u8], bytes: &Signed, signature: &Signature) -> Result<(), BadSignature> {
        let verification = match self {
            Alg::Ed25519 if is_of_small_order(key) => return Err(BadSignature),
            Alg::Ed25519 => &ED25519,
            Alg::P256 => &ECDSA_P256_SHA256_FIXED as &dyn VerificationAlgorithm,
            Alg::Secp256k1 => return verify_secp256k1(key, bytes, signature).map_err(|_| BadSignature),
        };
        UnparsedPublicKey::new(verification, key)
            .verify(&bytes.0, signature.as_bytes())
            .map_err(|_| BadSignature)
    }
}

/// Whether an Ed25519 public key is a point of small order, in any encoding.
///
/// With such a key one signature is valid for every message, or for every eighth: it proves
/// nothing, and `ring` accepts it.
fn is_of_small_order(key: &[u8]) -> bool {
    let point = CompressedEdwardsY::from_slice(key).ok().and_then(|point| point.decompress());
    point.is_some_and(|point| point.is_small_order())
}

/// The first byte of an uncompressed point (SEC 1).
const UNCOMPRESSED: u8 = 4;

/// Does for secp256k1 what `ring` does for the others: a point off the curve, and an r or s that is
/// zero or too large, are errors.
fn verify_secp256k1(key: &[u8], bytes: &Signed, signature: &Signature) -> Result<(), secp256k1::Error> {
    // The library accepts compressed points too, but one key must have one id.
    if key.first() != Some(&UNCOMPRESSED) {
        return Err(secp256k1::Error::new());
    }
    let key = secp256k1::VerifyingKey::from_sec1_bytes(key)?;
    let signature = secp256k1::Signature::from_slice(signature.as_bytes())?;
    // The library refuses the larger s, as Bitcoin does. Here no id depends on a signature, so both
    // are accepted.
    let signature = signature.normalize_s().unwrap_or(signature);
    key.verify(&bytes.0, &signature)
}

impl fmt::Display for Alg {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The signature is not this key's over these bytes, or the key is not one of its algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("bad signature")]
pub struct BadSignature;

/// A list of fields, encoded for hashing or signing.
///
/// ```
/// use vestibule_approve::signed::Signed;
///
/// let bytes = Signed::new("tag").text("é").int(258);
/// assert_eq!(bytes.as_bytes(), b"\x03\0\0\0tag\x02\0\0\0\xc3\xa9\x08\0\0\0\x02\x01\0\0\0\0\0\0");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed(Vec<u8>);

impl Signed {
    /// Starts a list with a tag.
    #[must_use]
    pub fn new(tag: &str) -> Self {
        Signed(Vec::with_capacity(256)).text(tag)
    }

    /// Adds bytes.
    ///
    /// # Panics
    /// If the field has more than 4 GiB, which no frame reaches.
    #[must_use]
    pub fn bytes(mut self, field: &[u8]) -> Self {
        let length = u32::try_from(field.len()).expect("frames are limited far below 4 GiB");
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(field);
        self
    }

    /// Adds a string as UTF-8.
    #[must_use]
    pub fn text(self, field: &str) -> Self {
        self.bytes(field.as_bytes())
    }

    /// Adds an integer as eight bytes, little-endian.
    #[must_use]
    pub fn int(self, field: u64) -> Self {
        self.bytes(&field.to_le_bytes())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The SHA-256 of the bytes: an id, or a digest by which repeats are recognised (ECDSA
    /// signatures differ each time).
    pub fn hash(&self) -> Hash {
        let digest = digest::digest(&digest::SHA256, &self.0);
        let mut hash = Hash([0; 32]);
        hash.0.copy_from_slice(digest.as_ref());
        hash
    }
}

/// The id of the user whose public signing key this is.
pub fn user_id(alg: Alg, sign_pub: &[u8]) -> Uid {
    Uid(Signed::new("vestibule/1/uid").text(alg.as_str()).bytes(sign_pub).hash().0)
}

/// The id of the room whose public key this is.
pub fn room_id(alg: Alg, room_pub: &[u8]) -> Rid {
    Rid(Signed::new("vestibule/1/rid").text(alg.as_str()).bytes(room_pub).hash().0)
}

/// The hash that names a box key.
pub fn box_hash(box_alg: &str, box_pub: &[u8]) -> Hash {
    Signed::new("vestibule/1/box").text(box_alg).bytes(box_pub).hash()
}

/// The bytes that a user signs to open a session.
pub fn session(server: &str, uid: &Uid, nonce: &[u8]) -> Signed {
    Signed::new("vestibule/1/session").text(server).bytes(uid.as_bytes()).bytes(nonce)
}

/// The bytes that a room's creator signs to hand the role to the user `to`, on one join of one
/// connection.
pub fn hand_over(server: &str, rid: &Rid, uid: &Uid, to: &Uid, nonce: &[u8]) -> Signed {
    Signed::new("vestibule/1/hand_over")
        .text(server)
        .bytes(rid.as_bytes())
        .bytes(uid.as_bytes())
        .bytes(to.as_bytes())
        .bytes(nonce)
}

/// The bytes that a member signs with the room key to prove it, on one join of one connection.
pub fn prove(server: &str, rid: &Rid, uid: &Uid, nonce: &[u8]) -> Signed {
    Signed::new("vestibule/1/prove").text(server).bytes(rid.as_bytes()).bytes(uid.as_bytes()).bytes(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key or half a signature: its first byte, the bytes in the middle, its last byte.
    fn filled(first: u8, middle: u8, last: u8) -> [u8; 32] {
        let mut bytes = [middle; 32];
        (bytes[0], bytes[31]) = (first, last);
        bytes
    }

    /// The points whose order is 8, without the bit of the sign.
    const ORDER_8: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ];

    /// All points of small order in all encodings: y as it is, or plus 2^255 - 19 if that fits,
    /// with either sign even if x is zero.
    fn small_order() -> Vec<[u8; 32]> {
        let unsigned = [
            filled(0x01, 0x00, 0x00),
            filled(0xee, 0xff, 0x7f),
            filled(0xec, 0xff, 0x7f),
            filled(0x00, 0x00, 0x00),
            filled(0xed, 0xff, 0x7f),
        ];
        let signed = |mut key: [u8; 32]| {
            key[31] |= 0x80;
            key
        };
        unsigned.into_iter().chain(ORDER_8).flat_map(|key| [key, signed(key)]).collect()
    }

    /// A signature for any message under the neutral element: R and s are both zero.
    fn good_for_anything() -> Signature {
        Fixed([filled(0x01, 0x00, 0x00), [0; 32]].concat().try_into().unwrap())
    }

    #[test]
    fn ed25519_keys_of_small_order_verify_nothing() {
        let keys = small_order();
        assert_eq!(keys.len(), 14);
        let mut taken_by_ring = 0;
        for key in keys {
            assert!(is_of_small_order(&key), "{key:02x?}");
            for message in 0..64 {
                let bytes = Signed::new("tag").int(message);
                let signature = good_for_anything();
                let alone = UnparsedPublicKey::new(&ED25519, key).verify(&bytes.0, signature.as_bytes());
                taken_by_ring += u32::from(alone.is_ok());
                assert_eq!(Alg::Ed25519.verify(&key, &bytes, &signature), Err(BadSignature), "{key:02x?}");
            }
        }
        assert!(taken_by_ring > 4 * 64, "{taken_by_ring}");
    }

    #[test]
    fn other_ed25519_keys_are_not_of_small_order() {
        // The base point, bytes that are not a point, and wrong lengths.
        for key in [&filled(0x58, 0x66, 0x66)[..], &filled(0x02, 0x00, 0x00), &[], &[1], &[0; 33]] {
            assert!(!is_of_small_order(key), "{key:02x?}");
        }
    }
}

//! Creates a room's key pair on the server, for clients that cannot make one.
//!
//! The private key exists only in this module, is handed out once, and is zeroized. It is never
//! stored or logged: the type that holds it has no `Debug`.

use p256::ecdsa::signature::Signer as _;
use ring::{
    rand::{SecureRandom as _, SystemRandom},
    signature::{Ed25519KeyPair, KeyPair as _},
};
use vestibule_approve::{
    base64url::{self, Blob, Fixed},
    frames::{Card, Policy},
    limits::FieldLimits,
    refusal::{Reason, Refusal},
    signed::{Alg, Signature, Signed, room_id},
};
use zeroize::Zeroizing;

/// A new room.
pub(super) struct NewRoom {
    /// Its first card.
    pub(super) card: Card,
    /// Its private key in base64url.
    pub(super) room_key: Zeroizing<String>,
}

/// Makes a key pair and signs the room's first card with it.
pub(super) fn create(
    alg: Alg,
    policy: Policy,
    name: Option<String>,
    limits: &FieldLimits,
) -> Result<NewRoom, Refusal> {
    let key = RoomPrivateKey::generate(alg)?;
    let room_pub = Blob(key.public());
    let rid = room_id(alg, &room_pub.0);
    let sig = key.sign(&Card::signed_bytes(&rid, 1, policy, name.as_deref()));
    let card = Card { rid, room_pub, alg, version: 1, policy, name, sig };
    // The name may be too long; the rest is valid by construction.
    card.check(limits)?;
    Ok(NewRoom { card, room_key: key.encode() })
}

/// A private key. `p256` and `k256` zeroize theirs on drop. ring does not, so its key is made from
/// the zeroized seed for each use.
enum RoomPrivateKey {
    Ed25519(Zeroizing<[u8; 32]>),
    P256(p256::ecdsa::SigningKey),
    Secp256k1(k256::ecdsa::SigningKey),
}

impl RoomPrivateKey {
    fn generate(alg: Alg) -> Result<Self, Refusal> {
        let mut seed = Zeroizing::new([0; 32]);
        // A scalar must be below the group's order; all but one in 2^32 draws are (in 2^127 for
        // secp256k1).
        loop {
            SystemRandom::new().fill(&mut *seed).map_err(|_| Reason::Unavailable)?;
            match alg {
                Alg::Ed25519 => return Ok(Self::Ed25519(seed)),
                Alg::P256 => {
                    if let Ok(key) = p256::ecdsa::SigningKey::from_slice(&*seed) {
                        return Ok(Self::P256(key));
                    }
                }
                Alg::Secp256k1 => {
                    if let Ok(key) = k256::ecdsa::SigningKey::from_slice(&*seed) {
                        return Ok(Self::Secp256k1(key));
                    }
                }
            }
        }
    }

    fn public(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(seed) => ed25519(seed).public_key().as_ref().to_vec(),
            Self::P256(key) => key.verifying_key().to_encoded_point(false).as_bytes().to_vec(),
            Self::Secp256k1(key) => key.verifying_key().to_encoded_point(false).as_bytes().to_vec(),
        }
    }

    fn sign(&self, bytes: &Signed) -> Signature {
        match self {
            Self::Ed25519(seed) => Fixed::try_from(ed25519(seed).sign(bytes.as_bytes()).as_ref()),
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(bytes.as_bytes());
                Fixed::try_from(&*signature.to_bytes())
            }
            Self::Secp256k1(key) => {
                let signature: k256::ecdsa::Signature = key.sign(bytes.as_bytes());
                Fixed::try_from(&*signature.to_bytes())
            }
        }
        .expect("signatures of all algorithms have 64 bytes")
    }

    fn encode(&self) -> Zeroizing<String> {
        match self {
            Self::Ed25519(seed) => Zeroizing::new(base64url::encode(&**seed)),
            Self::P256(key) => {
                let scalar = Zeroizing::new(<[u8; 32]>::from(key.to_bytes()));
                Zeroizing::new(base64url::encode(&*scalar))
            }
            Self::Secp256k1(key) => {
                let scalar = Zeroizing::new(<[u8; 32]>::from(key.to_bytes()));
                Zeroizing::new(base64url::encode(&*scalar))
            }
        }
    }
}

fn ed25519(seed: &[u8; 32]) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(seed).expect("every 32 bytes are an Ed25519 seed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_is_signed_by_the_returned_key() {
        for alg in [Alg::Ed25519, Alg::P256, Alg::Secp256k1] {
            let NewRoom { card, room_key } =
                create(alg, Policy::Request, Some("Gärten".into()), &FieldLimits::default()).unwrap();
            assert!(card.check(&FieldLimits::default()).is_ok());
            let key: Fixed<32> = room_key.parse().unwrap();
            let opened = match alg {
                Alg::Ed25519 => RoomPrivateKey::Ed25519(Zeroizing::new(key.0)),
                Alg::P256 => RoomPrivateKey::P256(p256::ecdsa::SigningKey::from_slice(&key.0).unwrap()),
                Alg::Secp256k1 => {
                    RoomPrivateKey::Secp256k1(k256::ecdsa::SigningKey::from_slice(&key.0).unwrap())
                }
            };
            assert_eq!(card.room_pub.0, opened.public());
        }
    }

    #[test]
    fn a_name_too_long_is_refused() {
        assert!(create(Alg::P256, Policy::Open, Some("é".repeat(80)), &FieldLimits::default()).is_ok());
        let refusal =
            create(Alg::P256, Policy::Open, Some("é".repeat(81)), &FieldLimits::default()).err().unwrap();
        assert_eq!(refusal.reason, Reason::TooLarge);
    }
}

//! Signing keys, in every algorithm.

use k256::ecdsa::SigningKey;
use k256::ecdsa::signature::Signer as _;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use vestibule_approve::base64url::{Blob, Fixed};
use vestibule_approve::signed::{Alg, Signature, Signed};

/// A key pair of a user or a room.
#[derive(Debug)]
pub struct Key(Pair);

#[derive(Debug)]
enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Secp256k1(SigningKey),
}

impl Key {
    /// A fresh pair.
    ///
    /// # Panics
    /// If the system has no random numbers.
    pub fn generate(alg: Alg) -> Self {
        let random = SystemRandom::new();
        Self(match alg {
            Alg::Ed25519 => {
                let document = Ed25519KeyPair::generate_pkcs8(&random).expect("a key pair");
                Pair::Ed25519(Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("our own key pair"))
            }
            Alg::P256 => {
                let alg = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let document = EcdsaKeyPair::generate_pkcs8(alg, &random).expect("a key pair");
                Pair::P256(
                    EcdsaKeyPair::from_pkcs8(alg, document.as_ref(), &random).expect("our own key pair"),
                )
            }
            Alg::Secp256k1 => {
                let mut scalar = [0; 32];
                random.fill(&mut scalar).expect("random numbers");
                Pair::Secp256k1(SigningKey::from_slice(&scalar).expect("a scalar, but once in 2^127 times"))
            }
        })
    }

    /// The pair of a private key, such as the server hands out; nothing if the public key does not
    /// match it.
    pub fn from_private(alg: Alg, private: &[u8], public: &[u8]) -> Option<Self> {
        let pair = match alg {
            Alg::Ed25519 => Pair::Ed25519(Ed25519KeyPair::from_seed_and_public_key(private, public).ok()?),
            Alg::P256 => {
                let alg = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let random = SystemRandom::new();
                Pair::P256(EcdsaKeyPair::from_private_key_and_public_key(alg, private, public, &random).ok()?)
            }
            Alg::Secp256k1 => Pair::Secp256k1(SigningKey::from_slice(private).ok()?),
        };
        let key = Self(pair);
        (key.public().0 == public).then_some(key)
    }

    /// The algorithm.
    pub fn alg(&self) -> Alg {
        match self.0 {
            Pair::Ed25519(_) => Alg::Ed25519,
            Pair::P256(_) => Alg::P256,
            Pair::Secp256k1(_) => Alg::Secp256k1,
        }
    }

    /// The public half.
    pub fn public(&self) -> Blob {
        Blob(match &self.0 {
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
            Pair::P256(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Secp256k1(key) => key.verifying_key().to_encoded_point(false).as_bytes().to_vec(),
        })
    }

    /// Signs these bytes.
    ///
    /// # Panics
    /// If the system has no random numbers.
    pub fn sign(&self, bytes: &Signed) -> Signature {
        let signature = match &self.0 {
            Pair::Ed25519(pair) => Fixed::try_from(pair.sign(bytes.as_bytes()).as_ref()),
            Pair::P256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), bytes.as_bytes()).expect("a signature");
                Fixed::try_from(signature.as_ref())
            }
            Pair::Secp256k1(key) => {
                let signature: k256::ecdsa::Signature = key.sign(bytes.as_bytes());
                Fixed::try_from(&*signature.to_bytes())
            }
        };
        signature.expect("64 bytes in every algorithm")
    }
}

#[cfg(test)]
mod tests {
    use vestibule_approve::signed::{Alg, Signed};

    use super::Key;

    #[test]
    fn signatures_verify_with_their_own_key_only() {
        for alg in [Alg::Ed25519, Alg::P256, Alg::Secp256k1] {
            let key = Key::generate(alg);
            let signature = key.sign(&Signed::new("a"));
            assert!(alg.verify(&key.public().0, &Signed::new("a"), &signature).is_ok(), "{alg}");
            assert!(alg.verify(&key.public().0, &Signed::new("b"), &signature).is_err(), "{alg}");
        }
    }

    #[test]
    fn a_private_key_matches_one_public_key() {
        for alg in [Alg::Ed25519, Alg::P256, Alg::Secp256k1] {
            let (private, public) = ([7; 32], Key::generate(alg).public());
            assert!(Key::from_private(alg, &private, &public.0).is_none(), "{alg}");
        }
    }
}

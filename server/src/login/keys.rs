//! The keys that sign a team's tokens: a JWK set (RFC 7517), or a public key in PEM.

use std::path::{Path, PathBuf};

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use thiserror::Error;

use crate::secret_file::{self, Modes, SecretFileError};

/// The most keys of a file: a token without `kid` is checked against each.
const MAX_KEYS: usize = 16;

/// The least bytes of a secret (RFC 7518, section 3.2).
const MIN_SECRET: usize = 32;

/// The least bytes of an RSA key's modulus (RFC 7518, section 3.3).
const MIN_MODULUS: usize = 256;

/// The length of a point on P-256 as bytes, uncompressed.
const P256_POINT: usize = 65;

/// Keys, of which each has one algorithm.
#[derive(Debug)]
pub struct KeySet(Vec<Key>);

/// A key, and what it checks.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) decoding: DecodingKey,
    pub(super) algorithm: Algorithm,
    id: Option<String>,
}

/// Why a file of keys cannot be used. Each message says in one line what is wrong with which file,
/// and nothing of its content.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file cannot be read, or everybody can.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// It has no keys that can be used.
    #[error("{}: {what}", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

impl KeySet {
    /// Reads a file. It may have secrets, so its mode is checked.
    pub fn load(path: &Path, modes: Modes) -> Result<Self, KeyFileError> {
        let text = secret_file::read(path, modes)?;
        Self::parse(&text).map_err(|what| KeyFileError::Keys { path: path.to_owned(), what })
    }

    /// Reads a JWK set, or a public key in PEM.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let keys = if text.trim_start().starts_with('{') { of_set(text)? } else { vec![of_pem(text)?] };
        match keys.len() {
            0 => Err("there is no key for signatures in it".to_owned()),
            1..=MAX_KEYS => Ok(Self(keys)),
            more => Err(format!("there are {more} keys in it, at most {MAX_KEYS} are allowed")),
        }
    }

    /// How many keys there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The keys that may have signed a token that names this one: that key, or, if it names none or
    /// the keys have no names, all.
    pub(super) fn named<'a>(&'a self, id: Option<&'a str>) -> impl Iterator<Item = &'a Key> {
        self.0.iter().filter(move |key| match (id, key.id.as_deref()) {
            (Some(wanted), Some(own)) => wanted == own,
            _ => true,
        })
    }
}

fn of_set(text: &str) -> Result<Vec<Key>, String> {
    let set: JwkSet =
        serde_json::from_str(text).map_err(|_| "it is no JWK set: {\"keys\": […]}".to_owned())?;
    let for_signatures = |jwk: &&Jwk| {
        let of = jwk.common.public_key_use.as_ref();
        of.is_none_or(|of| *of == PublicKeyUse::Signature)
    };
    let numbered = set.keys.iter().enumerate();
    let key =
        |(number, jwk): (usize, &Jwk)| of_jwk(jwk).map_err(|what| format!("key {} of it {what}", number + 1));
    numbered.filter(|(_, jwk)| for_signatures(jwk)).map(key).collect()
}

/// The key of a JWK, or what is wrong with it.
fn of_jwk(jwk: &Jwk) -> Result<Key, String> {
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(of) if of.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(of) if of.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::OctetKey(_) => (Algorithm::HS256, KeyAlgorithm::HS256),
        _ => return Err("is of a kind that is not supported: RSA, P-256, Ed25519 and oct are".to_owned()),
    };
    if jwk.common.key_algorithm.as_ref().is_some_and(|said| *said != name) {
        return Err(format!("is for another algorithm than {name}"));
    }
    let key = DecodingKey::from_jwk(jwk).map_err(|_| "is malformed".to_owned())?;
    checked(Key { decoding: key, algorithm, id: jwk.common.key_id.clone() })
}

/// The public key in a PEM file, whose own algorithm says what it checks.
fn of_pem(text: &str) -> Result<Key, String> {
    let bytes = text.as_bytes();
    let of = |key: Result<DecodingKey, _>, algorithm| {
        key.ok().map(|key| checked(Key { decoding: key, algorithm, id: None }))
    };
    if text.contains("PRIVATE KEY") {
        return Err("it has a private key: the server needs only the public one".to_owned());
    }
    of(DecodingKey::from_ed_pem(bytes), Algorithm::EdDSA)
        .or_else(|| of(DecodingKey::from_ec_pem(bytes), Algorithm::ES256))
        .or_else(|| of(DecodingKey::from_rsa_pem(bytes), Algorithm::RS256))
        .unwrap_or_else(|| Err("it is neither a JWK set nor a public key in PEM".to_owned()))
}

/// Refuses keys that are too weak, or on another curve.
fn checked(key: Key) -> Result<Key, String> {
    let length = match key.decoding.kind() {
        DecodingKeyKind::SecretOrDer(bytes) => bytes.len(),
        DecodingKeyKind::RsaModulusExponent { n, .. } => n.len(),
    };
    match key.algorithm {
        Algorithm::HS256 if length < MIN_SECRET => {
            Err(format!("is a secret of {length} bytes, at least {MIN_SECRET} are needed"))
        }
        Algorithm::ES256 if length != P256_POINT => Err("is not on the curve P-256".to_owned()),
        Algorithm::RS256 if length < MIN_MODULUS => Err("has less than 2048 bits".to_owned()),
        _ => Ok(key),
    }
}

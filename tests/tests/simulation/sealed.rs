//! Boxes that open with the right key only: ECDH on secp256k1, HKDF with SHA-256, AES-256-GCM. It
//! is not the reference client's scheme, which the server does not know either.

use k256::ecdh::diffie_hellman;
use k256::elliptic_curve::sec1::ToEncodedPoint as _;
use k256::{PublicKey, SecretKey};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use vestibule_approve::base64url::{Blob, Fixed};
use vestibule_tests::people::random;

/// Its name in requests and approves.
pub(crate) const ALG: &str = "secp256k1-sha256-aes256gcm";
/// The length of a compressed point.
const POINT: usize = 33;

/// A newcomer's box key.
pub(crate) struct BoxKey(SecretKey);

impl BoxKey {
    pub(crate) fn generate() -> Self {
        let scalar: Fixed<32> = random();
        Self(SecretKey::from_slice(scalar.as_bytes()).expect("a scalar, but once in 2^127 times"))
    }

    pub(crate) fn public(&self) -> Blob {
        Blob(encoded(&self.0.public_key()))
    }

    /// The content of a box, if it was sealed to this key.
    pub(crate) fn open(&self, sealed: &[u8], info: &[u8]) -> Option<Vec<u8>> {
        let (point, rest) = sealed.split_at_checked(POINT)?;
        let theirs = PublicKey::from_sec1_bytes(point).ok()?;
        let mut opened = rest.to_vec();
        let key = key(&self.0, &theirs, info);
        let length = key.open_in_place(nonce(), Aad::empty(), &mut opened).ok()?.len();
        opened.truncate(length);
        Some(opened)
    }
}

/// Seals to a box key; nothing if that is not a key.
pub(crate) fn seal(to: &[u8], plain: &[u8], info: &[u8]) -> Option<Blob> {
    let theirs = PublicKey::from_sec1_bytes(to).ok()?;
    let once = BoxKey::generate();
    let mut rest = plain.to_vec();
    key(&once.0, &theirs, info).seal_in_place_append_tag(nonce(), Aad::empty(), &mut rest).ok()?;
    Some(Blob([encoded(&once.0.public_key()), rest].concat()))
}

/// The key of one box, which is used once.
fn key(ours: &SecretKey, theirs: &PublicKey, info: &[u8]) -> LessSafeKey {
    let shared = diffie_hellman(ours.to_nonzero_scalar(), theirs.as_affine());
    let secret = Salt::new(HKDF_SHA256, &[]).extract(shared.raw_secret_bytes());
    let info = [info];
    let expanded = secret.expand(&info, &AES_256_GCM).expect("a short key");
    LessSafeKey::new(UnboundKey::from(expanded))
}

/// A key is used once, so its nonce may be anything.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

fn encoded(key: &PublicKey) -> Vec<u8> {
    key.to_encoded_point(true).as_bytes().to_vec()
}

#[test]
fn a_sealed_box_opens_with_its_key_only() {
    let (right, wrong) = (BoxKey::generate(), BoxKey::generate());
    let sealed = seal(&right.public().0, b"plain", b"info").expect("a box");
    assert_eq!(right.open(&sealed.0, b"info").as_deref(), Some(&b"plain"[..]));
    assert_eq!(right.open(&sealed.0, b"other"), None);
    assert_eq!(wrong.open(&sealed.0, b"info"), None);
    assert_eq!(right.open(b"", b"info"), None);
    assert_eq!(seal(b"no point", b"plain", b"info"), None);
}

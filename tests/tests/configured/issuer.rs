//! The part of a team's back end that issues logins.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, os::unix::fs::PermissionsExt as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

/// Issues logins.
pub(crate) struct Issuer(Ed25519KeyPair);

impl Issuer {
    pub(crate) fn new() -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Self(Ed25519KeyPair::from_pkcs8(key.as_ref()).expect("a key"))
    }

    /// Writes its public key into a file.
    pub(crate) fn publish(&self, file: &Path) {
        let keys = json!({ "keys": [self.jwk("one")] });
        fs::write(file, keys.to_string()).expect("a file");
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("a mode");
    }

    /// Its public key under this name.
    pub(crate) fn jwk(&self, name: &str) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key());
        json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": name })
    }

    /// A token for an account and so many seconds, with the topics that it grants.
    pub(crate) fn token(&self, account: &str, seconds: u64, topics: &Value) -> String {
        self.token_with(&json!({ "alg": "EdDSA" }), account, seconds, topics)
    }

    /// The same with this header.
    pub(crate) fn token_with(&self, header: &Value, account: &str, seconds: u64, topics: &Value) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
        self.sign_with(header, &json!({ "sub": account, "exp": now + seconds, "topics": topics }))
    }

    /// A token with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({ "alg": "EdDSA" }), claims)
    }

    fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let encoded = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = encoded(header) + "." + &encoded(claims);
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

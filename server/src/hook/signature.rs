//! Signatures over what the hook asks, as in Standard Webhooks
//! (<https://www.standardwebhooks.com>): libraries in many languages check them.

use std::path::{Path, PathBuf};

use actix_web::http::header::{HeaderName, HeaderValue, InvalidHeaderValue};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::secret_file::{self, Modes, SecretFileError};

/// What a secret begins with.
const PREFIX: &str = "whsec_";

/// How many bytes a secret may have.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The most secrets: one of them is new while another is replaced.
const MAX_SECRETS: usize = 4;

/// Random bytes of a question's id.
const ID: usize = 16;

/// The secrets that questions are signed with.
pub struct HookSecrets(Vec<hmac::Key>);

/// Why the hook's secrets cannot be used. Each message says in one line what is wrong with which
/// file, and nothing of its content.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HookSecretError {
    /// The file cannot be read, or everybody can.
    #[error("cannot use the hook's secret: {0}")]
    File(#[from] SecretFileError),
    /// A line is malformed, or the file has no lines or too many.
    #[error(
        "{}: expected 1 to {MAX_SECRETS} lines, each {PREFIX} and base64 of 24 to 64 random bytes, such as from: \
         echo \"{PREFIX}$(openssl rand -base64 32)\"",
        path.display()
    )]
    Form {
        /// The file.
        path: PathBuf,
    },
}

impl HookSecrets {
    /// Reads a file with a secret in each line. Questions are signed with all of them, so that a
    /// back end can go from one to the next.
    pub fn load(path: &Path, modes: Modes) -> Result<Self, HookSecretError> {
        let text = secret_file::read(path, modes)?;
        Self::parse(&text).ok_or_else(|| HookSecretError::Form { path: path.to_owned() })
    }

    fn parse(text: &str) -> Option<Self> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys: Option<Vec<_>> = lines.map(key).collect();
        keys.filter(|keys| (1..=MAX_SECRETS).contains(&keys.len())).map(Self)
    }

    /// The headers of a question that is asked at this time, in Unix seconds.
    ///
    /// # Panics
    /// If the system provides no random numbers.
    pub(super) fn headers(&self, seconds: i64, body: &[u8]) -> [(HeaderName, HeaderValue); 3] {
        let mut id = [0; ID];
        let random = SystemRandom::new().fill(&mut id);
        random.expect("a system that stops giving random numbers cannot run a server");
        let id = format!("msg_{}", hex::encode(id));
        let value = |text: &str| -> Result<HeaderValue, InvalidHeaderValue> { text.parse() };
        let signatures = self.sign(&id, seconds, body);
        let values = [
            ("webhook-id", id),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", signatures),
        ];
        values.map(|(name, text)| {
            (HeaderName::from_static(name), value(&text).expect("digits, letters and signs of base64"))
        })
    }

    /// A signature with each secret.
    fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let signed = [format!("{id}.{seconds}.").as_bytes(), body].concat();
        let sign = |key| format!("v1,{}", STANDARD.encode(hmac::sign(key, &signed)));
        self.0.iter().map(sign).collect::<Vec<_>>().join(" ")
    }
}

fn key(line: &str) -> Option<hmac::Key> {
    let secret = Zeroizing::new(STANDARD.decode(line.strip_prefix(PREFIX)?).ok()?);
    LENGTHS.contains(&secret.len()).then(|| hmac::Key::new(hmac::HMAC_SHA256, &secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_specification() {
        // From another implementation, Python's hmac.
        let secrets = HookSecrets::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(
            secrets.sign("msg_1", 1_614_265_330, br#"{"test": 1}"#),
            "v1,pAJ+2CQ3+N6E7H+Tf1Lee1V3d/TMhYQ2KqhOSemiwqA="
        );
    }

    #[test]
    fn each_secret_signs_and_each_question_has_an_id() {
        let line = |byte| format!("{PREFIX}{}", STANDARD.encode([byte; 32]));
        let both = HookSecrets::parse(&format!("{}\n\n{}\n", line(1), line(2))).unwrap();
        let one = HookSecrets::parse(&line(2)).unwrap();
        let [old, new] = [both.sign("x", 1, b"y"), one.sign("x", 1, b"y")];
        assert!(old.ends_with(&format!(" {new}")) && old.starts_with("v1,"), "{old} {new}");
        let [(_, id), ..] = one.headers(1, b"y");
        let [(_, other), ..] = one.headers(1, b"y");
        assert_ne!(id, other);
    }

    #[test]
    fn other_files_are_refused() {
        let good = format!("{PREFIX}{}", STANDARD.encode([1; 24]));
        let five = [&*good; 5].join("\n");
        let short = format!("{PREFIX}{}", STANDARD.encode([1; 23]));
        let long = format!("{PREFIX}{}", STANDARD.encode([1; 65]));
        assert!(HookSecrets::parse(&good).is_some());
        for bad in ["", "\n", &good[6..], "whsec_?", &five, &short, &long] {
            assert!(HookSecrets::parse(bad).is_none(), "{bad}");
        }
    }
}

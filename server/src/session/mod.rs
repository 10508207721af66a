//! Sign-in: challenges and tokens.
//!
//! A client signs a [challenge](Sessions::challenge) with its signing key and gets a
//! [token](Sessions::token) to connect with. Both are authenticated with keys derived from the
//! server's secrets, so neither is stored, and a flood of either takes no memory. Only used
//! challenges are remembered, for as long as they could be used again.

mod nonce;
mod secrets;
mod used;

use ring::{
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use thiserror::Error;
use vestibule_approve::{base64url, signed::Uid};

pub use secrets::{SecretError, Secrets};

use self::{
    nonce::{NONCE, RANDOM, TAG, TIME, expiry},
    used::Used,
};

/// How long a challenge is valid, in milliseconds.
const CHALLENGE_MS: i64 = 60_000;
/// How long a token is valid for connecting, in milliseconds.
const TOKEN_MS: i64 = 15 * 60_000;
/// How far the clock may be set back until tokens and challenges made before are no longer
/// accepted, in milliseconds.
const SET_BACK_MS: i64 = 2 * 60_000;

const UID: usize = 32;

/// Makes and checks challenges and tokens.
pub struct Sessions {
    /// The keys of each secret, the current one first.
    keys: Vec<Keys>,
    random: SystemRandom,
    used: Used,
}

struct Keys {
    challenge: hmac::Key,
    token: hmac::Key,
}

/// A challenge for a client to sign.
#[derive(Debug)]
pub struct Challenge {
    /// Its expiry, random bytes, and their authentication.
    pub nonce: Vec<u8>,
    /// Its expiry in Unix milliseconds.
    pub exp: i64,
}

/// The nonce or token is not this server's, is another user's, was used already, or has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("invalid or expired")]
pub struct Invalid;

impl Sessions {
    /// Derives the keys.
    pub fn new(secrets: &Secrets) -> Self {
        let keys = secrets.derive(|secret| Keys {
            challenge: secret.key(b"vestibule/1/challenge"),
            token: secret.key(b"vestibule/1/token"),
        });
        Self { keys, random: SystemRandom::new(), used: Used::default() }
    }

    /// A challenge for `uid`.
    ///
    /// # Panics
    /// If the system provides no random numbers.
    pub fn challenge(&self, uid: &Uid, now: i64) -> Challenge {
        let exp = now + CHALLENGE_MS;
        let mut random = [0; RANDOM];
        self.random.fill(&mut random).expect("a system that stops giving random numbers cannot run a server");
        let claims = [&exp.to_be_bytes()[..], &random].concat();
        let tag = hmac::sign(&self.keys[0].challenge, &challenge_bytes(uid, &claims));
        Challenge { nonce: [&claims, tag.as_ref()].concat(), exp }
    }

    /// Checks in constant time that `nonce` is a challenge for `uid` that has not expired.
    pub fn check_challenge(&self, uid: &Uid, nonce: &[u8], now: i64) -> Result<(), Invalid> {
        let nonce: &[u8; NONCE] = nonce.try_into().map_err(|_| Invalid)?;
        let (claims, tag) = nonce.split_at(TIME + RANDOM);
        self.check(|keys| &keys.challenge, &challenge_bytes(uid, claims), tag)?;
        if is_current(expiry(nonce), now, CHALLENGE_MS) { Ok(()) } else { Err(Invalid) }
    }

    /// Uses up a challenge that was [checked](Self::check_challenge) and signed by its user, so
    /// that an eavesdropper cannot sign in with the same signature. Best effort: of very many at
    /// once, the oldest are forgotten.
    pub fn use_up(&self, nonce: &[u8], now: i64) -> Result<(), Invalid> {
        let nonce = nonce.try_into().map_err(|_| Invalid)?;
        if self.used.add(nonce, now) { Ok(()) } else { Err(Invalid) }
    }

    /// A token for `uid`, and its expiry in Unix milliseconds.
    pub fn token(&self, uid: &Uid, now: i64) -> (String, i64) {
        let exp = now + TOKEN_MS;
        let mut token = [uid.as_bytes(), &exp.to_be_bytes()].concat();
        let tag = hmac::sign(&self.keys[0].token, &token);
        token.extend_from_slice(tag.as_ref());
        (base64url::encode(&token), exp)
    }

    /// The user of a token, checked in constant time.
    pub fn check_token(&self, token: &str, now: i64) -> Result<Uid, Invalid> {
        let bytes = base64url::decode(token).map_err(|_| Invalid)?;
        if bytes.len() != UID + TIME + TAG {
            return Err(Invalid);
        }
        let (claims, tag) = bytes.split_at(UID + TIME);
        self.check(|keys| &keys.token, claims, tag)?;
        let (uid, exp) = claims.split_at(UID);
        let exp = i64::from_be_bytes(exp.try_into().map_err(|_| Invalid)?);
        if is_current(exp, now, TOKEN_MS) { Uid::try_from(uid).map_err(|_| Invalid) } else { Err(Invalid) }
    }

    fn check(&self, key: impl Fn(&Keys) -> &hmac::Key, bytes: &[u8], tag: &[u8]) -> Result<(), Invalid> {
        let is_valid = self.keys.iter().any(|keys| hmac::verify(key(keys), bytes, tag).is_ok());
        if is_valid { Ok(()) } else { Err(Invalid) }
    }
}

fn challenge_bytes(uid: &Uid, claims: &[u8]) -> Vec<u8> {
    [uid.as_bytes(), claims].concat()
}

/// Whether something that is valid for `lasts_ms` is valid now. Otherwise what was made while the
/// clock was ahead would stay valid for longer.
fn is_current(exp: i64, now: i64, lasts_ms: i64) -> bool {
    now < exp && exp <= now.saturating_add(lasts_ms + SET_BACK_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOB: Uid = Uid([1; 32]);
    const EVE: Uid = Uid([2; 32]);

    fn sessions() -> Sessions {
        Sessions::new(&Secrets::from_text(&base64url::encode(&[7; 32])).unwrap())
    }

    #[test]
    fn a_challenge_is_for_one_user_and_one_minute() {
        let sessions = sessions();
        let Challenge { nonce, exp } = sessions.challenge(&BOB, 1000);
        assert_eq!(exp, 61_000);
        assert_eq!(sessions.check_challenge(&BOB, &nonce, exp - 1), Ok(()));
        assert_eq!(sessions.check_challenge(&BOB, &nonce, exp), Err(Invalid));
        assert_eq!(sessions.check_challenge(&EVE, &nonce, 1000), Err(Invalid));
        for index in 0..nonce.len() {
            let mut altered = nonce.clone();
            altered[index] ^= 1;
            assert_eq!(sessions.check_challenge(&BOB, &altered, 1000), Err(Invalid), "byte {index}");
        }
        assert_eq!(sessions.check_challenge(&BOB, &[], 1000), Err(Invalid));
    }

    #[test]
    fn a_challenge_is_used_up_once_and_no_other_with_it() {
        let sessions = sessions();
        let [one, other] = [(); 2].map(|()| sessions.challenge(&BOB, 1000).nonce);
        assert_ne!(one, other, "also in the same moment");
        assert_eq!(sessions.use_up(&one, 1000), Ok(()));
        assert_eq!(sessions.use_up(&one, 1001), Err(Invalid));
        assert_eq!(sessions.use_up(&other, 1001), Ok(()));
        assert_eq!(sessions.use_up(&one[1..], 1001), Err(Invalid));
    }

    #[test]
    fn a_token_names_its_user_for_a_quarter_of_an_hour() {
        let sessions = sessions();
        let (token, exp) = sessions.token(&BOB, 1000);
        assert_eq!(exp, 901_000);
        assert_eq!(sessions.check_token(&token, exp - 1), Ok(BOB));
        assert_eq!(sessions.check_token(&token, exp), Err(Invalid));
        for bad in ["", "AAAA", &token[1..], &format!("{token}A")] {
            assert_eq!(sessions.check_token(bad, 1000), Err(Invalid), "{bad}");
        }
        let bytes = base64url::decode(&token).unwrap();
        for index in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[index] ^= 1;
            assert_eq!(
                sessions.check_token(&base64url::encode(&altered), 1000),
                Err(Invalid),
                "byte {index}"
            );
        }
    }

    #[test]
    fn a_clock_ahead_does_not_prolong_tokens() {
        const AHEAD: i64 = SET_BACK_MS + 1;
        let sessions = sessions();
        let (token, nonce) = (sessions.token(&BOB, AHEAD).0, sessions.challenge(&BOB, AHEAD).nonce);
        assert_eq!(sessions.check_token(&token, 0), Err(Invalid));
        assert_eq!(sessions.check_challenge(&BOB, &nonce, 0), Err(Invalid));
        assert_eq!(sessions.check_token(&token, 1), Ok(BOB));
        assert_eq!(sessions.check_challenge(&BOB, &nonce, 1), Ok(()));
    }

    #[test]
    fn an_older_secret_checks_but_does_not_issue() {
        let old = Sessions::new(&Secrets::from_text(&base64url::encode(&[7; 32])).unwrap());
        let both = [base64url::encode(&[8; 32]), base64url::encode(&[7; 32])].join("\n");
        let rotated = Sessions::new(&Secrets::from_text(&both).unwrap());
        assert_eq!(rotated.check_token(&old.token(&BOB, 0).0, 1), Ok(BOB));
        assert_eq!(old.check_token(&rotated.token(&BOB, 0).0, 1), Err(Invalid));
    }
}

//! Sign-in: challenges and tokens.
//!
//! A client signs a [challenge](Sessions::challenge) with its signing key and gets a
//! [token](Sessions::token) to connect with, which may carry a login of the team's own. Both are
//! authenticated with keys derived from the server's secrets, so neither is stored, and a flood of
//! either takes no memory. Only used challenges are remembered, for as long as they could be used
//! again.

mod nonce;
mod secrets;
mod token;
mod used;

use ring::{
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use thiserror::Error;
use vestibule_approve::{base64url, signed::Uid};

pub use self::{
    secrets::{SecretError, Secrets},
    token::Session,
};

use self::{
    nonce::{NONCE, RANDOM, TIME, expiry},
    token::{Kind, Unchecked},
    used::Used,
};
use crate::login::Login;

/// How long a challenge is valid, in milliseconds.
const CHALLENGE_MS: i64 = 60_000;
/// How long a token is valid for connecting, in milliseconds.
const TOKEN_MS: i64 = 15 * 60_000;
/// How far the clock may be set back until tokens and challenges made before are no longer
/// accepted, in milliseconds.
const SET_BACK_MS: i64 = 2 * 60_000;

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
    token_with_login: hmac::Key,
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

/// A login is too large for a token: it has more than
/// [`MAX_CARRIED`](crate::login::MAX_CARRIED) bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the login is too large for a token")]
pub struct LoginTooLarge;

impl Sessions {
    /// Derives the keys.
    pub fn new(secrets: &Secrets) -> Self {
        let keys = secrets.derive(|secret| Keys {
            challenge: secret.key(b"vestibule/1/challenge"),
            token: secret.key(b"vestibule/1/token"),
            token_with_login: secret.key(b"vestibule/1/token_with_login"),
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
        (self.authenticated(Kind::Plain, token::plain(uid, exp)), exp)
    }

    /// A token for `uid` that carries a login and expires with it, if not sooner.
    pub fn token_with_login(
        &self,
        uid: &Uid,
        login: &Login,
        now: i64,
    ) -> Result<(String, i64), LoginTooLarge> {
        let exp = login.expires.min(now + TOKEN_MS);
        let said = token::with_login(uid, exp, login).ok_or(LoginTooLarge)?;
        Ok((self.authenticated(Kind::WithLogin, said), exp))
    }

    /// Who has signed in with a token, checked in constant time.
    pub fn check_token(&self, token: &str, now: i64) -> Result<Session, Invalid> {
        let token = Unchecked::parse(token).ok_or(Invalid)?;
        let (said, tag) = token.parts();
        self.check(|keys| keys.of(token.kind), said, tag)?;
        let (session, exp) = token.read().ok_or(Invalid)?;
        if is_current(exp, now, TOKEN_MS) { Ok(session) } else { Err(Invalid) }
    }

    fn authenticated(&self, kind: Kind, mut said: Vec<u8>) -> String {
        let tag = hmac::sign(self.keys[0].of(kind), &said);
        said.extend_from_slice(tag.as_ref());
        base64url::encode(&said)
    }

    fn check(&self, key: impl Fn(&Keys) -> &hmac::Key, bytes: &[u8], tag: &[u8]) -> Result<(), Invalid> {
        let is_valid = self.keys.iter().any(|keys| hmac::verify(key(keys), bytes, tag).is_ok());
        if is_valid { Ok(()) } else { Err(Invalid) }
    }
}

impl Keys {
    fn of(&self, kind: Kind) -> &hmac::Key {
        match kind {
            Kind::Plain => &self.token,
            Kind::WithLogin => &self.token_with_login,
        }
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
mod tests;

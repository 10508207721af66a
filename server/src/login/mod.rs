//! A team's own logins: JSON Web Tokens (RFC 7519) that its back end issues.
//!
//! `keys` reads keys, `remote` fetches them from an address, `verifier` checks signatures by
//! `ring`, and `claims` is what a token says: an account, and perhaps the topics that it may join.
//! The rules are those of RFC 8725: the key decides on the algorithm, never the token. `carried` is
//! a login inside a token of the server's own, and `shown` what presence lists say of its account.

mod carried;
mod claims;
mod keys;
mod remote;
mod shown;
mod verifier;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use jsonwebtoken::{Validation, decode, decode_header};
use vestibule_store::Clock;

pub use self::{
    carried::MAX_CARRIED,
    claims::{FOREVER, Grants, Login, Right, is_account},
    keys::{KeyFileError, KeySet},
    remote::{KeyFetcher, RemoteKeys},
    shown::{PRESENCE_META, Shown},
};
use self::{claims::Claims, keys::Key};

/// The longest token, in bytes. Longer ones are not decoded.
const MAX_TOKEN: usize = 8 * 1024;

/// Which tokens are accepted.
#[derive(Clone, Debug)]
pub struct Issuers {
    /// The keys that sign them.
    pub keys: KeySource,
    /// What `aud` must contain one of. Without any, a token that has an `aud` is refused.
    pub audiences: Vec<String>,
    /// What `iss` must be one of; without any, it is not looked at.
    pub issuers: Vec<String>,
    /// How far the issuer's clock may be off.
    pub leeway: Duration,
    /// The claim with the topics that the account may join.
    pub topics_claim: String,
}

/// Where keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// From a file.
    File(Arc<KeySet>),
    /// From an address.
    Remote(Arc<RemoteKeys>),
}

/// Checks the tokens of a team's own logins, if it has any.
#[derive(Debug)]
pub struct Logins {
    issuers: ArcSwapOption<Issuers>,
    clock: Clock,
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// It is malformed, forged, or for somebody else, or its time is over.
    Invalid,
    /// It names a key that is not here, but may be at the address that keys come from.
    UnknownKey,
}

impl Logins {
    /// Accepts the tokens of these issuers, or none. All of it goes by `clock`.
    pub fn new(issuers: Option<Issuers>, clock: Clock) -> Self {
        verifier::install();
        Self { issuers: ArcSwapOption::from(issuers.map(Arc::new)), clock }
    }

    /// Accepts the tokens of others from now on. Logins that were checked before go on.
    pub fn change(&self, issuers: Option<Issuers>) {
        self.issuers.store(issuers.map(Arc::new));
    }

    /// Whose login a token is.
    pub fn check(&self, token: &str) -> Result<Arc<Login>, NotAccepted> {
        let issuers = self.issuers.load();
        let issuers = issuers.as_deref().filter(|_| token.len() <= MAX_TOKEN).ok_or(NotAccepted::Invalid)?;
        let header = decode_header(token).map_err(|_| NotAccepted::Invalid)?;
        let keys = issuers.keys.current().ok_or(NotAccepted::UnknownKey)?;
        // The header chooses among the keys, and nothing else: where its algorithm is not the
        // key's, the key does not fit.
        let mut named = keys.named(header.kid.as_deref()).peekable();
        if named.peek().is_none() && issuers.keys.is_remote() {
            return Err(NotAccepted::UnknownKey);
        }
        let login = named.find_map(|key| issuers.check(token, key, self.clock.now_ms()));
        login.map(Arc::new).ok_or(NotAccepted::Invalid)
    }

    /// Fetches the keys anew, if they come from an address. Returns whether there are any.
    pub async fn renew_keys(&self) -> bool {
        let issuers = self.issuers.load_full();
        match issuers.as_deref() {
            Some(Issuers { keys: KeySource::Remote(keys), .. }) => keys.renew().await,
            _ => true,
        }
    }

    /// The keys at an address, if that is where they come from.
    pub fn remote_keys(&self) -> Option<Arc<RemoteKeys>> {
        match self.issuers.load().as_deref() {
            Some(Issuers { keys: KeySource::Remote(keys), .. }) => Some(Arc::clone(keys)),
            _ => None,
        }
    }

    /// How long it is until this time, in Unix milliseconds; `None` if it is over.
    pub fn remaining(&self, expires: i64) -> Option<Duration> {
        let millis = u64::try_from(expires.saturating_sub(self.clock.now_ms())).ok()?;
        (millis > 0).then(|| Duration::from_millis(millis))
    }
}

impl KeySource {
    fn current(&self) -> Option<Arc<KeySet>> {
        match self {
            Self::File(keys) => Some(Arc::clone(keys)),
            Self::Remote(keys) => keys.current(),
        }
    }

    fn is_remote(&self) -> bool {
        matches!(self, Self::Remote(_))
    }
}

impl Issuers {
    fn check(&self, token: &str, key: &Key, now: i64) -> Option<Login> {
        let mut validation = Validation::new(key.algorithm);
        // Times are checked below, by the server's clock.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "sub"]);
        if !self.audiences.is_empty() {
            validation.set_audience(&self.audiences);
            validation.required_spec_claims.insert("aud".to_owned());
        }
        if !self.issuers.is_empty() {
            validation.set_issuer(&self.issuers);
            validation.required_spec_claims.insert("iss".to_owned());
        }
        let claims: Claims = decode(token, &key.decoding, &validation).ok()?.claims;
        claims.login(now, self.leeway, &self.topics_claim)
    }
}

#[cfg(test)]
mod tests;

//! A team's own logins.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args};

use super::{live::LIVE, values};
use crate::{
    login::{Issuers, KeySource},
    outgoing::Address,
};

/// The tokens of a team's own logins.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Logins")]
pub struct LoginOptions {
    /// Keys of your own logins (JSON Web Tokens): a file with a JWK set or a public key in PEM, or
    /// the address of a JWK set
    ///
    /// A client that shows such a token has the account that its `sub` names, for configured
    /// channels. The key decides on the algorithm: RS256, ES256 (P-256), `EdDSA` (Ed25519), or
    /// HS256 for a secret, which is a JWK of the kind `oct` with at least 32 bytes. From an
    /// address, keys are fetched at the start, every ten minutes, and when a token names another
    /// key.
    #[arg(long = "jwt-keys", group = LIVE, value_name = "FILE|ADDRESS", value_parser = key_place)]
    keys: Option<KeyPlace>,

    /// Audience that a token must be for (`aud`); may be repeated
    ///
    /// Without it, tokens that name an audience are refused: they are for somebody else.
    #[arg(long = "jwt-audience", group = LIVE, value_name = "NAME", value_delimiter = ',')]
    audiences: Vec<String>,

    /// Issuer that a token must be from (`iss`); may be repeated
    #[arg(long = "jwt-issuer", group = LIVE, value_name = "NAME", value_delimiter = ',')]
    issuers: Vec<String>,

    /// How far the clock of the tokens' issuer may be off
    #[arg(
        long = "jwt-leeway",
        group = LIVE,
        value_name = "TIME",
        default_value = "30s",
        value_parser = values::duration_or_none
    )]
    leeway: Duration,

    /// Claim with the topics that a token allows, for channels with join = "token"
    #[arg(long = "jwt-topics", group = LIVE, value_name = "CLAIM", default_value = "topics")]
    topics: String,

    /// Whether members see the account of whoever asks for a room's key
    ///
    /// Only of those who have signed in with a login. The server stores it with the request and
    /// deletes it when the request ends. With `off` it stores no further accounts and shows none.
    #[arg(
        long,
        group = LIVE,
        value_name = "on|off",
        default_value = "off",
        value_parser = values::switch,
        action = ArgAction::Set
    )]
    pub(crate) show_accounts: bool,
}

/// Where the keys of logins are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In a file.
    File(PathBuf),
    /// At an address.
    Address(Address),
}

fn key_place(text: &str) -> Result<KeyPlace, String> {
    let is_address = text.starts_with("https://") || text.starts_with("http://");
    Ok(if is_address { KeyPlace::Address(text.parse()?) } else { KeyPlace::File(text.into()) })
}

impl LoginOptions {
    /// Where the keys are, if there are logins.
    pub fn keys(&self) -> Option<&KeyPlace> {
        self.keys.as_ref()
    }

    /// Which tokens are accepted, with these keys.
    pub fn issuers(&self, keys: KeySource) -> Issuers {
        Issuers {
            keys,
            audiences: self.audiences.clone(),
            issuers: self.issuers.clone(),
            leeway: self.leeway,
            topics_claim: self.topics.clone(),
        }
    }
}

//! A team's own logins.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;

use super::{live::LIVE, values};
use crate::login::{Issuers, KeySet};

/// The tokens of a team's own logins.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Logins")]
pub struct LoginOptions {
    /// File of the keys of your own logins (JSON Web Tokens): a JWK set, or a public key in PEM
    ///
    /// A client that shows such a token has the account that its `sub` names, for configured
    /// channels. The key decides on the algorithm: RS256, ES256 (P-256), `EdDSA` (Ed25519), or
    /// HS256 for a secret, which is a JWK of the kind `oct` with at least 32 bytes.
    #[arg(long = "jwt-keys", group = LIVE, value_name = "FILE")]
    keys: Option<PathBuf>,

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
}

impl LoginOptions {
    /// The file of keys, if there are logins.
    pub fn keys(&self) -> Option<&Path> {
        self.keys.as_deref()
    }

    /// Which tokens are accepted, with the keys of the file.
    pub fn issuers(&self, keys: Arc<KeySet>) -> Issuers {
        Issuers {
            keys,
            audiences: self.audiences.clone(),
            issuers: self.issuers.clone(),
            leeway: self.leeway,
            topics_claim: self.topics.clone(),
        }
    }
}

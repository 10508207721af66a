//! Sign-in, and proofs that name the server.

use std::sync::Arc;

use vestibule_approve::signed::{BadSignature, Uid};
use vestibule_store::Clock;

use crate::accounts::Accounts;
use crate::login::Login;
use crate::session::{Challenge, Invalid, LoginTooLarge, Session, Sessions};

/// Issues and checks challenges and tokens, and knows the names that clients may sign.
pub struct Auth {
    sessions: Sessions,
    accounts: Arc<Accounts>,
    names: Vec<String>,
    clock: Clock,
}

impl Auth {
    /// `names` are the server's; if there are none, the server has the name of the addressed host.
    pub fn new(sessions: Sessions, accounts: Arc<Accounts>, names: Vec<String>, clock: Clock) -> Self {
        Self { sessions, accounts, names, clock }
    }

    /// The name that a client is told that addressed `host`: that host if it is one of the server's
    /// names, else the first name.
    pub(super) fn server_name<'a>(&'a self, host: &'a str) -> &'a str {
        let addressed = self.names.iter().find(|name| name.eq_ignore_ascii_case(host));
        addressed.or(self.names.first()).map_or(host, String::as_str)
    }

    /// Checks a proof, which may name any of the server's names: first the name that the client was
    /// told, then the others.
    pub(super) fn check_proof(
        &self,
        told: &str,
        check: impl Fn(&str) -> Result<(), BadSignature>,
    ) -> Result<(), BadSignature> {
        let others = self.names.iter().filter(|name| *name != told);
        others.fold(check(told), |checked, name| checked.or_else(|_| check(name)))
    }

    /// A challenge for a user to sign, issued `now`.
    pub(super) fn challenge(&self, uid: &Uid, now: i64) -> Challenge {
        self.sessions.challenge(uid, now)
    }

    /// Checks that `nonce` is a current challenge for this user.
    pub(super) fn check_challenge(&self, uid: &Uid, nonce: &[u8]) -> Result<(), Invalid> {
        self.sessions.check_challenge(uid, nonce, self.clock.now_ms())
    }

    /// Uses up a challenge that was checked and signed.
    pub(super) fn use_up(&self, nonce: &[u8]) -> Result<(), Invalid> {
        self.sessions.use_up(nonce, self.clock.now_ms())
    }

    /// Who has signed in with a token.
    pub(super) fn check_token(&self, token: &str) -> Result<Session, Invalid> {
        self.sessions.check_token(token, self.clock.now_ms())
    }

    /// The accounts of the team's users.
    pub fn accounts(&self) -> &Arc<Accounts> {
        &self.accounts
    }

    /// A token for a user, and its expiry in Unix milliseconds.
    pub fn issue_token(&self, uid: &Uid) -> (String, i64) {
        self.sessions.token(uid, self.clock.now_ms())
    }

    /// A token for a user that carries a login, and its expiry in Unix milliseconds.
    pub(super) fn issue_token_with_login(
        &self,
        uid: &Uid,
        login: &Login,
    ) -> Result<(String, i64), LoginTooLarge> {
        self.sessions.token_with_login(uid, login, self.clock.now_ms())
    }
}

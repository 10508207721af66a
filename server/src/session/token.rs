//! The layout of a token: what it says, and the authentication of that.
//!
//! There are two kinds. The plain one is a user and an expiry, and always has [`PLAIN`] bytes; the
//! other begins with its version, and goes on with a login. Each kind has a key of its own, so that
//! neither passes for the other.

use std::sync::Arc;

use vestibule_approve::{base64url, signed::Uid};

use super::nonce::{TAG, TIME};
use crate::login::{Login, MAX_CARRIED};

/// Bytes of a user's id.
const UID: usize = 32;
/// Bytes of a plain token.
const PLAIN: usize = UID + TIME + TAG;
/// The first byte of a token with a login.
const VERSION: u8 = 2;
/// The longest token, as text.
const MAX_TEXT: usize = (1 + PLAIN + MAX_CARRIED).div_ceil(3) * 4;

/// Who has signed in.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The user.
    pub uid: Uid,
    /// The team's own login that was shown with the proof, if one was.
    pub login: Option<Arc<Login>>,
}

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A user alone.
    Plain,
    /// A user, and a login of the team's own.
    WithLogin,
}

/// A token whose authentication was not checked.
pub(super) struct Unchecked {
    bytes: Vec<u8>,
    pub(super) kind: Kind,
}

/// What a plain token says.
pub(super) fn plain(uid: &Uid, exp: i64) -> Vec<u8> {
    [uid.as_bytes(), &exp.to_be_bytes()[..]].concat()
}

/// What a token with a login says; `None` if the login is too large.
pub(super) fn with_login(uid: &Uid, exp: i64, login: &Login) -> Option<Vec<u8>> {
    let login = login.to_bytes()?;
    Some([&[VERSION][..], &plain(uid, exp), &login].concat())
}

impl Unchecked {
    /// Reads a text; `None` if it is of neither kind.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = Some(text).filter(|text| text.len() <= MAX_TEXT).map(base64url::decode)?.ok()?;
        let kind = match bytes.len() {
            PLAIN => Kind::Plain,
            length if length > PLAIN && bytes.first() == Some(&VERSION) => Kind::WithLogin,
            _ => return None,
        };
        Some(Self { bytes, kind })
    }

    /// What the token says, and the authentication of that.
    pub(super) fn parts(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at(self.bytes.len() - TAG)
    }

    /// Who has signed in, and when the token expires in Unix milliseconds. Only for a token that
    /// was checked.
    pub(super) fn read(&self) -> Option<(Session, i64)> {
        let (mut said, _) = self.parts();
        if self.kind == Kind::WithLogin {
            said = &said[1..];
        }
        let (uid, rest) = said.split_at_checked(UID)?;
        let (exp, login) = rest.split_first_chunk::<TIME>()?;
        let login = match self.kind {
            Kind::Plain => None,
            Kind::WithLogin => Some(Arc::new(Login::of_bytes(login)?)),
        };
        Some((Session { uid: Uid::try_from(uid).ok()?, login }, i64::from_be_bytes(*exp)))
    }
}

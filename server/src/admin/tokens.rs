//! Operators' tokens: a file that only the server can read, with a line for each.
//!
//! ```text
//! # name       may   token, or sha256: and its hash
//! prometheus   read  sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//! alice        full  sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752
//! shop         publish=chat:*,presence  sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04f…
//! ```
//!
//! Only hashes are kept in memory, so there is nothing to wipe or to leak in a dump: a token has as
//! many random bits as its hash, so it cannot be found by trying.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use super::access::Access;
use crate::secret_file::{self, Modes, SecretFileError};

/// The shortest token: 24 random bytes in base64.
const SHORTEST: usize = 32;

/// The beginning of a token's hash.
const HASHED: &str = "sha256:";

/// The owner of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The name in the file.
    pub name: String,
    /// What the token allows.
    pub access: Access,
}

/// All tokens, as hashes.
#[derive(Debug, PartialEq, Eq)]
pub struct Tokens(Vec<(Operator, [u8; 32])>);

/// The tokens of a file, which can be read again while they are in use.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    modes: Modes,
    read: Arc<ArcSwap<Tokens>>,
}

/// The changes found when the file was read again.
#[derive(Debug, PartialEq, Eq)]
pub struct Renewed {
    /// Whether anything has changed.
    pub has_changed: bool,
    /// The names whose tokens are no longer valid or allow something else.
    pub revoked: Vec<String>,
}

/// Why the token file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The file cannot be read, or others can read it.
    #[error("cannot use the tokens: {0}")]
    Unread(#[from] SecretFileError),
    /// A line is invalid.
    #[error("the token file {}, line {line}: {what}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number.
        line: usize,
        /// What is wrong with the line, without quoting it.
        what: &'static str,
    },
    /// The file has no token in it.
    #[error("the token file {} contains no token", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl TokenFile {
    /// Reads the file.
    pub fn load(path: &Path, modes: Modes) -> Result<Arc<Self>, TokenError> {
        let read = Arc::new(ArcSwap::from_pointee(Tokens::load(path, modes)?));
        Ok(Arc::new(Self { path: path.to_owned(), modes, read }))
    }

    /// Reads the file again, for requests from then on. If anything is wrong, nothing changes.
    pub fn renew(&self) -> Result<Renewed, TokenError> {
        let (old, new) = (self.read.load(), Tokens::load(&self.path, self.modes)?);
        let gone = old.0.iter().filter(|token| !new.0.contains(token));
        let revoked = gone.map(|(operator, _)| operator.name.clone()).collect();
        let renewed = Renewed { has_changed: **old != new, revoked };
        self.read.store(Arc::new(new));
        Ok(renewed)
    }

    /// The operator of a token. All hashes are compared, each in constant time.
    pub fn find(&self, token: &str) -> Option<Operator> {
        self.read.load().find(token).cloned()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.read.load().0.len()
    }

    /// Where they were read from.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Tokens {
    /// Reads the file.
    pub fn load(path: &Path, modes: Modes) -> Result<Self, TokenError> {
        let tokens = Self::of(&secret_file::read(path, modes)?, path)?;
        if tokens.0.is_empty() {
            return Err(TokenError::Empty { path: path.to_owned() });
        }
        Ok(tokens)
    }

    /// The tokens in the text of a file, which may be none.
    pub(super) fn of(text: &str, path: &Path) -> Result<Self, TokenError> {
        Self::parse(text).map_err(|(line, what)| TokenError::Line { path: path.to_owned(), line, what })
    }

    /// Whose tokens there are, as in the file.
    pub fn operators(&self) -> impl Iterator<Item = &Operator> {
        self.0.iter().map(|(operator, _)| operator)
    }

    /// The operator of a token.
    pub fn find(&self, token: &str) -> Option<&Operator> {
        let shown = hash(token);
        self.0.iter().fold(
            None,
            |found, (operator, known)| {
                if bool::from(known.ct_eq(&shown)) { Some(operator) } else { found }
            },
        )
    }

    fn parse(text: &str) -> Result<Self, (usize, &'static str)> {
        let mut names = HashSet::new();
        let mut tokens = Vec::new();
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let token = parse_line(line).map_err(|what| (number, what))?;
            if !names.insert(token.0.name.clone()) {
                return Err((number, "another line already has this name"));
            }
            tokens.push(token);
        }
        Ok(Self(tokens))
    }
}

fn parse_line(line: &str) -> Result<(Operator, [u8; 32]), &'static str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [name, access, token] = words[..] else {
        return Err("expected a name, what the token may do, and the token");
    };
    let access = access.parse()?;
    let hash = match token.strip_prefix(HASHED) {
        Some(digits) => {
            let mut hash = [0; 32];
            hex::decode_to_slice(digits, &mut hash)
                .map_err(|_| "expected 64 hexadecimal digits after sha256:")?;
            hash
        }
        None if token.len() < SHORTEST => return Err("a token must have at least 32 characters"),
        None => hash(token),
    };
    Ok((Operator { name: name.to_owned(), access }, hash))
}

/// The line of a file for a token, with its hash.
pub(super) fn line(operator: &Operator, token: &str) -> String {
    format!("{} {} {HASHED}{}", operator.name, operator.access, hex::encode(hash(token)))
}

fn hash(token: &str) -> [u8; 32] {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn operator(name: &str, access: &str) -> Operator {
        Operator { name: name.to_owned(), access: access.parse().unwrap() }
    }

    #[test]
    fn a_token_is_found_by_itself_or_its_hash_only() {
        let digits = hex::encode(hash("another token"));
        let text = format!("# who\n\n  alice full {TOKEN}\r\nprometheus\tread\tsha256:{digits}\n");
        let tokens = Tokens::parse(&text).unwrap();
        assert_eq!(tokens.find(TOKEN), Some(&operator("alice", "full")));
        assert_eq!(tokens.find("another token"), Some(&operator("prometheus", "read")));
        for wrong in ["", &TOKEN[1..], &digits, &format!("sha256:{digits}"), "alice"] {
            assert_eq!(tokens.find(wrong), None, "{wrong}");
        }
        assert!(!format!("{tokens:?}").contains(TOKEN));
    }

    #[test]
    fn a_line_is_read_as_it_is_written() {
        let shop = operator("shop", "publish=chat:*,presence");
        let tokens = Tokens::parse(&line(&shop, TOKEN)).unwrap();
        assert_eq!((tokens.find(TOKEN), tokens.operators().count()), (Some(&shop), 1));
    }

    #[test]
    fn invalid_lines_are_refused_without_being_quoted() {
        for (text, line) in [
            (format!("alice {TOKEN}"), 1),
            (format!("\nalice admin {TOKEN}"), 2),
            (format!("alice full {TOKEN} extra"), 1),
            ("alice full 0123456789abcdef0123456789abcde".to_owned(), 1),
            ("alice full sha256:0123".to_owned(), 1),
            (format!("alice full {TOKEN}\nalice read {TOKEN}"), 2),
        ] {
            let (number, what) = Tokens::parse(&text).unwrap_err();
            assert_eq!(number, line, "{text}");
            assert!(!what.contains("0123"), "{what}");
        }
    }

    #[test]
    fn a_reread_file_names_the_revoked_tokens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let token = |digit: &str| digit.repeat(32);
        let write = |text: String| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        };
        write(format!("a full {}\nb full {}\nc read {}\n", token("a"), token("b"), token("c")));
        let file = TokenFile::load(&path, Modes::Checked).unwrap();
        assert_eq!(file.renew().unwrap(), Renewed { has_changed: false, revoked: Vec::new() });
        write("nonsense".to_owned());
        assert!(file.renew().is_err());
        assert_eq!((file.count(), file.find(&token("a"))), (3, Some(operator("a", "full"))));

        // One stays, one may no longer do the same, one has another token, and one comes.
        write(format!(
            "a full {}\nb read {}\nc read {}\nd read {}",
            token("a"),
            token("b"),
            token("e"),
            token("d")
        ));
        let revoked = ["b", "c"].map(str::to_owned).to_vec();
        assert_eq!(file.renew().unwrap(), Renewed { has_changed: true, revoked });
        assert_eq!((file.count(), file.find(&token("c"))), (4, None));
        assert_eq!(file.find(&token("b")), Some(operator("b", "read")));
        assert_eq!(file.find(&token("d")), Some(operator("d", "read")));
    }

    #[test]
    fn missing_empty_and_open_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let load = || Tokens::load(&path, Modes::Checked);
        assert!(matches!(load(), Err(TokenError::Unread(SecretFileError::Read { .. }))));
        fs::write(&path, "# nobody yet\n").unwrap();
        let set_mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        set_mode(0o600);
        assert!(matches!(load(), Err(TokenError::Empty { .. })));
        fs::write(&path, format!("alice full {TOKEN}")).unwrap();
        for mode in [0o644, 0o660, 0o601] {
            set_mode(mode);
            assert!(matches!(load(), Err(TokenError::Unread(SecretFileError::Open { .. }))), "{mode:o}");
            assert!(Tokens::load(&path, Modes::Unchecked).is_ok(), "{mode:o}");
        }
        for mode in [0o600, 0o400, 0o640] {
            set_mode(mode);
            assert!(load().is_ok(), "{mode:o}");
        }
    }
}

//! Makes tokens, and adds them to a file.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
    str::FromStr,
};

use ring::rand::{SecureRandom as _, SystemRandom};
use rustix::fs::{FlockOperation, flock};
use thiserror::Error;
use vestibule_approve::base64url;
use vestibule_store::durable::beside;
use zeroize::Zeroizing;

use super::tokens::{Operator, TokenError, Tokens, line};
use crate::secret_file::{self, Modes, SecretFileError};

/// The longest name of a token, in characters.
const MAX_NAME: usize = 64;

/// The mode of a new file.
const MODE: u32 = 0o600;

/// A token that exists nowhere else yet.
pub struct NewToken {
    operator: Operator,
    token: Zeroizing<String>,
}

/// The name of a new token.
#[derive(Clone, Debug)]
pub struct TokenName(pub String);

/// Why a token was not made, or not added to a file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NewTokenError {
    /// The system gives no random numbers.
    #[error("the system provides no random numbers")]
    Random,
    /// The file has a token of this name.
    #[error("the token file {} already has a token named {name}", path.display())]
    Taken {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// The file cannot be used as it is.
    #[error(transparent)]
    File(#[from] TokenError),
    /// The file cannot be written.
    #[error("cannot write the token file {}: {source}", path.display())]
    Unwritten {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl FromStr for TokenName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._@-".contains(c);
        if text.is_empty() || text.len() > MAX_NAME || !text.chars().all(is_allowed) {
            return Err("expected 1 to 64 letters, digits, and any of . _ @ -");
        }
        Ok(Self(text.to_owned()))
    }
}

impl NewToken {
    /// Makes a token of 32 random bytes.
    pub fn make(operator: Operator) -> Result<Self, NewTokenError> {
        let mut bytes = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(&mut *bytes).map_err(|_| NewTokenError::Random)?;
        Ok(Self { operator, token: Zeroizing::new(base64url::encode(&*bytes)) })
    }

    /// The token itself.
    pub fn secret(&self) -> &str {
        &self.token
    }

    /// The line for the file, without the token itself.
    pub fn line(&self) -> String {
        line(&self.operator, &self.token)
    }

    /// Adds the line to a file, which is created if it does not exist. The file has the line or is
    /// as before, also if several are added at once.
    pub fn append_to(&self, path: &Path) -> Result<(), NewTokenError> {
        let error = |source| NewTokenError::Unwritten { path: path.to_owned(), source };
        // Where a link leads, so that it stays one.
        let place = match fs::canonicalize(path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => path.to_owned(),
            found => found.map_err(error)?,
        };
        let folder = place.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        // Held until the file is in its place: the file itself is replaced.
        let folder = File::open(folder).map_err(error)?;
        flock(&folder, FlockOperation::LockExclusive).map_err(|errno| error(errno.into()))?;
        let mut text = match secret_file::read(&place, Modes::Checked) {
            Err(SecretFileError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Zeroizing::default()
            }
            read => read.map_err(TokenError::from)?,
        };
        let Operator { name, .. } = &self.operator;
        if Tokens::of(&text, path)?.operators().any(|other| other.name == *name) {
            return Err(NewTokenError::Taken { path: path.to_owned(), name: name.clone() });
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&(self.line() + "\n"));
        replace(&place, text.as_bytes()).and_then(|()| folder.sync_all()).map_err(error)
    }
}

/// Replaces a file by one with the same owner and mode.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = beside(path, ".new");
    let in_place = write(&new, path, content).and_then(|()| fs::rename(&new, path));
    if in_place.is_err() {
        let _ = fs::remove_file(&new);
    }
    in_place
}

fn write(new: &Path, old: &Path, content: &[u8]) -> io::Result<()> {
    // A crash may have left one.
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(new)?;
    match fs::metadata(old) {
        Ok(before) => {
            let own = file.metadata()?;
            if (before.uid(), before.gid()) != (own.uid(), own.gid()) {
                fchown(&file, Some(before.uid()), Some(before.gid()))?;
            }
            file.set_permissions(Permissions::from_mode(before.mode() & 0o7777))?;
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) => {}
    }
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, thread};

    use super::*;

    fn new(name: &str) -> NewToken {
        let access = "publish=chat:*,presence".parse().unwrap();
        NewToken::make(Operator { name: name.to_owned(), access }).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_new_file_is_private_and_an_old_one_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let shop = new("shop");
        assert_eq!(shop.secret().len(), 43);
        shop.append_to(&path).unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap(), mode(&path)), (shop.line() + "\n", 0o600));

        // A line without an end, a mode for a group, and a link.
        fs::write(&path, format!("# ours\n{}", shop.line())).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        let game = new("game");
        game.append_to(&link).unwrap();
        let expected = format!("# ours\n{}\n{}\n", shop.line(), game.line());
        assert_eq!((fs::read_to_string(&path).unwrap(), mode(&path)), (expected, 0o640));
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let tokens = Tokens::load(&path, Modes::Checked).unwrap();
        assert_eq!(tokens.find(game.secret()), Some(&game.operator));
        assert!(!game.line().contains(game.secret()));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        for (content, mode, why) in [
            (new("shop").line(), 0o600, "already has a token named shop"),
            ("nonsense\n".to_owned(), 0o600, "line 1"),
            (String::new(), 0o644, "accessible to others"),
        ] {
            fs::write(&path, &content).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = new("shop").append_to(&path).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains('\n'), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        }
        let error = new("shop").append_to(&folder.path().join("no/tokens")).unwrap_err();
        assert!(error.to_string().starts_with("cannot write the token file"), "{error}");
    }

    #[test]
    fn tokens_added_at_once_are_all_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        thread::scope(|scope| {
            for number in 0..8 {
                let path = &path;
                scope.spawn(move || new(&format!("shop-{number}")).append_to(path).unwrap());
            }
        });
        assert_eq!(Tokens::load(&path, Modes::Checked).unwrap().operators().count(), 8);
    }

    #[test]
    fn names_are_single_plain_words() {
        assert!("chat.back-end_1@example".parse::<TokenName>().is_ok());
        for bad in ["", "two words", "#comment", "naïve", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<TokenName>().is_err(), "{bad}");
        }
    }
}

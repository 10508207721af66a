//! The server's secrets: a file with one on each line, the current one first.
//!
//! To rotate, add a line at the top and restart. Remove the old line once no token made with it is
//! valid, a quarter of an hour later.

use std::{
    io,
    path::{Path, PathBuf},
};

use ring::{hkdf, hmac, rand::SecureRandom as _, rand::SystemRandom};
use thiserror::Error;
use vestibule_approve::base64url::{self, Fixed};
use vestibule_store::durable;
use zeroize::Zeroizing;

use crate::secret_file::{self, Modes, SecretFileError};

/// The secrets that all keys of the server are derived from.
pub struct Secrets(Vec<Zeroizing<[u8; 32]>>);

/// One secret.
pub(super) struct Secret(hkdf::Prk);

/// Why the secrets cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The file cannot be read, or others can read it.
    #[error("cannot use the secrets: {0}")]
    Unread(#[from] SecretFileError),
    /// The file cannot be created.
    #[error("cannot create the secret file {}: {source}", path.display())]
    Made {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file's content is invalid.
    #[error("each line of the secret file must be 43 characters of base64url (32 random bytes)")]
    Form,
    /// The system gives no random numbers.
    #[error("the system provides no random numbers")]
    Random,
}

impl Secrets {
    /// Reads the file, if there is one.
    pub fn load(path: &Path, modes: Modes) -> Result<Option<Self>, SecretError> {
        match secret_file::read(path, modes) {
            Ok(text) => Self::from_text(&text).map(Some),
            Err(SecretFileError::Read { source, .. })
                if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the file, or creates it with a fresh secret, readable only by its owner.
    pub fn load_or_create(path: &Path, modes: Modes) -> Result<Self, SecretError> {
        match secret_file::read(path, modes) {
            Ok(text) => Self::from_text(&text),
            Err(SecretFileError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Self::create(path)
            }
            Err(unread) => Err(unread.into()),
        }
    }

    fn create(path: &Path) -> Result<Self, SecretError> {
        let mut secret = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(&mut *secret).map_err(|_| SecretError::Random)?;
        let line = Zeroizing::new(base64url::encode(&*secret) + "\n");
        durable::write(path, line.as_bytes())
            .map_err(|source| SecretError::Made { path: path.to_owned(), source })?;
        Ok(Self(vec![secret]))
    }

    /// Parses the content of a file.
    pub fn from_text(text: &str) -> Result<Self, SecretError> {
        let secrets = text.lines().map(|line| line.parse().map(|Fixed(secret)| Zeroizing::new(secret)));
        let secrets: Vec<_> = secrets.collect::<Result<_, _>>().map_err(|_| SecretError::Form)?;
        if secrets.is_empty() { Err(SecretError::Form) } else { Ok(Self(secrets)) }
    }

    /// Derives a value from each secret.
    pub(super) fn derive<T>(&self, make: impl Fn(&Secret) -> T) -> Vec<T> {
        // The secret is uniformly random already; extracting makes it HKDF's own (RFC 5869, section
        // 3.3).
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"vestibule/1");
        self.0.iter().map(|secret| make(&Secret(salt.extract(&**secret)))).collect()
    }
}

impl Secret {
    /// A key for one purpose.
    pub(super) fn key(&self, purpose: &[u8]) -> hmac::Key {
        let info = [purpose];
        let okm = self.0.expand(&info, hmac::HMAC_SHA256).expect("one block is never too long for HKDF");
        hmac::Key::from(okm)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn a_fresh_file_is_private_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        assert!(Secrets::load(&path, Modes::Checked).unwrap().is_none() && !path.exists());
        let first = Secrets::load_or_create(&path, Modes::Checked).unwrap();
        let second = Secrets::load_or_create(&path, Modes::Checked).unwrap();
        assert_eq!(first.0, second.0);
        assert_eq!(Secrets::load(&path, Modes::Checked).unwrap().unwrap().0, first.0);
        assert_ne!(*first.0[0], [0; 32]);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        Secrets::load_or_create(&path, Modes::Checked).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Secrets::load_or_create(&path, Modes::Checked), Err(SecretError::Unread(_))));
        assert!(Secrets::load_or_create(&path, Modes::Unchecked).is_ok());
    }

    #[test]
    fn a_broken_file_is_refused() {
        for bad in ["", "short", "AAAA\n", "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!"] {
            assert!(matches!(Secrets::from_text(bad), Err(SecretError::Form)), "{bad}");
        }
    }
}

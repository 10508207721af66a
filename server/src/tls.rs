//! TLS for those who have no proxy in front: the certificate and its key, from files.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{Error as PemError, PemObject as _},
    },
};
use thiserror::Error;

/// Why there is no TLS. Each says in one line what is wrong, and in which file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file is not there, or is not for this process to read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file has something else in it.
    #[error("there is no {what} in PEM in {path}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What should be there.
        what: &'static str,
    },
    /// The two do not belong together, or are of a kind that rustls does not take.
    #[error("cannot use {certificate} with {key}: {source}")]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
}

/// TLS 1.2 and 1.3 with the certificates in one file and the private key in another.
pub fn load(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .and_then(|chain: Vec<_>| if chain.is_empty() { Err(PemError::NoItemsFound) } else { Ok(chain) })
        .map_err(|error| unreadable(certificate, "certificate", error))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, "private key", error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret));
    config.map_err(|source| TlsError::Pair {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    })
}

fn unreadable(path: &Path, what: &'static str, error: PemError) -> TlsError {
    let path = path.to_owned();
    match error {
        PemError::Io(source) => TlsError::Read { path, source },
        _ => TlsError::Content { path, what },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
    use tempfile::TempDir;

    use super::*;

    struct Files {
        folder: TempDir,
        made: CertifiedKey<KeyPair>,
    }

    impl Files {
        fn new() -> Self {
            let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            Self { folder: tempfile::tempdir().unwrap(), made }
        }

        fn with(&self, name: &str, text: &str) -> PathBuf {
            let path = self.folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        }

        fn certificate(&self) -> PathBuf {
            self.with("cert.pem", &self.made.cert.pem())
        }

        fn key(&self) -> PathBuf {
            self.with("key.pem", &self.made.signing_key.serialize_pem())
        }
    }

    #[test]
    fn a_certificate_and_its_key_are_taken() {
        let files = Files::new();
        assert!(load(&files.certificate(), &files.key()).is_ok());
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line_with_the_file() {
        let (files, other) = (Files::new(), Files::new());
        let (certificate, key) = (files.certificate(), files.key());
        let nowhere = files.folder.path().join("nowhere.pem");
        let nonsense = files.with("nonsense.pem", "nonsense");
        let broken = files.with("broken.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
        for (certificate, key, says) in [
            (&nowhere, &key, "nowhere.pem: No such file"),
            (&certificate, &nowhere, "nowhere.pem: No such file"),
            (&nonsense, &key, "no certificate in PEM in"),
            (&broken, &key, "no certificate in PEM in"),
            (&key, &certificate, "no certificate in PEM in"),
            (&certificate, &nonsense, "no private key in PEM in"),
            (&certificate, &certificate, "no private key in PEM in"),
            (&certificate, &other.key(), "key.pem: "),
        ] {
            let error = load(certificate, key).unwrap_err().to_string();
            assert!(error.contains(says) && error.lines().count() == 1, "{error}");
        }
    }
}

//! TLS, for servers without a proxy in front: the certificate and its key, from files that can be
//! read again.

mod validity;

use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName,
        pem::{Error as PemError, PemObject as _},
    },
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use thiserror::Error;
use webpki::EndEntityCert;

use self::validity::Validity;
use crate::secret_file::{Modes, open_to_everybody};

/// Why TLS cannot be used. Each message says in one line what is wrong, and in which file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file is missing or cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file has other contents.
    #[error("found no {what} in PEM format in {path}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should contain.
        what: &'static str,
    },
    /// The two do not belong together, or rustls does not support them.
    #[error("cannot use {certificate} with {key}: {source}")]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// The error of rustls.
        source: rustls::Error,
    },
}

/// A certificate with its key, as read from files.
#[derive(Debug)]
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    modes: Modes,
    provider: Arc<CryptoProvider>,
    shown: Arc<ArcSwap<CertifiedKey>>,
}

impl Certificate {
    /// Reads the certificates in one file, and their private key in another.
    pub fn load(certificate: &Path, key: &Path, modes: Modes) -> Result<Arc<Self>, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let shown = Arc::new(ArcSwap::from_pointee(read(certificate, key, &provider)?));
        Ok(Arc::new(Self { chain: certificate.to_owned(), key: key.to_owned(), modes, provider, shown }))
    }

    /// Reads the files again, for connections from then on, and returns whether the certificate is
    /// another. If anything is wrong, nothing changes.
    pub fn renew(&self) -> Result<bool, TlsError> {
        let read = read(&self.chain, &self.key, &self.provider)?;
        let is_another = read.cert != self.shown.load().cert;
        self.shown.store(Arc::new(read));
        Ok(is_another)
    }

    /// The end of its validity, for people, if it can be read.
    pub fn until(&self) -> Option<String> {
        Some(Validity::of(self.shown.load().cert.first()?)?.until())
    }

    /// Logs a message with the certificate and the end of its validity.
    pub(crate) fn log(&self, said: &str) {
        tracing::info!(path = %self.chain.display(), until = self.until(), "{said}");
    }

    /// Warnings: it, or a certificate below it, is not valid now; everybody can read its key, if
    /// modes are checked.
    pub fn warnings(&self) -> Vec<String> {
        let (shown, now) = (self.shown.load(), SystemTime::now());
        let complaint = |(number, certificate): (usize, &CertificateDer<'_>)| {
            let what = Validity::of(certificate)?.complaint(now)?;
            let which = if number == 1 { String::new() } else { format!("number {number} in ") };
            Some(format!("the certificate {which}{} {what}", self.chain.display()))
        };
        let invalid = (1..).zip(&shown.cert).filter_map(complaint);
        invalid.chain(open_to_everybody(&self.key, self.modes)).collect()
    }

    /// Whether it was issued for exactly this host name or address. A name matched only by a
    /// wildcard may be another server's.
    pub fn is_for(&self, host: &str) -> bool {
        let shown = self.shown.load();
        let Some(certificate) = end_entity(&shown) else { return false };
        match host.parse::<IpAddr>() {
            Ok(address) => certificate.verify_is_valid_for_subject_name(&ServerName::from(address)).is_ok(),
            Err(_) => exact_names(&certificate).any(|name| name.eq_ignore_ascii_case(host)),
        }
    }

    /// Whether it was issued for any host name exactly.
    pub fn has_names(&self) -> bool {
        end_entity(&self.shown.load()).is_some_and(|certificate| exact_names(&certificate).next().is_some())
    }

    /// TLS 1.2 and 1.3 with it.
    pub fn server_config(self: Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map(|builder| builder.with_no_client_auth().with_cert_resolver(self))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown.load()))
    }
}

fn read(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .and_then(|chain: Vec<_>| if chain.is_empty() { Err(PemError::NoItemsFound) } else { Ok(chain) })
        .map_err(|error| unreadable(certificate, "certificate", error))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, "private key", error))?;
    CertifiedKey::from_der(chain, secret, provider).map_err(|source| TlsError::Pair {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    })
}

/// The server's own certificate, the first in the file. One that rustls accepts but webpki cannot
/// parse, such as X.509 version 1, has no names here.
fn end_entity(shown: &CertifiedKey) -> Option<EndEntityCert<'_>> {
    EndEntityCert::try_from(shown.cert.first()?).ok()
}

/// The host names that it was issued for, without wildcards.
fn exact_names<'a>(certificate: &'a EndEntityCert<'_>) -> impl Iterator<Item = &'a str> {
    certificate.valid_dns_names().filter(|name| !name.starts_with("*."))
}

fn unreadable(path: &Path, what: &'static str, error: PemError) -> TlsError {
    let path = path.to_owned();
    match error {
        PemError::Io(source) => TlsError::Read { path, source },
        _ => TlsError::Content { path, what },
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
    use tempfile::TempDir;

    use super::*;

    /// A certificate for these names, and the folder that it is read from.
    pub(crate) fn certificate(names: &[&str]) -> (Arc<Certificate>, TempDir) {
        let files = Files::named(names);
        (files.load().unwrap(), files.folder)
    }

    struct Files {
        folder: TempDir,
        made: CertifiedKey<KeyPair>,
    }

    impl Files {
        fn new() -> Self {
            Self::named(&["localhost"])
        }

        fn named(names: &[&str]) -> Self {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let made = generate_simple_self_signed(names).unwrap();
            Self { folder: tempfile::tempdir().unwrap(), made }
        }

        fn load(&self) -> Result<Arc<Certificate>, TlsError> {
            Certificate::load(&self.certificate(), &self.key(), Modes::Checked)
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
        let certificate = files.load().unwrap();
        assert!(certificate.server_config().is_ok());
    }

    #[test]
    fn a_renewed_certificate_is_used_and_a_broken_one_not() {
        let (files, renewed) = (Files::new(), Files::new());
        let certificate = files.load().unwrap();
        let shows = |made: &Files| certificate.shown.load().cert == [made.made.cert.der().clone()];
        assert!(shows(&files));

        files.with("cert.pem", &renewed.made.cert.pem());
        assert!(certificate.renew().is_err(), "the key is still the old one");
        assert!(shows(&files));
        files.with("key.pem", &renewed.made.signing_key.serialize_pem());
        assert!(certificate.renew().unwrap(), "another one");
        assert!(shows(&renewed));
        assert!(!certificate.renew().unwrap(), "the same one");
    }

    #[test]
    fn the_names_are_those_of_the_renewed_certificate() {
        let (files, renewed) = (Files::named(&["old.example"]), Files::named(&["new.example"]));
        let certificate = files.load().unwrap();
        assert!(certificate.is_for("old.example") && !certificate.is_for("new.example"));
        files.with("cert.pem", &renewed.made.cert.pem());
        files.with("key.pem", &renewed.made.signing_key.serialize_pem());
        certificate.renew().unwrap();
        assert!(certificate.is_for("new.example") && !certificate.is_for("old.example"));
    }

    #[test]
    fn errors_are_one_line_with_the_file() {
        let (files, other) = (Files::new(), Files::new());
        let (certificate, key) = (files.certificate(), files.key());
        let nowhere = files.folder.path().join("nowhere.pem");
        let nonsense = files.with("nonsense.pem", "nonsense");
        let broken = files.with("broken.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
        for (certificate, key, says) in [
            (&nowhere, &key, "nowhere.pem: No such file"),
            (&certificate, &nowhere, "nowhere.pem: No such file"),
            (&nonsense, &key, "no certificate in PEM format in"),
            (&broken, &key, "no certificate in PEM format in"),
            (&key, &certificate, "no certificate in PEM format in"),
            (&certificate, &nonsense, "no private key in PEM format in"),
            (&certificate, &certificate, "no private key in PEM format in"),
            (&certificate, &other.key(), "key.pem: "),
        ] {
            let error = Certificate::load(certificate, key, Modes::Checked).unwrap_err().to_string();
            assert!(error.contains(says) && error.lines().count() == 1, "{error}");
        }
    }
}

//! The certificate and its key.

use std::path::{Path, PathBuf};

use clap::Args;

/// The certificate.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "TLS")]
pub struct TlsOptions {
    /// Certificate for HTTPS, followed by the certificates that signed it, in PEM; HTTP without one
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// Private key of the certificate, in PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
}

impl TlsOptions {
    /// The files of the certificate and its key, if TLS is on.
    pub fn files(&self) -> Option<(&Path, &Path)> {
        self.tls_cert.as_deref().zip(self.tls_key.as_deref())
    }

    /// The scheme of the server's URLs.
    pub fn scheme(&self) -> &'static str {
        if self.files().is_some() { "https" } else { "http" }
    }

    pub(super) fn contradiction(&self) -> Option<String> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => Some("--tls-cert requires --tls-key".to_owned()),
            (None, Some(_)) => Some("--tls-key requires --tls-cert".to_owned()),
            _ => None,
        }
    }
}

//! What the server shows who it is with.

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
    /// The certificate's file and its key's, where there is to be TLS.
    pub fn files(&self) -> Option<(&Path, &Path)> {
        self.tls_cert.as_deref().zip(self.tls_key.as_deref())
    }

    /// What URLs of the server begin with.
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

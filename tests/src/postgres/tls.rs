//! TLS between PostgreSQL and its clients.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::cluster::Cluster;
use super::programs::give;

impl Cluster {
    /// Turns TLS on, with a certificate for `localhost` and `127.0.0.1`, and returns the file of
    /// the authority that signed it. Connections without TLS go on being accepted: see
    /// [`Cluster::allow`].
    ///
    /// # Panics
    /// If PostgreSQL refuses it.
    pub fn with_tls(&self) -> PathBuf {
        let new_key = || KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([]).expect("no names");
        params.distinguished_name.push(DnType::CommonName, "An authority for tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, new_key()).expect("an authority");
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let (params, key) = (CertificateParams::new(names).expect("names"), new_key());
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        self.write("server.crt", &certificate.pem());
        self.write("server.key", &key.serialize_pem());
        self.set("ssl", "on");
        let authority = self.folder().join("ca.pem");
        fs::write(&authority, issuer.pem()).expect("a file to write");
        authority
    }

    /// Writes a file that the server's user alone can read, as PostgreSQL demands of keys.
    fn write(&self, name: &str, text: &str) {
        let path = self.folder.data().join(name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).expect("a file to write");
        give(&path);
    }
}

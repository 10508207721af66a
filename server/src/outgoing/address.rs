//! Where a request goes.

use std::{
    fmt::{self, Debug, Display, Formatter},
    net::IpAddr,
    str::FromStr,
};

use actix_web::http::Uri;

/// An address that the server may call: `https://example.com/path`, or with `http`.
///
/// It has no name or password in it: addresses are logged, and secrets are not.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Uri);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected an address such as https://example.com/path".to_owned();
        let uri: Uri = text.parse().map_err(|_| expected())?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().filter(|_| is_web).ok_or_else(expected)?;
        if authority.as_str().contains('@') {
            return Err("an address is logged, so it must have no password in it".to_owned());
        }
        if text.contains('#') {
            return Err(expected());
        }
        Ok(Self(uri))
    }
}

impl Address {
    /// The address as the client library has it.
    pub(super) fn uri(&self) -> &Uri {
        &self.0
    }

    /// Whether whoever is between can read and change what is said: the address has no TLS, and is
    /// not on this machine.
    pub fn is_exposed(&self) -> bool {
        let host = self.0.host().unwrap_or_default();
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let is_own = host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
        self.0.scheme_str() == Some("http") && !is_own
    }
}

impl Display for Address {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, formatter)
    }
}

impl Debug for Address {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_the_web_and_without_passwords() {
        for good in ["http://localhost:3000/hook", "https://example.com", "https://[::1]:8443/x?y=z"] {
            assert!(good.parse::<Address>().is_ok(), "{good}");
        }
        for bad in ["", "/hook", "example.com/hook", "ftp://example.com", "https://", "https://e.com/#x"] {
            assert!(bad.parse::<Address>().unwrap_err().starts_with("expected"), "{bad}");
        }
        let error = "https://me:hush@example.com".parse::<Address>().unwrap_err();
        assert!(error.contains("no password") && !error.contains("hush"), "{error}");
    }

    #[test]
    fn only_plain_http_beyond_this_machine_is_exposed() {
        for (address, is_exposed) in [
            ("http://backend:3000/hook", true),
            ("http://10.0.0.1/", true),
            ("http://127.0.0.1:3000/", false),
            ("http://[::1]/", false),
            ("http://localhost/", false),
            ("https://backend/", false),
        ] {
            assert_eq!(address.parse::<Address>().unwrap().is_exposed(), is_exposed, "{address}");
        }
    }
}

//! Which pages may connect: the defence against another site's page that uses a visitor's browser.
//!
//! Only browsers send `Origin`, so a request without one is let in: it comes from a program, which could send any.

use std::str::FromStr;

use actix_web::http::Uri;
use thiserror::Error;

/// The pages that are let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// Pages of the host that the request addresses, on any port: Phoenix's default.
    #[default]
    SameHost,
    /// Pages of these origins.
    Listed(Vec<Origin>),
    /// All pages: for an API that needs no protection from them.
    Any,
}

/// An origin such as `https://example.com`, `//*.example.com` (any scheme, and subdomains too) or
/// `http://localhost:3000`. Where it has a scheme, the scheme's default port counts; without scheme and port, any port does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: Option<String>,
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Exact(String),
    /// The domain itself and everything under it.
    Domain(String),
}

/// Not of the form of an origin.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("an origin looks like https://example.com, //example.com or //*.example.com")]
pub struct OriginSyntax;

impl FromStr for Origin {
    type Err = OriginSyntax;

    fn from_str(text: &str) -> Result<Self, OriginSyntax> {
        let (scheme, rest) = text.split_once("//").ok_or(OriginSyntax)?;
        let scheme = match scheme {
            "" => None,
            named => Some(named.strip_suffix(':').ok_or(OriginSyntax)?.to_owned()),
        };
        let (host, port) = split_port(rest).ok_or(OriginSyntax)?;
        if host.is_empty() || host.contains('/') {
            return Err(OriginSyntax);
        }
        let port = port.or_else(|| scheme.as_deref().and_then(default_port));
        let host = host
            .strip_prefix("*.")
            .map_or_else(|| Host::Exact(host.into()), |rest| Host::Domain(rest.into()));
        Ok(Self { scheme, host, port })
    }
}

impl Origins {
    /// Whether a page of `origin` may connect to `host` (with or without a port).
    pub fn allow(&self, origin: &str, host: &str) -> bool {
        let Ok(page) = origin.parse::<Uri>() else { return false };
        let (Some(page_host), Some(_)) = (page.host(), page.scheme_str()) else { return false };
        match self {
            Origins::Any => true,
            Origins::SameHost => split_port(host).is_some_and(|(host, _)| host == page_host),
            Origins::Listed(listed) => listed.iter().any(|origin| origin.matches(&page, page_host)),
        }
    }
}

impl Origin {
    fn matches(&self, page: &Uri, page_host: &str) -> bool {
        let page_port = page.port_u16().or_else(|| page.scheme_str().and_then(default_port));
        self.scheme.as_deref().is_none_or(|scheme| page.scheme_str() == Some(scheme))
            && self.port.is_none_or(|port| page_port == Some(port))
            && match &self.host {
                Host::Exact(host) => host == page_host,
                Host::Domain(domain) => page_host
                    .strip_suffix(domain.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
            }
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

/// Splits `host:port`, with an IPv6 address in brackets. `None` where the port is no number.
pub(super) fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => Some((host, Some(port.parse().ok()?))),
        _ => Some((authority, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(origin: &str) -> Origins {
        Origins::Listed(vec![origin.parse().unwrap()])
    }

    #[test]
    fn same_host_looks_at_the_host_alone() {
        let origins = Origins::SameHost;
        assert!(origins.allow("http://example.com:3000", "example.com:4000"));
        assert!(origins.allow("https://[::1]:3000", "[::1]:4000"));
        for (origin, host) in [
            ("http://evil.com", "example.com"),
            ("http://example.com.evil.com", "example.com"),
            ("null", "example.com"),
            ("example.com", "example.com"),
        ] {
            assert!(!origins.allow(origin, host), "{origin}");
        }
    }

    #[test]
    fn listed_origins_compare_what_they_name() {
        assert!(listed("//example.com").allow("https://example.com:8443", "x"));
        assert!(!listed("https://example.com").allow("https://example.com:8443", "x"));
        assert!(listed("https://example.com").allow("https://example.com", "x"));
        assert!(!listed("https://example.com").allow("http://example.com", "x"));
        assert!(listed("http://localhost:3000").allow("http://localhost:3000", "x"));
        assert!(!listed("http://localhost:3000").allow("http://localhost", "x"));
    }

    #[test]
    fn a_star_is_the_domain_and_all_under_it() {
        let origins = listed("//*.example.com");
        assert!(origins.allow("https://example.com", "x"));
        assert!(origins.allow("https://a.b.example.com", "x"));
        assert!(!origins.allow("https://badexample.com", "x"));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for bad in ["example.com", "", "//", "https://", "https//x", "//x:port", "https://x/path"] {
            assert_eq!(bad.parse::<Origin>(), Err(OriginSyntax), "{bad}");
        }
    }
}

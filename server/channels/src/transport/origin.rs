//! Which web pages may connect: the defence against other sites' pages that use a visitor's
//! browser.
//!
//! Only browsers send `Origin`. A request without one is accepted: it comes from a program, which
//! could send any.

use std::str::FromStr;

use thiserror::Error;

use super::host::split_port;

/// The web pages that may connect. Phoenix's `check_origin`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// Pages of the host that the request addresses, on any port: Phoenix's default.
    #[default]
    SameHost,
    /// Pages of these origins.
    Listed(Vec<Origin>),
    /// All pages, whatever origin they send: for an API that needs no protection from them.
    Any,
}

/// An entry of the list: an origin such as `https://example.com`, `//*.example.com` (any scheme,
/// and subdomains too) or `http://localhost:3000`; a whole scheme, such as `app://`; or `null`,
/// which pages without an origin of their own send. An entry with a scheme and no port means the
/// scheme's default port; one without scheme and port means any port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(Pages);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pages {
    /// Pages that send `null`: of a file, of a sandboxed frame, of `data:`.
    Opaque,
    /// Pages of a scheme, with or without a host: `file://`.
    Scheme(String),
    Host {
        scheme: Option<String>,
        host: Host,
        port: Option<u16>,
    },
}

/// In lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Exact(String),
    /// The domain itself and all its subdomains.
    Domain(String),
}

/// The text is not an origin.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("expected an origin such as https://example.com, //example.com, //*.example.com, app:// or null")]
pub struct OriginSyntax;

impl FromStr for Origin {
    type Err = OriginSyntax;

    fn from_str(text: &str) -> Result<Self, OriginSyntax> {
        if text == OPAQUE {
            return Ok(Self(Pages::Opaque));
        }
        // Schemes and hosts are case-insensitive.
        let text = text.to_ascii_lowercase();
        let (scheme, rest) = split_scheme(&text).ok_or(OriginSyntax)?;
        if rest.contains(['/', '?', '#', '@']) {
            return Err(OriginSyntax);
        }
        match (scheme, split_port(rest).ok_or(OriginSyntax)?) {
            (Some(scheme), ("", None)) if default_port(scheme).is_none() => {
                Ok(Self(Pages::Scheme(scheme.to_owned())))
            }
            (_, ("", _)) => Err(OriginSyntax),
            (scheme, (host, port)) => {
                let port = port.or_else(|| scheme.and_then(default_port));
                let host = host
                    .strip_prefix("*.")
                    .map_or_else(|| Host::Exact(host.into()), |rest| Host::Domain(rest.into()));
                Ok(Self(Pages::Host { scheme: scheme.map(str::to_owned), host, port }))
            }
        }
    }
}

impl Origins {
    /// Whether a page of `origin` may connect to `host`, which may have a port.
    pub fn allow(&self, origin: &str, host: &str) -> bool {
        match self {
            Origins::Any => true,
            Origins::SameHost => {
                let is_same = |page: &Page<'_>| {
                    split_port(host).is_some_and(|(host, _)| host.eq_ignore_ascii_case(page.host))
                };
                Page::read(&origin.to_ascii_lowercase())
                    .is_some_and(|page| !page.host.is_empty() && is_same(&page))
            }
            Origins::Listed(listed) => listed.iter().any(|listed| listed.matches(origin)),
        }
    }
}

impl Origin {
    fn matches(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        match &self.0 {
            Pages::Opaque => origin == OPAQUE,
            Pages::Scheme(scheme) => {
                Page::read(&origin).is_some_and(|page| page.scheme == Some(scheme.as_str()))
            }
            Pages::Host { scheme, host, port } => Page::read(&origin).is_some_and(|page| {
                scheme.as_deref().is_none_or(|scheme| page.scheme == Some(scheme))
                    && port.is_none_or(|port| page.port == Some(port))
                    && host.is(page.host)
            }),
        }
    }
}

impl Host {
    fn is(&self, page: &str) -> bool {
        match self {
            Host::Exact(host) => host == page,
            Host::Domain(domain) => {
                page.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
        }
    }
}

/// The origin that a page sends.
struct Page<'a> {
    scheme: Option<&'a str>,
    host: &'a str,
    /// The scheme's default port, where the origin names none.
    port: Option<u16>,
}

impl<'a> Page<'a> {
    /// Parses an origin in lower case. Browsers send no path; Phoenix accepts one.
    fn read(origin: &'a str) -> Option<Self> {
        let (scheme, rest) = split_scheme(origin)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host_and_port)| host_and_port);
        let (host, port) = split_port(host_and_port)?;
        Some(Self { scheme, host, port: port.or_else(|| scheme.and_then(default_port)) })
    }
}

/// The origin that pages send that have none of their own, or do not reveal it.
const OPAQUE: &str = "null";

/// Splits `scheme://rest`, or `//rest`.
fn split_scheme(origin: &str) -> Option<(Option<&str>, &str)> {
    let (scheme, rest) = origin.split_once("//")?;
    if scheme.is_empty() {
        return Some((None, rest));
    }
    let scheme = scheme.strip_suffix(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then_some((Some(scheme), rest))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(origin: &str) -> Origins {
        Origins::Listed(vec![origin.parse().unwrap()])
    }

    #[test]
    fn same_host_ignores_the_port() {
        let origins = Origins::SameHost;
        for (origin, host) in [
            ("http://example.com:3000", "example.com:4000"),
            ("https://[::1]:3000", "[::1]:4000"),
            ("HTTPS://Example.COM", "eXample.com"),
            ("//example.com", "example.com"),
        ] {
            assert!(origins.allow(origin, host), "{origin}");
        }
        for (origin, host) in [
            ("http://evil.com", "example.com"),
            ("http://example.com.evil.com", "example.com"),
            ("http://example.com@evil.com", "example.com"),
            ("null", "example.com"),
            ("null", "null"),
            ("file://", ""),
            ("", ""),
            ("example.com", "example.com"),
            ("http//example.com", "example.com"),
        ] {
            assert!(!origins.allow(origin, host), "{origin}");
        }
    }

    #[test]
    fn listed_origins_compare_the_parts_they_name() {
        assert!(listed("//example.com").allow("https://example.com:8443", "x"));
        assert!(listed("//example.com").allow("//example.com", "x"));
        assert!(!listed("https://example.com").allow("//example.com", "x"));
        assert!(!listed("https://example.com").allow("https://example.com:8443", "x"));
        assert!(listed("https://example.com").allow("https://example.com", "x"));
        assert!(!listed("https://example.com").allow("http://example.com", "x"));
        assert!(listed("http://localhost:3000").allow("http://localhost:3000", "x"));
        assert!(!listed("http://localhost:3000").allow("http://localhost", "x"));
    }

    #[test]
    fn case_makes_no_difference() {
        for entry in ["https://Example.com", "HTTPS://*.EXAMPLE.com", "//example.COM"] {
            assert!(listed(entry).allow("https://eXAMPLE.com", "x"), "{entry}");
        }
    }

    #[test]
    fn a_star_matches_the_domain_and_subdomains() {
        let origins = listed("//*.example.com");
        assert!(origins.allow("https://example.com", "x"));
        assert!(origins.allow("https://a.b.example.com", "x"));
        assert!(!origins.allow("https://badexample.com", "x"));
    }

    #[test]
    fn null_and_other_schemes_may_be_listed() {
        assert!(listed("null").allow("null", "x") && !listed("null").allow("http://null", "x"));
        assert!(listed("file://").allow("file://", "x") && !listed("file://").allow("null", "x"));
        assert!(listed("app://").allow("app://bundle", "x"));
        assert!(listed("capacitor://localhost").allow("capacitor://localhost", "x"));
        assert!(!listed("capacitor://localhost").allow("http://localhost", "x"));
        assert!(listed("chrome-extension://abc").allow("chrome-extension://abc", "x"));
        for origin in ["null", "file://", "about:blank"] {
            assert!(!listed("//example.com").allow(origin, "x"), "{origin}");
        }
    }

    #[test]
    fn any_origin_accepts_every_page() {
        for origin in ["null", "file://", "about:blank", "", "not an origin", "https://example.com"] {
            assert!(Origins::Any.allow(origin, "x"), "{origin}");
        }
    }

    #[test]
    fn a_malformed_origin_is_refused() {
        for bad in [
            "example.com",
            "",
            "//",
            "https://",
            "http://",
            "https//x",
            "//x:port",
            "https://x/path",
            "1x://",
            "Null",
        ] {
            assert_eq!(bad.parse::<Origin>(), Err(OriginSyntax), "{bad}");
        }
    }
}

//! The host that a request is addressed to, as `Host` and `Origin` write it: RFC 3986, section 3.2.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Splits `host:port`, with an IPv6 address in brackets. `None` where the port is no number.
pub fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => Some((host, Some(port.parse().ok()?))),
        _ => Some((authority, None)),
    }
}

/// Whether a host, without a port, is the machine itself, whichever machine that is.
pub fn is_loopback(host: &str) -> bool {
    let v6 = || host.starts_with('[').then(|| without_brackets(host).parse::<Ipv6Addr>().ok()).flatten();
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || v6().is_some_and(|address| address.is_loopback())
}

/// An IPv6 address as it is written where no port may follow; any other host unchanged.
pub fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

//! The host of a request, as `Host` and `Origin` write it: RFC 3986, section 3.2.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Splits `host:port`, where the host may be an IPv6 address in brackets. `None` if the port is not
/// a number.
pub fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => Some((host, Some(port.parse().ok()?))),
        _ => Some((authority, None)),
    }
}

/// Whether a host, without a port, is a loopback address or `localhost`.
pub fn is_loopback(host: &str) -> bool {
    let v6 = || host.starts_with('[').then(|| without_brackets(host).parse::<Ipv6Addr>().ok()).flatten();
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || v6().is_some_and(|address| address.is_loopback())
}

/// Removes the brackets of an IPv6 address; returns any other host unchanged.
pub fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

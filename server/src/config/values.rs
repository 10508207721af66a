//! How settings are written: counts, sizes and durations. Each says in one line what is wrong with it.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use actix_web::http::{Uri, uri::Authority};
use ipnet::IpNet;

use crate::telemetry;

/// The longest duration. What comes after it does not matter, and clocks can be added to it.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Units of sizes.
const UNITS: [(&str, u32); 4] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];

/// A count of at least 1.
pub(super) fn count(text: &str) -> Result<usize, String> {
    rate(text).map(|count| usize::try_from(count.get()).unwrap_or(usize::MAX))
}

/// A count, or 0.
pub(super) fn count_or_none(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("has to be a number from 0 to {}", usize::MAX))
}

/// A count of at least 1, for a rate.
pub(super) fn rate(text: &str) -> Result<NonZeroU32, String> {
    let count: u32 = text.parse().map_err(|_| format!("has to be a number from 1 to {}", u32::MAX))?;
    NonZeroU32::new(count)
        .ok_or_else(|| "has to be at least 1: with 0 nothing would be let through".to_owned())
}

/// A size of at least one byte: `4096`, `16KiB`, `1MiB`.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let bytes = bytes(text)?;
    usize::try_from(bytes).map_err(|_| "is more than this machine can address".to_owned())
}

/// As [`size`], for what need not fit the memory.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let unit = UNITS.iter().find_map(|(unit, bits)| Some((text.strip_suffix(unit)?, *bits)));
    let (digits, bits) = unit.unwrap_or((text, 0));
    let number: u64 =
        digits.trim().parse().map_err(|_| "has to look like 4096, 16KiB, 1MiB or 16GiB".to_owned())?;
    match number.checked_mul(1 << bits) {
        None => Err("is too large".to_owned()),
        Some(0) => Err("has to be at least 1: nothing fits 0 bytes".to_owned()),
        Some(bytes) => Ok(bytes),
    }
}

/// A duration of at least a millisecond: `500ms`, `30s`, `1h 30m`, `7d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match duration_or_none(text)? {
        zero if zero.is_zero() => Err("has to be at least 1ms".to_owned()),
        duration => Ok(duration),
    }
}

/// As [`duration`], or `0s`.
pub(super) fn duration_or_none(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|_| "has to look like 500ms, 30s, 5m, 12h or 7d".to_owned())?;
    if duration > LONGEST {
        return Err("is more than 100 years".to_owned());
    }
    // Clocks and timers count in milliseconds.
    Ok(Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
}

/// `on` or `off`.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("has to be on or off".to_owned()),
    }
}

/// What is logged: taken as it is, if it can be used.
pub(super) fn filter(text: &str) -> Result<String, String> {
    telemetry::filter(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// An address, or a network of them.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse().map(|address: IpAddr| address.into());
    text.parse()
        .or_else(|_| address())
        .map_err(|_| "has to look like 192.0.2.7, 10.0.0.0/8 or fd00::/8".to_owned())
}

/// A host as clients address it, with a port where it is not the scheme's own; in lower case, as they sign it.
pub(super) fn host(text: &str) -> Result<String, String> {
    let has_good_port = |authority: &Authority| authority.host() == text || authority.port_u16().is_some();
    let is_host =
        |uri: &Uri| uri.authority().is_some_and(|authority| authority == text && has_good_port(authority));
    // What has no scheme and no path is an authority (RFC 9110, section 7.1), as in `Host`.
    match text.parse() {
        Ok(uri) if is_host(&uri) && !text.contains(['@', '*']) => Ok(text.to_ascii_lowercase()),
        _ => Err("has to look like chat.example.com, chat.example.com:8443 or [2001:db8::7]".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches() {
        assert_eq!((switch("on"), switch("off")), (Ok(true), Ok(false)));
        for bad in ["", "On", "true", "1"] {
            assert!(switch(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn filters() {
        assert_eq!(filter("info,vestibule::store=debug").as_deref(), Ok("info,vestibule::store=debug"));
        assert!(filter("a=b=c").unwrap_err().contains("not a log filter"));
    }

    #[test]
    fn networks() {
        for (text, network) in
            [("10.0.0.0/8", "10.0.0.0/8"), ("192.0.2.7", "192.0.2.7/32"), ("::1", "::1/128")]
        {
            assert_eq!(super::network(text).unwrap().to_string(), network);
        }
        for bad in ["", "example.com", "10.0.0.0/33", "10.0.0"] {
            assert!(super::network(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts() {
        for good in ["chat.example.com", "localhost:4000", "192.0.2.7", "[2001:db8::7]", "[::1]:4000", "a"] {
            assert_eq!(host(good).as_deref(), Ok(good));
        }
        assert_eq!(host("Chat.Example.COM:8443").as_deref(), Ok("chat.example.com:8443"));
        for bad in [
            "",
            "https://chat.example.com",
            "chat.example.com/",
            "/",
            "a b",
            "alice@example.com",
            "*.a",
            "chat.example.com:99999",
        ] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn counts() {
        assert_eq!(count("1"), Ok(1));
        assert_eq!(count("4294967295"), Ok(u32::MAX as usize));
        for bad in ["0", "-1", "", "many", "4294967296", "1.5"] {
            assert!(count(bad).is_err(), "{bad}");
        }
        assert_eq!(count_or_none("0"), Ok(0));
        for bad in ["-1", "", "none"] {
            assert!(count_or_none(bad).unwrap_err().contains("from 0"), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("1", 1), ("4096", 4096), ("16KiB", 16 << 10), ("1 MiB", 1 << 20), ("16GiB", 16 << 30)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in ["0", "0KiB", "16KB", "16k", "KiB", "-1", "1.5MiB", "99999999TiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations() {
        for (text, ms) in [("1ms", 1), ("30s", 30_000), ("1h 30m", 5_400_000), ("7d", 604_800_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in ["0s", "0", "30", "1us", "soon", "-1s", "101years", "99999999999999years"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert_eq!(duration_or_none("0s"), Ok(Duration::ZERO));
    }
}

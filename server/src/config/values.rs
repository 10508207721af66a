//! Parsers of settings: counts, sizes, times, addresses. If a value is invalid, each says in one
//! line what it expects: an example with its unit, the range, and what was probably meant.

use std::{
    fmt::Display,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};

use actix_web::http::{Uri, uri::Authority};
use ipnet::IpNet;
use vestibule_channels::transport::{Origin, OriginSyntax};

use super::guess::{self, did_you_mean};
use crate::{admin::Listen, telemetry};

/// The longest duration in days: 100 years, which can be added to any clock.
const LONGEST_DAYS: u64 = 100 * 365;

/// Units of sizes.
const UNITS: [(&str, u32); 4] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];

/// The levels of the log.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// A count of at least 1.
pub(super) fn count(text: &str) -> Result<usize, String> {
    rate(text).map(|count| usize::try_from(count.get()).unwrap_or(usize::MAX))
}

/// A count, or 0.
pub(super) fn count_or_none(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| whole_number(0, usize::MAX))
}

/// A count of at least 1, for a rate.
pub(super) fn rate(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| whole_number(1, u32::MAX))
}

fn whole_number(least: u32, most: impl Display) -> String {
    format!("expected a whole number such as 100, from {least} to {most}")
}

/// A size of at least one byte: `4096`, `16KiB`, `1MiB`.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let bytes = bytes(text)?;
    usize::try_from(bytes).map_err(|_| format!("expected a size of at most {} bytes", usize::MAX))
}

/// As [`size`], for sizes that need not fit into memory.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    read_bytes(text).ok_or_else(|| {
        let most = u64::MAX >> 40;
        let expected = "expected a size such as 4096 (bytes), 16KiB, 1MiB or 16GiB";
        let meant = guess::size(text).filter(|meant| read_bytes(meant).is_some());
        format!("{expected}, from 1 to {most}TiB{}", did_you_mean(meant))
    })
}

fn read_bytes(text: &str) -> Option<u64> {
    let unit = UNITS.iter().find_map(|(unit, bits)| Some((text.strip_suffix(unit)?, *bits)));
    let (digits, bits) = unit.unwrap_or((text, 0));
    let number: u64 = digits.trim().parse().ok()?;
    number.checked_mul(1 << bits).filter(|bytes| *bytes > 0)
}

/// A duration of at least a millisecond: `500ms`, `30s`, `1h 30m`, `7d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    read_duration(text).filter(|duration| !duration.is_zero()).ok_or_else(|| time(text, "1ms"))
}

/// As [`duration`], or `0s`.
pub(super) fn duration_or_none(text: &str) -> Result<Duration, String> {
    read_duration(text).ok_or_else(|| time(text, "0s"))
}

fn time(text: &str, least: &str) -> String {
    let expected = "expected a time with its unit, such as 500ms, 30s, 5m, 12h or 7d";
    let meant =
        guess::duration(text).filter(|meant| read_duration(meant).is_some_and(|meant| !meant.is_zero()));
    format!("{expected}, from {least} to {LONGEST_DAYS}d{}", did_you_mean(meant))
}

fn read_duration(text: &str) -> Option<Duration> {
    let longest = Duration::from_secs(LONGEST_DAYS * 24 * 60 * 60);
    let duration = humantime::parse_duration(text).ok().filter(|duration| *duration <= longest)?;
    // Clocks and timers count in milliseconds.
    Some(Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
}

/// `on` or `off`.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("expected on or off{}", did_you_mean(guess::switch(text)))),
    }
}

/// A filter of the log, returned unchanged if it is valid.
pub(super) fn filter(text: &str) -> Result<String, String> {
    let expected = |what: String| {
        let levels = LEVELS.join(", ");
        format!("expected a level ({levels}) or a filter such as info,vestibule_store=debug{what}")
    };
    // A single word names a part of the program. A misspelt level names no part, so nothing would
    // be logged.
    let misspelt = |word: &str| {
        let known = LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
        (!known).then(|| guess::nearest(&word.to_ascii_lowercase(), LEVELS, |level| *level)).flatten()
    };
    if let Some(level) = text.split(',').find_map(|directive| misspelt(directive.trim())) {
        return Err(expected(did_you_mean(Some(level))));
    }
    telemetry::filter(text).map(|_| text.to_owned()).map_err(|error| expected(format!(": {error}")))
}

/// An address and a port.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let expected = "expected an address and a port such as 127.0.0.1:4000, 0.0.0.0:4000 or [::]:4000";
        let meant = Some(guess::address(text)).filter(|meant| meant.parse::<SocketAddr>().is_ok());
        format!("{expected}, with a port from 0 (any free port) to 65535{}", did_you_mean(meant))
    })
}

/// An address and a port, or the path of a socket.
pub(super) fn listen(text: &str) -> Result<Listen, String> {
    text.parse().map_err(|expected: String| {
        let meant = if text.starts_with('/') { format!("unix:{text}") } else { guess::address(text) };
        let meant = Some(meant).filter(|meant| meant.parse::<Listen>().is_ok());
        expected + &did_you_mean(meant)
    })
}

/// An address, or a network of addresses.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse().map(|address: IpAddr| address.into());
    text.parse().or_else(|_| address()).map_err(|_| {
        "expected an address or a network such as 192.0.2.7, 10.0.0.0/8 or fd00::/8, with a prefix length from 0 to 32, or \
         to 128 for IPv6"
            .to_owned()
    })
}

/// An origin whose pages may connect.
pub(super) fn origin(text: &str) -> Result<Origin, String> {
    text.parse().map_err(|error: OriginSyntax| {
        let meant = Some(format!("//{text}")).filter(|meant| meant.parse::<Origin>().is_ok());
        format!("{error}{}", did_you_mean(meant))
    })
}

/// A host as clients address it, with a port unless it is the scheme's own, in lower case as
/// clients sign it.
pub(super) fn host(text: &str) -> Result<String, String> {
    read_host(text).ok_or_else(|| {
        let expected = "expected a host, with its port if the URL has one, such as chat.example.com, \
                        chat.example.com:8443 or [2001:db8::7]";
        let meant = guess::host(text).filter(|meant| read_host(meant).is_some());
        format!("{expected}{}", did_you_mean(meant))
    })
}

fn read_host(text: &str) -> Option<String> {
    let has_good_port = |authority: &Authority| authority.host() == text || authority.port_u16().is_some();
    let is_host =
        |uri: &Uri| uri.authority().is_some_and(|authority| authority == text && has_good_port(authority));
    // Without a scheme and a path it is an authority (RFC 9110, section 7.1), as in `Host`.
    let uri = text.parse().ok()?;
    (is_host(&uri) && !text.contains(['@', '*'])).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches() {
        assert_eq!((switch("on"), switch("off")), (Ok(true), Ok(false)));
        for bad in ["", "On", "true", "1"] {
            assert!(switch(bad).unwrap_err().starts_with("expected on or off"), "{bad}");
        }
    }

    #[test]
    fn filters() {
        assert_eq!(filter("info,vestibule::store=debug").as_deref(), Ok("info,vestibule::store=debug"));
        assert!(filter("a=b=c").unwrap_err().contains("not a log filter"));
        for good in ["WARN", "off", "vestibule", "warn,actix_server", "vestibule=info"] {
            assert_eq!(filter(good).as_deref(), Ok(good));
        }
        for (bad, meant) in [("warning", "warn"), ("inof", "info"), ("actix_server=warn, Debgu", "debug")] {
            assert!(filter(bad).unwrap_err().ends_with(&format!("(did you mean {meant}?)")), "{bad}");
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(address("[::1]:0").unwrap().to_string(), "[::1]:0");
        for (bad, meant) in
            [("4000", "127.0.0.1:4000"), (":4000", "127.0.0.1:4000"), ("localhost:4000", "127.0.0.1:4000")]
        {
            let error = address(bad).unwrap_err();
            assert!(
                error.contains("65535") && error.ends_with(&format!("(did you mean {meant}?)")),
                "{error}"
            );
            assert!(listen(bad).unwrap_err().ends_with(&format!("(did you mean {meant}?)")), "{bad}");
        }
        for bad in ["", "127.0.0.1", "127.0.0.1:65536", "example.com:80"] {
            assert!(address(bad).unwrap_err().ends_with("65535"), "{bad}");
        }
        let error = listen("/run/admin").unwrap_err();
        assert!(error.ends_with("(did you mean unix:/run/admin?)"), "{error}");
    }

    #[test]
    fn origins() {
        assert!(origin("https://a.example").is_ok());
        let error = origin("a.example").unwrap_err();
        assert!(
            error.starts_with("expected an origin such as") && error.ends_with("(did you mean //a.example?)")
        );
        assert!(origin("a b/").unwrap_err().ends_with("or null"));
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
            assert!(host(bad).unwrap_err().starts_with("expected a host"), "{bad}");
        }
        assert!(host("https://a.example/").unwrap_err().ends_with("(did you mean a.example?)"));
    }

    #[test]
    fn counts() {
        assert_eq!(count("1"), Ok(1));
        assert_eq!(count("4294967295"), Ok(u32::MAX as usize));
        for bad in ["0", "-1", "", "many", "4294967296", "1.5"] {
            assert!(count(bad).unwrap_err().ends_with("such as 100, from 1 to 4294967295"), "{bad}");
        }
        assert_eq!(count_or_none("0"), Ok(0));
        for bad in ["-1", "", "none"] {
            assert!(count_or_none(bad).unwrap_err().ends_with("from 0 to 18446744073709551615"), "{bad}");
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
            let error = size(bad).unwrap_err();
            assert!(error.contains("16KiB, 1MiB or 16GiB, from 1 to 16777215TiB"), "{bad}: {error}");
        }
        // The range is what it is said to be.
        assert!(bytes("16777215TiB").is_ok() && bytes("16777216TiB").is_err());
        assert!(bytes("16KB").unwrap_err().ends_with("(did you mean 16KiB?)"));
        assert!(bytes("99999999TB").unwrap_err().ends_with("TiB"), "what is meant would be refused too");
    }

    #[test]
    fn durations() {
        for (text, ms) in [("1ms", 1), ("30s", 30_000), ("1h 30m", 5_400_000), ("7d", 604_800_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in ["0s", "0", "30", "1us", "soon", "-1s", "101years", "99999999999999years"] {
            assert!(duration(bad).unwrap_err().contains("12h or 7d, from 1ms to 36500d"), "{bad}");
        }
        assert_eq!(duration_or_none("0s"), Ok(Duration::ZERO));
        assert!(duration_or_none("1").unwrap_err().contains("from 0s to 36500d"));
        assert!(
            duration("36500d").is_ok() && duration("36501d").is_err(),
            "the range is what it is said to be"
        );
        assert!(duration("30").unwrap_err().ends_with("(did you mean 30s?)"));
    }
}

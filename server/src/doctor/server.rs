//! What is looked at on a server of PostgreSQL.

use std::time::Duration;

use vestibule_store::{Durability, ServerInspection, ServerUrl, WRITERS};

use super::{Finding, size::size};

/// Older versions lack what the store needs.
const OLDEST: i32 = 130_000;

/// A commit that takes longer than this is slow: every answer waits for one.
const SLOW_COMMIT: Duration = Duration::from_millis(50);

/// A round trip that takes longer than this is slow: a batch makes some ten of them.
const SLOW_TRIP: Duration = Duration::from_millis(5);

/// How far the server's clock may be off, in microseconds.
const TOLERANCE_US: i64 = 5_000_000;

/// All findings on a server.
pub(super) fn all(url: &ServerUrl, durability: Durability) -> Vec<Finding> {
    match ServerInspection::of(url) {
        Ok(looked) => of(url, &looked, durability),
        Err(error) => vec![Finding::bad("database", error.to_string())],
    }
}

fn of(url: &ServerUrl, looked: &ServerInspection, durability: Durability) -> Vec<Finding> {
    let mut findings = vec![
        Finding::good("database", format!("{url}: connected in {:.1?}", looked.connect)),
        version(looked),
        role(looked),
        migrations(looked),
        round_trip(looked),
    ];
    findings.extend(looked.commit.map(commit));
    findings.extend(settings(looked, durability));
    findings.extend([tls(looked), connections(looked), clocks(looked)]);
    findings
}

fn version(looked: &ServerInspection) -> Finding {
    let version = &looked.facts.version;
    if looked.facts.number < OLDEST {
        return Finding::bad("PostgreSQL", format!("{version}: 13 or later is needed"));
    }
    Finding::good("PostgreSQL", version.as_str())
}

fn role(looked: &ServerInspection) -> Finding {
    if looked.facts.is_standby {
        return Finding::bad("role", "a standby, which takes no writes: connect to the primary");
    }
    Finding::good("role", "it takes writes")
}

fn migrations(looked: &ServerInspection) -> Finding {
    let size = size(u64::try_from(looked.facts.bytes).unwrap_or_default());
    match &looked.migrations {
        Err(error) => Finding::bad("tables", error.to_string()),
        Ok(None) => Finding::good("tables", "the first start creates them"),
        Ok(Some(0)) => Finding::good("tables", size),
        Ok(Some(count)) => Finding::doubtful(
            "tables",
            format!(
                "{size}; the next start brings them to this version ({count} migrations), after which older versions \
                 refuse them: make a backup first (pg_dump)"
            ),
        ),
    }
}

fn round_trip(looked: &ServerInspection) -> Finding {
    let time = looked.round_trip;
    if time > SLOW_TRIP {
        return Finding::doubtful("round trip", format!("{time:.1?}: have the database nearer"));
    }
    Finding::good("round trip", format!("{time:.1?}"))
}

fn commit(time: Duration) -> Finding {
    if time > SLOW_COMMIT {
        return Finding::doubtful("durable commit", format!("{time:.1?}: every answer waits for one"));
    }
    Finding::good("durable commit", format!("{time:.1?}"))
}

fn settings(looked: &ServerInspection, durability: Durability) -> Vec<Finding> {
    let facts = &looked.facts;
    let lossy = |what, value: &str| match (value, durability) {
        ("off", Durability::Full) => {
            Finding::bad(what, "off: a server does not start, unless with --durability relaxed")
        }
        ("off", Durability::Relaxed) => Finding::doubtful(
            what,
            "off: what was answered ok may be lost when the database's machine fails (--durability relaxed)",
        ),
        (value, _) => Finding::good(what, value),
    };
    let pages = match &facts.full_page_writes[..] {
        "off" => Finding::doubtful(
            "full_page_writes",
            "off: after a power failure the database may be damaged, unless its disk writes pages whole",
        ),
        value => Finding::good("full_page_writes", value),
    };
    vec![lossy("fsync", &facts.fsync), lossy("synchronous_commit", &facts.synchronous_commit), pages]
}

fn tls(looked: &ServerInspection) -> Finding {
    match (&looked.facts.tls, looked.facts.is_same_machine) {
        (Some(tls), _) => Finding::good("database's TLS", tls.as_str()),
        (None, true) => Finding::good("database's TLS", "none: the connection stays on this machine"),
        (None, false) => Finding::doubtful(
            "database's TLS",
            "none: whoever is between can read and change everything; use ?sslmode=verify-full&sslrootcert=FILE",
        ),
    }
}

fn connections(looked: &ServerInspection) -> Finding {
    let (most, used) = (looked.facts.max_connections, looked.facts.connections);
    let left = (most - used).max(0);
    let says = format!("{left} of {most} are left; a server takes {WRITERS} to write and as many to read");
    // The one that has asked is closed by then.
    if usize::try_from(left).unwrap_or_default() + 1 < 2 * WRITERS {
        return Finding::doubtful("connections", says);
    }
    Finding::good("connections", says)
}

fn clocks(looked: &ServerInspection) -> Finding {
    let off = looked.clock_ahead_us;
    let time = Duration::from_micros(off.unsigned_abs());
    let direction = if off < 0 { "behind" } else { "ahead of" };
    let says = format!("{time:.1?} {direction} this machine's");
    if off.abs() > TOLERANCE_US {
        return Finding::doubtful("database's clock", says);
    }
    Finding::good("database's clock", says)
}

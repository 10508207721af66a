//! `vestibule copy`: moves a database from a file to a PostgreSQL server.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use vestibule_store::{
    ServerUrl,
    backup::BackupError,
    copy::{self, Copied},
};

/// How often progress is shown.
const EVERY: Duration = Duration::from_secs(1);

/// Copies the file to the server, shows progress on standard error, and returns what to tell
/// people.
pub fn to_server(from: &Path, to: &ServerUrl) -> Result<String, BackupError> {
    let mut shown: Option<Instant> = None;
    let copied = copy::to_server(from, to, |copied| {
        if copied.rows == copied.of || shown.is_none_or(|at| at.elapsed() >= EVERY) {
            shown = Some(Instant::now());
            // Nobody may be looking.
            let _ = writeln!(io::stderr(), "{}", progress(copied));
        }
    })?;
    let mut said = String::new();
    for Copied { table, rows, of } in copied {
        let _ = writeln!(said, "{table}: {rows} of {of}");
    }
    let from = from.display();
    let _ = writeln!(
        said,
        "{from} is copied to {to}. Start the server with the same --data, and --database {to}; clients go on where they \
         were. Do not start it on {from} again."
    );
    Ok(said)
}

fn progress(Copied { table, rows, of }: Copied) -> String {
    format!("{table}: {rows} of {of} rows, {} %", rows.saturating_mul(100) / of.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_in_rows_and_per_cent() {
        let copied = Copied { table: "rooms", rows: 500, of: 2000 };
        assert_eq!(progress(copied), "rooms: 500 of 2000 rows, 25 %");
        assert_eq!(progress(Copied { rows: 0, of: 0, ..copied }), "rooms: 0 of 0 rows, 0 %");
    }
}

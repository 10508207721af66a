//! PostgreSQL's own client.

use super::programs::Programs;

/// Has psql run a statement, and returns the rows without headings, one a line, or what psql says
/// went wrong. Several statements are one transaction unless they say otherwise.
///
/// # Panics
/// If psql cannot be started.
pub fn psql(url: &str, sql: &str) -> Result<String, String> {
    let output = Programs::get()
        .command("psql")
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--no-password"])
        .args(["--set", "ON_ERROR_STOP=1", "--dbname", url, "--command", sql])
        // In seconds: a paused server would hold up a test for ever.
        .env("PGCONNECT_TIMEOUT", "30")
        .output()
        .expect("psql");
    let [said, error] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).trim_end().to_owned());
    if output.status.success() { Ok(said) } else { Err(error) }
}

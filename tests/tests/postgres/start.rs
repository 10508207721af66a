//! A server that does not get its database says why, in one line, and does not start.

use std::fs;
use std::path::Path;

use vestibule_tests::postgres::Cluster;
use vestibule_tests::process::Launch;

#[test]
fn a_database_that_cannot_be_had_is_said_in_one_line() {
    let cluster = Cluster::start();
    let authority = cluster.with_tls();
    let other = authority.with_file_name("other.pem");
    fs::rename(&authority, &other).expect("a file");
    let authority = cluster.with_tls();
    cluster.set_password("s3same");
    cluster.allow("hostssl", "scram-sha-256");
    let address = cluster.address();
    let url =
        |password: &str, more: &str| format!("postgres://vestibule:{password}@{address}/postgres?{more}");
    let verified = |authority: &Path| format!("sslmode=verify-full&sslrootcert={}", authority.display());
    for (url, reason) in [
        (url("wr0ng", &verified(&authority)), "password authentication failed"),
        (url("s3same", &verified(&other)), "SSL error"),
        (url("s3same", "sslmode=disable"), "no encryption"),
        (url("s3same", &verified(Path::new("/nonexistent"))), "does not exist"),
    ] {
        assert_refused(&url, reason);
    }
    cluster.stop();
    assert_refused(&url("s3same", &verified(&authority)), "Connection refused");
}

#[track_caller]
fn assert_refused(url: &str, reason: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Launch::vestibule_on(url).run(folder.path());
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("s3same") && !said.contains("wr0ng"), "{said}");
    // Before that it logs how it is set.
    let complaints: Vec<_> = said.lines().filter(|line| line.starts_with("vestibule: ")).collect();
    assert!(complaints.len() == 1 && said.ends_with(&format!("{}\n", complaints[0])), "{said}");
    assert!(complaints[0].contains(reason), "{said}");
    assert!(output.stdout.is_empty());
}

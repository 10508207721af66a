use std::fs;

use serde_json::json;
use vestibule_tests::admin::AdminServer;
use vestibule_tests::http::Request;
use vestibule_tests::postgres::{Cluster, shared};
use vestibule_tests::process::{Launch, Server};

use crate::{on, refused, run};

const PASSWORD: &str = "kranich-4711";

#[test]
fn a_server_that_answers_too_early_is_refused_unless_relaxed() {
    let cluster = Cluster::start();
    let database = cluster.database();
    for setting in ["fsync", "synchronous_commit"] {
        cluster.set(setting, "off");
        let said = refused_start(&database.url());
        assert!(said.contains(&format!("has {setting} = off")), "{said}");
        let server = Server::start(on(&database.url()).options(&[("--durability", "relaxed")]));
        assert!(server.log().contains(&format!("{setting} is off: what was answered")), "{}", server.log());
        drop(server);
        cluster.set(setting, "on");
    }
    Server::start(on(&database.url()));
}

/// The last line of a server that does not start.
fn refused_start(url: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let output = on(url).run(folder.path());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let log = String::from_utf8(output.stderr).expect("UTF-8");
    log.lines().last().expect("a line").to_owned()
}

#[test]
fn operators_are_told_of_relaxed_durability() {
    let database = shared().database();
    let admin = AdminServer::launch(on(&database.url()).options(&[("--durability", "relaxed")]));
    let ask = |address| Request::get("/health/ready").send(address).expect("a response").json();
    assert_eq!(ask(admin.server.address()), json!({ "status": "ready" }));
    // The clock may be doubted for five minutes after the boot, and that comes first.
    let warning = ask(admin.admin())["warning"].clone();
    assert!(warning == json!("durability_relaxed") || warning == json!("clock_unsynchronised"), "{warning}");
}

#[test]
fn a_password_is_nowhere_but_where_it_was_given() {
    let cluster = Cluster::start();
    let database = cluster.database();
    cluster.set_password(PASSWORD);
    cluster.allow("host", "scram-sha-256");
    let url = database.url().replace('@', &format!(":{PASSWORD}@"));

    let server = Server::start(Launch::vestibule().env("VESTIBULE_DATABASE", &url));
    assert!(server.log().contains(":***@") && !server.log().contains(PASSWORD), "{}", server.log());
    assert!(!server.output().contains(PASSWORD), "{}", server.output());
    let arguments = fs::read(format!("/proc/{}/cmdline", server.id())).expect("a process");
    assert!(!String::from_utf8_lossy(&arguments).contains(PASSWORD));
    assert!(!server.log().contains("(ps)"), "{}", server.log());
    drop(server);

    let warned = Server::start(on(&url));
    assert!(warned.log().contains("--database contains a password, which every user"), "{}", warned.log());
    assert!(!warned.log().contains(PASSWORD), "{}", warned.log());
    drop(warned);

    let wrong = url.replace(PASSWORD, "falsch-4711");
    let said = refused_start(&wrong);
    assert!(said.contains("password authentication failed") && !said.contains("falsch"), "{said}");
    for command in ["check-config", "doctor"] {
        let output = run(&[command, "--database", &wrong]);
        let all = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&all).contains("falsch"), "{command}");
    }
}

#[test]
fn a_server_that_cannot_be_reached_is_one_line() {
    let said = refused_start("postgres://vestibule:hush@127.0.0.1:1/none");
    assert!(said.starts_with("vestibule: postgres://vestibule:***@127.0.0.1:1/none: "), "{said}");
    let malformed = refused(&run(&["--database", "postgres://u:hu sh@h/d"]), 2);
    assert!(malformed.contains("spaces in an address are written %20"), "{malformed}");
    assert!(!malformed.contains("sh@h"), "{malformed}");
}

#[test]
fn commands_for_files_name_those_for_servers() {
    let url = shared().database().url();
    for command in ["backup", "restore"] {
        let said = refused(&run(&[command, "--database", &url, "x.db"]), 1);
        assert!(said.contains("pg_dump copies it, and pg_restore puts a copy back"), "{said}");
    }
}

#[test]
fn over_tls_the_servers_certificate_is_checked() {
    let cluster = Cluster::start();
    let authority = cluster.with_tls();
    cluster.allow("hostssl", "trust");
    let database = cluster.database();
    let verified = |root: &str| format!("{}?sslmode=verify-full&sslrootcert={root}", database.url());
    Server::start(on(&verified(authority.to_str().expect("UTF-8"))));
    let found = run(&["doctor", "--database", &verified(authority.to_str().expect("UTF-8"))]);
    let found = String::from_utf8(found.stdout).expect("UTF-8");
    assert!(found.contains("ok    database's TLS") && found.contains("TLSv1."), "{found}");
    let said = refused_start(&verified("/none/such.pem"));
    assert!(said.contains("/none/such.pem"), "{said}");
    let plain = refused_start(&format!("{}?sslmode=disable", database.url()));
    assert!(plain.contains("pg_hba.conf"), "{plain}");
}

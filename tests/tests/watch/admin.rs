//! The admin listener: who is let in, where it listens, and which faults of its token file prevent
//! a start.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use serde_json::json;
use vestibule_tests::admin::{AdminServer, OPERATOR, READER, write_tokens};
use vestibule_tests::http::{Request, Response};
use vestibule_tests::process::{Launch, Server};

#[track_caller]
fn assert_problem(response: &Response, status: u16) {
    assert_eq!(response.status, status);
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    let problem = response.json();
    assert_eq!((&problem["type"], &problem["status"]), (&json!("about:blank"), &json!(status)));
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
}

#[test]
fn endpoints_need_a_token_and_read_tokens_cannot_write() {
    let mut admin = AdminServer::start(&[("--log", "trace")]);
    let paths = ["/metrics", "/admin/v1/rooms", "/admin", "/assets", "/nothing"];
    for path in paths {
        for method in ["GET", "POST", "DELETE"] {
            let request = Request::new(method, path);
            let response = request.send(admin.admin()).expect("a response");
            assert_problem(&response, 401);
            assert_eq!(response.header("www-authenticate"), Some("Bearer realm=\"vestibule\""));
            for token in ["", "wrong", &READER[1..], &READER.to_uppercase(), &format!("{READER}0")] {
                let response = admin.ask(request.clone(), token);
                assert_problem(&response, 401);
                let challenge = response.header("www-authenticate").expect("a challenge");
                assert!(challenge.starts_with("Bearer realm="), "{challenge}");
            }
        }
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            assert_problem(&admin.ask(Request::new(method, path), READER), 403);
        }
    }
    let basic = Request::get("/metrics").header("authorization", &format!("Basic {READER}"));
    assert_problem(&basic.send(admin.admin()).expect("a response"), 401);
    for token in [READER, OPERATOR] {
        assert_eq!(admin.ask(Request::get("/metrics"), token).status, 200);
        assert_problem(&admin.ask(Request::get("/nothing"), token), 404);
    }
    assert_problem(&admin.ask(Request::post("/metrics"), OPERATOR), 405);
    let any_case = Request::get("/metrics").header("authorization", &format!("bEARER {READER}"));
    assert_eq!(any_case.send(admin.admin()).expect("a response").status, 200);

    assert_eq!(admin.server.terminate().code(), Some(0));
    let log = admin.server.log();
    assert!(log.contains("admin=\"alice\""), "who writes is named");
    for token in [READER, OPERATOR] {
        assert!(!log.contains(token), "a token is logged");
    }
}

#[test]
fn the_client_listener_serves_health_only() {
    let admin = AdminServer::start(&[]);
    let public = admin.server.address();
    for path in ["/metrics", "/admin", "/admin/v1", "/admin/v1/rooms", "/health", "/health/"] {
        let authorization = format!("Bearer {OPERATOR}");
        let response = Request::get(path).header("authorization", &authorization).send(public);
        assert_eq!(response.expect("a response").status, 404, "{path}");
    }
    for (path, status) in [("/health/live", "live"), ("/health/ready", "ready")] {
        let response = Request::get(path).send(public).expect("a response");
        assert_eq!((response.status, response.json()), (200, json!({ "status": status })));
    }
}

#[test]
fn without_tokens_there_is_no_admin_listener() {
    let server = Server::start(Launch::vestibule());
    assert!(!server.output().contains("administered"), "{}", server.output());
}

#[test]
fn the_unix_socket_exists_while_the_server_runs() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let tokens = write_tokens(folder.path());
    let socket = folder.path().join("admin");
    let at = format!("unix:{}", socket.to_str().expect("UTF-8"));
    let launch = Launch::vestibule()
        .options(&[("--admin-listen", &at), ("--admin-tokens", tokens.to_str().expect("UTF-8"))]);
    let mut server = Server::start(launch);
    assert!(server.output().contains(&format!("is administered at {at}")), "{}", server.output());
    let ask = || {
        let mut stream = UnixStream::connect(&socket).expect("a connection");
        let head = format!("GET /metrics HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {READER}\r\n");
        stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).expect("an open socket");
        std::io::read_to_string(stream).expect("a response")
    };
    assert!(ask().starts_with("HTTP/1.1 200 OK\r\n"));
    // What a killed server leaves behind does not matter.
    server.kill();
    assert!(socket.exists());
    server.restart();
    assert!(ask().ends_with("# EOF\n"));
    assert_eq!(server.terminate().code(), Some(0));
    assert!(!socket.exists());
}

#[test]
fn invalid_tokens_and_addresses_prevent_the_start() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("tokens");
    let start = |listen: &str| {
        let data = folder.path().join("data");
        Launch::bare()
            .options(&[("--data", data.to_str().expect("UTF-8")), ("--listen", "127.0.0.1:0")])
            .options(&[("--admin-listen", listen), ("--log", "error")])
            .options(&[("--admin-tokens", path.to_str().expect("UTF-8"))])
            .run(folder.path())
    };
    let assert_refused = |what: &str, listen: &str, code: i32, says: &str| {
        let output = start(listen);
        let line = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), line.lines().count()), (Some(code), 1), "{what}: {line}");
        assert!(line.starts_with("vestibule: ") && line.contains(says), "{what}: {line}");
        assert!(!line.contains(&READER[..20]), "{what}: the token is told: {line}");
    };
    let free = "127.0.0.1:0";
    assert_refused("no file", free, 1, "No such file");
    let write = |text: &str, mode: u32| {
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    };
    write(&format!("alice full {READER}"), 0o644);
    assert_refused("a file for all", free, 1, "mode 0644");
    write("# nobody\n", 0o600);
    assert_refused("no tokens", free, 1, "no token");
    write(&format!("\nalice most {READER}"), 0o600);
    assert_refused("another word", free, 1, "line 2");
    write(&format!("alice full {}", &READER[..31]), 0o600);
    assert_refused("a short token", free, 1, "at least 32");
    write(&format!("alice full {READER}"), 0o600);
    assert_refused("no address", "nonsense", 2, "expected an address and a port");
    assert_refused("a path from nowhere", "unix:admin", 2, "expected an absolute path after unix:");
    assert_refused("somebody else's address", "192.0.2.1:0", 1, "for operators");
    assert_refused("a folder that is not there", "unix:/nowhere/admin", 1, "unix:/nowhere/admin");
}

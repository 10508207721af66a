//! The page at `/`, over the real server. Whether the binary contains one depends on how it was
//! built, so each test holds either way; the answers' content is tested in `server/src/pages`.

use vestibule_tests::http::{Request, Response};
use vestibule_tests::process::{Launch, Server};

fn ask(server: &Server, method: &str, target: &str) -> Response {
    Request::new(method, target).send(server.address()).expect("a response")
}

/// The head, sorted and without what changes from one moment to the next.
fn head(response: &Response) -> (u16, Vec<String>) {
    let head = response.headers.to_string();
    let lines = head.lines().filter(|line| !line.to_lowercase().starts_with("date:"));
    let mut lines: Vec<_> = lines.map(str::to_owned).collect();
    lines.sort_unstable();
    (response.status, lines)
}

#[test]
fn the_page_or_how_to_build_it_is_served() {
    let server = Server::start(Launch::untouched());
    let page = ask(&server, "GET", "/");
    let content_type = page.header("content-type").expect("a type");
    match page.status {
        200 => assert!(content_type == "text/html; charset=utf-8" && page.text().contains("<script")),
        404 => assert!(content_type == "text/plain; charset=utf-8" && page.text().contains("make run")),
        other => panic!("status {other}"),
    }
    assert_eq!(server.log().contains("built without its demo page"), page.status == 404);
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");

    let only_head = ask(&server, "HEAD", "/");
    assert_eq!(head(&only_head), head(&page));
    assert_eq!((only_head.text().as_str(), page.body.is_empty()), ("", false));
    if let Some(tag) = page.header("etag") {
        let again =
            Request::get("/").header("if-none-match", tag).send(server.address()).expect("a response");
        assert_eq!((again.status, again.header("etag"), again.text().as_str()), (304, Some(tag), ""));
    }
}

#[test]
fn a_disabled_page_is_unknown() {
    let server = Server::start(Launch::untouched().arg("--demo").arg("off"));
    let unknown = ask(&server, "GET", "/nowhere");
    assert_eq!((unknown.status, unknown.text().as_str()), (404, ""));
    assert_eq!(head(&ask(&server, "GET", "/")), head(&unknown));
    assert!(!server.log().contains("demo page"), "{}", server.log());
}

#[test]
fn no_other_file_is_served() {
    let server = Server::start(Launch::untouched());
    let unknown = head(&ask(&server, "GET", "/nowhere"));
    for target in [
        "/index.html",
        "/assets/unknown.js",
        "/../secrets",
        "/assets/../../secrets",
        "/assets/%2e%2e/%2e%2e/secrets",
        "/assets/..%2f..%2fsecrets",
        "/assets//etc/passwd",
        "/data/secrets",
    ] {
        assert_eq!(head(&ask(&server, "GET", target)), unknown, "{target}");
    }
    for method in ["POST", "PUT", "DELETE"] {
        let answer = ask(&server, method, "/");
        assert_eq!((answer.status, answer.text().as_str()), (405, ""), "{method}");
    }
}

/// Calls of `/v1` are counted, the page's files are not: opening it uses none of the calls.
#[test]
fn loading_the_page_counts_no_http_calls() {
    let server = Server::start(Launch::untouched().arg("--max-calls-at-once").arg("1"));
    for _ in 0..20 {
        assert_ne!(ask(&server, "GET", "/").status, 429);
    }
    assert_eq!(ask(&server, "GET", "/v1/rooms").status, 200);
}

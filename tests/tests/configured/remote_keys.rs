//! Keys at an address: fetched at the start, and when a token names another one.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vestibule_tests::ws::Handshake;

use crate::back_end::{BackEnd, Does};
use crate::issuer::Issuer;
use crate::logins::connect;
use crate::site::Site;

const CHANNELS: &str = r#"
jwt_leeway = "0s"

[channels."open:*"]
join = "anyone"

[channels."members:*"]
join = "account"
publish = "any"
"#;

/// A server that fetches these keys.
fn site(keys: &Value) -> (Site, BackEnd) {
    let back_end = BackEnd::new(|_| Value::Null);
    serve(&back_end, keys);
    let settings = format!("jwt_keys = \"http://{}/jwks.json\"\n{CHANNELS}", back_end.address);
    (Site::new(&settings), back_end)
}

fn serve(back_end: &BackEnd, keys: &Value) {
    let keys = keys.clone();
    back_end.decides(move |_| keys.clone());
}

/// A token of an account, with the name of its key.
fn token(issuer: &Issuer, key: &str) -> String {
    issuer.token_with(&json!({ "alg": "EdDSA", "kid": key }), "alice", 600, &json!([]))
}

/// Connects until the token is accepted.
fn until_accepted(site: &Site, token: &str) {
    let since = Instant::now();
    while connect(site, token).join("members:1").status != "ok" {
        assert!(since.elapsed() < Duration::from_secs(30), "the keys never come");
    }
}

#[test]
fn another_key_has_the_keys_fetched_anew() {
    let (old, new) = (Issuer::new(), Issuer::new());
    let (site, back_end) = site(&json!({ "keys": [old.jwk("old")] }));
    until_accepted(&site, &token(&old, "old"));
    let mut there = connect(&site, &token(&old, "old"));
    there.join("members:1").ok();
    assert!(back_end.asked().iter().all(|asked| asked.head.starts_with("GET /jwks.json HTTP/1.1")));

    serve(&back_end, &json!({ "keys": [new.jwk("new")] }));
    until_accepted(&site, &token(&new, "new"));
    assert_eq!(connect(&site, &token(&old, "old")).join("members:1").refused(), "unauthorized");
    there.call("members:1", "say", json!({})).ok();
}

#[test]
fn unknown_keys_fetch_nothing_again_and_again() {
    let issuer = Issuer::new();
    let (site, back_end) = site(&json!({ "keys": [issuer.jwk("right")] }));
    until_accepted(&site, &token(&issuer, "right"));
    back_end.asked();
    let since = Instant::now();
    for number in 0..100 {
        let forged = token(&Issuer::new(), &format!("key {number}"));
        assert_eq!(connect(&site, &forged).join("members:1").refused(), "unauthorized");
    }
    let allowed = 1 + since.elapsed().as_secs() / 5;
    let asked = back_end.asked().len() as u64;
    assert!(asked <= allowed, "{asked} times instead of {allowed}");
}

#[test]
fn keys_that_cannot_be_fetched_are_kept() {
    let issuer = Issuer::new();
    let (site, back_end) = site(&json!({ "keys": [issuer.jwk("right")] }));
    until_accepted(&site, &token(&issuer, "right"));
    for answer in ["HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n{}"] {
        back_end.now(Does::Send(answer.into()));
        back_end.asked();
        while back_end.asked().is_empty() {
            connect(&site, &token(&Issuer::new(), "other"));
        }
        connect(&site, &token(&issuer, "right")).join("members:1").ok();
    }
}

#[test]
fn without_keys_a_client_with_a_token_tries_again() {
    let issuer = Issuer::new();
    let back_end = BackEnd::new(|_| Value::Null);
    back_end.fails();
    let settings = format!("jwt_keys = \"http://{}/jwks.json\"\n{CHANNELS}", back_end.address);
    let site = Site::new(&settings);
    let address = site.server().address();
    let path = format!("/socket/websocket?vsn=2.0.0&token={}", token(&issuer, "right"));
    let status = || Handshake::new(&path).open(address).expect("an answer").response.status;
    assert_eq!(status(), 503);
    site.stranger().join("open:1").ok();
    serve(&back_end, &json!({ "keys": [issuer.jwk("right")] }));
    let since = Instant::now();
    while status() != 101 {
        assert!(since.elapsed() < Duration::from_secs(30), "the keys never come");
    }
}

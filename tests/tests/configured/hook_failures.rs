//! A back end that is slow, dead, lying or flapping: nobody gets in who should not, those who are
//! in stay, and it heals.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vestibule_tests::admin::OPERATOR;
use vestibule_tests::http::Request;
use vestibule_tests::people::Device;
use vestibule_tests::ws::Handshake;

use crate::back_end::{BackEnd, Does, friendly};
use crate::hook::site;
use crate::logins::connect;
use crate::site::Site;

/// How many questions the breaker looks at.
const LAST: usize = 10;

/// Joins until the back end is asked again and says yes.
fn until_it_heals(device: &mut Device, topic: &str) {
    let since = Instant::now();
    while device.join(topic).status != "ok" {
        assert!(since.elapsed() < Duration::from_secs(30), "it never heals");
    }
}

/// Somebody who is in already, and must notice nothing.
fn insider(site: &Site) -> Device {
    let mut insider = connect(site, "insider");
    insider.join("team:1").ok();
    insider.join("open:1").ok();
    insider
}

#[track_caller]
fn is_undisturbed(insider: &mut Device) {
    insider.call("team:1", "say", json!({})).ok();
    insider.call("open:1", "say", json!({})).ok();
    let told = insider.drain();
    assert!(told.iter().all(|message| message.event != "phx_error"), "{told:?}");
}

/// How many questions the metrics have with this result.
fn counted(site: &Site, result: &str) -> usize {
    let metrics = site.admin.ask(Request::get("/metrics"), OPERATOR).text();
    let series = format!("vestibule_auth_hook_questions_total{{result=\"{result}\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&series));
    value.and_then(|value| value.parse().ok()).expect("a count")
}

#[test]
fn a_dead_back_end_is_left_alone_until_it_heals() {
    let (site, back_end) = site(friendly);
    let (mut inside, mut outside) = (insider(&site), connect(&site, "bob"));
    back_end.fails();
    back_end.asked();
    for _ in 0..100 {
        assert_eq!(outside.join("team:2").refused(), "unavailable");
    }
    let asked = back_end.asked().len();
    assert!(asked <= LAST, "100 joins asked it {asked} times");
    let counts = ["failed", "pausing"].map(|result| counted(&site, result));
    assert_eq!(counts, [asked, 100 - asked]);
    is_undisturbed(&mut inside);
    assert_eq!(site.stranger().join("members:1").refused(), "unauthorized");

    back_end.decides(friendly);
    until_it_heals(&mut outside, "team:2");
    let asked = back_end.asked().len();
    assert!(asked <= LAST, "healing asked it {asked} times");
    is_undisturbed(&mut inside);
}

#[test]
fn a_slow_back_end_holds_up_nobody_else() {
    let (site, back_end) = site(friendly);
    let mut inside = insider(&site);
    back_end.now(Does::Nothing);
    back_end.asked();
    let mut waiting: Vec<Device> = (0..60).map(|_| site.stranger()).collect();
    let joins: Vec<String> =
        waiting.iter_mut().map(|device| device.send("team:2", "phx_join", &json!({})).unwrap()).collect();
    is_undisturbed(&mut inside);
    for (device, join) in waiting.iter_mut().zip(&joins) {
        assert_eq!(device.answer(join).expect("an answer").refused(), "unavailable");
    }
    let asked = back_end.asked().len();
    assert!(asked <= 32 + LAST, "60 joins asked it {asked} times, at most 32 at once");
    is_undisturbed(&mut inside);
    back_end.decides(friendly);
    until_it_heals(&mut waiting[0], "team:2");
}

#[test]
fn a_lying_back_end_lets_nobody_in() {
    let trap = BackEnd::new(|_| json!({ "allow": true }));
    let (site, back_end) = site(friendly);
    let (mut inside, mut outside) = (insider(&site), connect(&site, "bob"));
    let with = |head: &str, body: &str| format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n{body}");
    let yes = |yes: Value| with("200 OK", &yes.to_string());
    let elsewhere = format!("307 Temporary Redirect\r\nlocation: http://{}/hook", trap.address);
    let huge = yes(json!({ "allow": true, "reply": { "x": "x".repeat(17 * 1024) } }));
    let cut_off = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"allow\":true}".to_owned();
    let lies = [
        ("words", with("200 OK", "<html>yes</html>")),
        ("no answer", yes(json!({}))),
        ("another kind", yes(json!({ "allow": "true" }))),
        ("an unknown right", yes(json!({ "allow": true, "rights": ["operator"] }))),
        ("an end before the beginning", yes(json!({ "allow": true, "expires_in": -5 }))),
        ("a status", with("201 Created", "{\"allow\":true}")),
        ("a redirect", with(&elsewhere, "")),
        ("a huge reply", huge),
        ("an answer that breaks off", cut_off),
        ("no HTTP", "yes\r\n\r\n".to_owned()),
        ("nothing", String::new()),
    ];
    for (what, lie) in lies {
        // So that the breaker stays out of it.
        back_end.decides(friendly);
        for number in 0..2 {
            outside.join(&format!("team:{number}")).ok();
        }
        back_end.now(Does::Send(lie.into_bytes()));
        assert_eq!(outside.join("team:secret").refused(), "unavailable", "{what}");
    }
    assert_eq!(trap.asked().len(), 0, "redirects are not followed");
    is_undisturbed(&mut inside);
}

#[test]
fn strangers_cannot_shut_others_out() {
    let (site, back_end) = site(friendly);
    let (mut outside, mut eve) = (connect(&site, "bob"), connect(&site, "eve"));
    let answer =
        |status: &str| format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    for (status, reason) in [
        ("400 Bad Request", "unavailable"),
        ("401 Unauthorized", "unauthorized"),
        ("403 Forbidden", "unauthorized"),
    ] {
        back_end.now(Does::Send(answer(status).into_bytes()));
        for _ in 0..3 * LAST {
            assert_eq!(eve.join("team:2").refused(), reason, "{status}");
        }
        back_end.decides(friendly);
        outside.join("team:2").ok();
    }
    // Nor by a reply that would be too large.
    back_end.decides(|question| json!({ "allow": true, "reply": { "said": question["params"]["said"] } }));
    for _ in 0..3 * LAST {
        let long = json!({ "said": "x".repeat(20_000) });
        assert_eq!(eve.call("team:3", "phx_join", long).refused(), "unavailable");
    }
    outside.join("team:3").ok();
}

#[test]
fn a_flapping_back_end_loses_nobody() {
    let (site, back_end) = site(friendly);
    let (mut inside, mut outside) = (insider(&site), connect(&site, "bob"));
    for _ in 0..3 {
        back_end.fails();
        while outside.join("team:2").status == "ok" {}
        is_undisturbed(&mut inside);
        back_end.decides(friendly);
        until_it_heals(&mut outside, "team:2");
        is_undisturbed(&mut inside);
    }
}

#[test]
fn a_connection_waits_for_a_dead_back_end() {
    let (site, back_end) = site(friendly);
    back_end.fails();
    let address = site.server().address();
    let with_token = "/socket/websocket?vsn=2.0.0&token=alice";
    let refused = || Handshake::new(with_token).open(address).expect("an answer");
    let answer = refused().response;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    site.stranger().join("open:1").ok();
    back_end.decides(friendly);
    let since = Instant::now();
    while refused().response.status != 101 {
        assert!(since.elapsed() < Duration::from_secs(30), "it never heals");
    }
}

#[test]
fn a_long_poll_waits_for_it_as_well() {
    let (site, back_end) = site(friendly);
    back_end.fails();
    let open = |token: &str| {
        let request = Request::get(&format!("/socket/longpoll?vsn=2.0.0&token={token}"));
        request.send(site.server().address()).expect("an answer").json()["status"].clone()
    };
    assert_eq!(open("alice"), 403);
    back_end.decides(friendly);
    let since = Instant::now();
    while open("alice") != 410 {
        assert!(since.elapsed() < Duration::from_secs(30), "it never heals");
    }
}

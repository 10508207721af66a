//! The auth hook: the team's own back end decides.

use serde_json::{Value, json};
use vestibule_tests::people::Device;

use crate::back_end::{BackEnd, friendly};
use crate::logins::connect;
use crate::site::Site;

const CHANNELS: &str = r#"
[channels."open:*"]
join = "anyone"
publish = "any"

[channels."members:*"]
join = "account"
publish = "any"
presence = true

[channels."team:*"]
join = "hook"
publish = "any"
presence = true
history = { count = 10, age = "10m" }
"#;

/// A server that asks a back end with these answers.
pub(crate) fn site(decide: impl Fn(&Value) -> Value + Send + Sync + 'static) -> (Site, BackEnd) {
    let back_end = BackEnd::new(decide);
    let site = Site::with(|folder| back_end.settings(folder) + CHANNELS);
    (site, back_end)
}

#[test]
fn the_back_end_says_who_somebody_is() {
    let (site, back_end) = site(|question| match question["token"].as_str() {
        Some("banned") => json!({ "allow": false, "reason": "banned" }),
        Some("rude") => json!({ "allow": false }),
        Some("alice") => {
            json!({ "allow": true, "account": "alice", "presence_meta": { "name": "alice the great" } })
        }
        _ => friendly(question),
    });
    let mut alice = connect(&site, "alice");
    alice.join("members:1").ok();
    let state = alice.push("members:1", "presence_state");
    assert_eq!(state["alice"]["metas"][0]["name"], "alice the great", "{state}");
    for (token, reason) in [("banned", "banned"), ("rude", "unauthorized")] {
        let mut other = connect(&site, token);
        assert_eq!(other.join("members:1").refused(), reason);
        other.join("open:1").ok();
        back_end.asked();
        assert_eq!(other.join("team:1").refused(), reason);
        assert_eq!(back_end.asked().len(), 0, "who is known to be unwelcome is not asked about");
    }
    assert_eq!(site.stranger().join("members:1").refused(), "unauthorized");
    site.user().join("members:1").ok();
    assert_eq!(back_end.asked().len(), 0, "there was no token, or one of the server's own");
}

#[test]
fn the_back_end_decides_on_each_join() {
    let rights = |topic: &str| match topic {
        "team:all" => json!({ "allow": true }),
        "team:reader" => json!({ "allow": true, "rights": [] }),
        "team:writer" => json!({ "allow": true, "rights": ["publish"] }),
        "team:watcher" => json!({ "allow": true, "rights": ["presence"] }),
        "team:greeted" => json!({ "allow": true, "reply": { "color": "red" } }),
        _ => json!({ "allow": false, "reason": "members only" }),
    };
    let (site, _) = site(move |question| match question["topic"].as_str() {
        Some(topic) => rights(topic),
        None => friendly(question),
    });
    let visitors: [fn(&Site) -> Device; 3] = [Site::stranger, Site::user, |site| connect(site, "alice")];
    for visitor in visitors {
        for (topic, publishes, sees) in [
            ("team:all", true, true),
            ("team:reader", false, false),
            ("team:writer", true, false),
            ("team:watcher", false, true),
        ] {
            let mut device = visitor(&site);
            let joined = device.join(topic).ok();
            assert!(joined["history"]["last_id"].is_string(), "{joined}");
            let said = device.call(topic, "say", json!({}));
            assert_eq!(said.status == "ok", publishes, "{topic}: {}", said.text);
            let told = device.drain();
            let is_shown = told.iter().any(|message| message.event == "presence_state");
            assert_eq!(is_shown, sees, "{topic}: {told:?}");
        }
        let mut device = visitor(&site);
        assert_eq!(device.join("team:greeted").ok()["color"], "red");
        assert_eq!(device.join("team:2").refused(), "members only");
    }
}

#[test]
fn questions_say_what_is_known_and_are_signed() {
    let (site, back_end) = site(friendly);
    let mut alice = connect(&site, "alices-token");
    alice.call("team:1", "phx_join", json!({ "color": "red" })).ok();
    let [connecting, joining] = &back_end.asked()[..] else { panic!("two questions") };
    assert!(connecting.is_signed() && joining.is_signed());
    assert!(connecting.head.starts_with("POST /hook HTTP/1.1"), "{}", connecting.head);
    assert_eq!(connecting.header("content-type"), "application/json");
    assert_eq!(
        connecting.question(),
        json!({
            "type": "connect", "token": "alices-token", "params": { "vsn": "2.0.0" }, "address": "127.0.0.1"
        })
    );
    assert_eq!(
        joining.question(),
        json!({
            "type": "join", "topic": "team:1", "params": { "color": "red" }, "account": "alices-token",
            "uid": null, "address": "127.0.0.1"
        })
    );
    assert_ne!(connecting.header("webhook-id"), joining.header("webhook-id"));

    let mut user = site.user();
    user.join("team:1").ok();
    let joining = back_end.asked().pop().expect("a question").question();
    assert_eq!(joining["uid"], json!(user.uid.to_string()), "{joining}");
    assert!(!site.server().log().contains("alices-token"), "tokens are not logged");
}

#[test]
fn a_pass_ends_and_the_back_end_is_asked_again() {
    let (site, back_end) = site(|question| match question["token"].as_str() {
        Some(token) => json!({ "allow": true, "account": token, "expires_in": 600 }),
        None => json!({ "allow": true, "expires_in": 1 }),
    });
    let mut alice = connect(&site, "alice");
    alice.join("team:1").ok();
    alice.push("team:1", "phx_error");
    alice.join("team:1").ok();
    back_end.decides(|_| json!({ "allow": false, "reason": "gone" }));
    alice.push("team:1", "phx_error");
    assert_eq!(alice.join("team:1").refused(), "gone");
}

#[test]
fn a_login_is_renewed_by_asking() {
    let (site, _) = site(|question| {
        let (account, seconds) = question["token"].as_str().unwrap_or_default().split_once('-').unwrap();
        json!({ "allow": true, "account": account, "expires_in": seconds.parse::<u32>().unwrap() })
    });
    let (mut staying, mut leaving) = (connect(&site, "alice-2"), connect(&site, "alice-2"));
    for device in [&mut staying, &mut leaving] {
        device.join("members:1").ok();
    }
    let renew = |token: &str| json!({ "access_token": token });
    assert_eq!(staying.call("members:1", "access_token", renew("bob-600")).refused(), "unauthorized");
    staying.call("members:1", "access_token", renew("alice-600")).ok();
    leaving.push("members:1", "phx_close");
    staying.call("members:1", "say", json!({})).ok();
}

#[test]
fn a_reload_has_the_back_end_asked_about_all() {
    let (site, back_end) = site(friendly);
    let mut stranger = site.stranger();
    stranger.join("open:1").ok();
    let asked = CHANNELS.replace("join = \"anyone\"", "join = \"hook\"");
    let folder = site.path("");
    site.reload(&(back_end.settings(&folder) + &asked));
    stranger.push("open:1", "phx_error");
    back_end.decides(|_| json!({ "allow": false, "reason": "members only" }));
    assert_eq!(stranger.join("open:1").refused(), "members only");
    back_end.decides(|_| json!({ "allow": true }));
    stranger.join("open:1").ok();
}

#[test]
fn nothing_says_whether_others_are_there() {
    let (site, _) = site(|question| match question["account"].as_str() {
        Some("alice") => json!({ "allow": true }),
        None if question["topic"].is_null() => friendly(question),
        _ => json!({ "allow": false }),
    });
    let mut alice = connect(&site, "alice");
    alice.join("team:1").ok();
    let mut eve = connect(&site, "eve");
    let [there, nowhere] = ["team:1", "team:2"].map(|topic| eve.join(topic).response);
    assert_eq!(there, nowhere);
    alice.call("team:1", "say", json!({})).ok();
    eve.join("open:1").ok();
    assert!(eve.drain().is_empty(), "and nothing of it is heard");
}

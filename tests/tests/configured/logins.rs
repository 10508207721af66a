//! A team's own logins: tokens that its back end issues.

use std::fs;

use serde_json::{Value, json};
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person};

use crate::issuer::Issuer;
use crate::site::Site;

const CHANNELS: &str = r#"
jwt_leeway = "0s"

[channels."open:*"]
join = "anyone"
publish = "any"
presence = true

[channels."members:*"]
join = "account"
publish = "any"
presence = true

[channels."team:*"]
join = "token"
publish = "any"
presence = true
"#;

fn site() -> (Site, Issuer) {
    trusting(CHANNELS)
}

/// A server with these settings that trusts a back end.
pub(crate) fn trusting(settings: &str) -> (Site, Issuer) {
    let issuer = Issuer::new();
    let site = Site::with(|folder| {
        issuer.publish(&folder.join("keys.json"));
        format!("jwt_keys = \"{}\"\n{settings}", folder.join("keys.json").display())
    });
    (site, issuer)
}

pub(crate) fn connect(site: &Site, token: &str) -> Device {
    Device::with_token(site.server().address(), &Person::new(Alg::Ed25519), Some(token))
}

#[test]
fn each_rule_admits_whom_it_should() {
    let (site, issuer) = site();
    let all = json!({ "team:1": ["join", "publish", "presence"], "open:1": [], "members:1": [] });
    let some = json!({ "team:1": ["join"] });
    let others = json!(["team:2", "open:*", "members:*"]);
    let token = |topics: &Value| Some(issuer.token("alice", 600, topics));
    let expired = Some(issuer.token("alice", 0, &all));
    // Whether each may join, publish, and see who is there.
    let yes = Some((true, true));
    for (who, token, open, members, team) in [
        ("nobody", None, yes, None, None),
        ("an expired token", expired, yes, None, None),
        ("no topics", token(&json!([])), yes, yes, None),
        ("other topics", token(&others), yes, yes, None),
        ("the right to join", token(&some), yes, yes, Some((false, false))),
        ("all rights", token(&all), yes, yes, yes),
    ] {
        for (topic, expected) in [("open:1", open), ("members:1", members), ("team:1", team)] {
            let mut device = match &token {
                Some(token) => connect(&site, token),
                None => site.stranger(),
            };
            let joined = device.join(topic);
            let Some((publishes, sees)) = expected else {
                assert_eq!(joined.refused(), "unauthorized", "{who} {topic}");
                continue;
            };
            joined.ok();
            let said = device.call(topic, "say", json!({}));
            assert_eq!(said.status == "ok", publishes, "{who} {topic}: {}", said.text);
            let told = device.drain();
            let is_shown = told.iter().any(|message| message.event == "presence_state");
            assert_eq!(is_shown, sees, "{who} {topic}: {told:?}");
        }
    }
}

#[test]
fn a_signed_in_user_has_an_account_and_no_token() {
    let (site, _) = site();
    let mut user = site.user();
    user.join("members:1").ok();
    let state = user.push("members:1", "presence_state");
    assert!(state.get(user.uid.to_string()).is_some(), "{state}");
    assert_eq!(user.join("team:1").refused(), "unauthorized");
}

#[test]
fn the_account_is_the_presence_key() {
    let (site, issuer) = site();
    let token = issuer.token("alice@example.com", 600, &json!([]));
    let mut devices = [connect(&site, &token), connect(&site, &token)];
    for device in &mut devices {
        device.join("members:1").ok();
    }
    let state = devices[1].push("members:1", "presence_state");
    assert_eq!(state["alice@example.com"]["metas"].as_array().map(Vec::len), Some(2), "{state}");
}

#[test]
fn the_presence_list_says_what_the_login_says() {
    let (site, issuer) =
        trusting(&CHANNELS.replacen("presence = true", "presence = true\npresence_params = [\"name\"]", 1));
    let now = vestibule_tests::people::now_ms() / 1000;
    let shown = json!({ "name": "Alice", "color": "red" });
    let token = issuer.sign(&json!({ "sub": "alice", "exp": now + 600, "presence_meta": shown }));
    let mut alice = connect(&site, &token);
    alice.call("open:1", "phx_join", json!({ "name": "Bob" })).ok();
    let state = alice.push("open:1", "presence_state");
    let meta = &state["alice"]["metas"][0];
    assert_eq!((&meta["name"], &meta["color"]), (&json!("Alice"), &json!("red")), "{state}");
    assert!(meta["online_at"].is_string(), "{state}");
    for bad in [json!("Alice"), json!({ "name": "x".repeat(1100) })] {
        let token = issuer.sign(&json!({ "sub": "alice", "exp": now + 600, "presence_meta": bad }));
        assert_eq!(connect(&site, &token).join("members:1").refused(), "unauthorized");
    }
}

#[test]
fn a_join_ends_with_its_login_unless_renewed() {
    let (site, issuer) = site();
    let topics = json!(["team:*"]);
    let short = || issuer.token("alice", 2, &topics);
    let mut leaving = connect(&site, &short());
    let mut staying = connect(&site, &short());
    for device in [&mut leaving, &mut staying] {
        device.join("team:1").ok();
    }
    let renew = |token: String| json!({ "access_token": token });
    let others = renew(issuer.token("bob", 600, &topics));
    assert_eq!(staying.call("team:1", "access_token", others).refused(), "unauthorized");
    assert_eq!(staying.call("team:1", "access_token", renew("x.y.z".to_owned())).refused(), "unauthorized");
    staying.call("team:1", "access_token", renew(issuer.token("alice", 600, &topics))).ok();
    leaving.push("team:1", "phx_close");
    staying.call("team:1", "say", json!({})).ok();
    assert_eq!(leaving.join("team:1").refused(), "unauthorized", "the connection's login is over, too");
}

#[test]
fn keys_are_rotated_by_a_reload() {
    let (site, before) = site();
    let after = Issuer::new();
    let token = |issuer: &Issuer| issuer.token("alice", 600, &json!([]));
    connect(&site, &token(&before)).join("members:1").ok();
    assert_eq!(connect(&site, &token(&after)).join("members:1").refused(), "unauthorized");
    let mut there = connect(&site, &token(&before));
    there.join("members:1").ok();

    after.publish(&site.path("keys.json"));
    site.server().signal("HUP");
    while connect(&site, &token(&after)).join("members:1").status != "ok" {}
    assert_eq!(connect(&site, &token(&before)).join("members:1").refused(), "unauthorized");
    there.call("members:1", "say", json!({})).ok();

    fs::write(site.path("keys.json"), "{}").expect("a file");
    site.server().signal("HUP");
    while !site.server().log().contains("keeping the current keys of logins") {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    connect(&site, &token(&after)).join("members:1").ok();
}

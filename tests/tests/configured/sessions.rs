//! One token for a user and for an account of the team's own logins.

use serde_json::{Value, json};
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::http::{Request, Response};
use vestibule_tests::people::{Device, Person, Room};

use crate::issuer::Issuer;
use crate::site::Site;

const SETTINGS: &str = r#"
jwt_leeway = "0s"

[channels."members:*"]
join = "account"
presence = true

[channels."team:*"]
join = "token"
publish = "any"
"#;

/// A server that trusts a back end, with further settings.
pub(crate) fn site(further: &str) -> (Site, Issuer) {
    let issuer = Issuer::new();
    let site = Site::with(|folder| {
        issuer.publish(&folder.join("keys.json"));
        format!("jwt_keys = \"{}\"\n{further}\n{SETTINGS}", folder.join("keys.json").display())
    });
    (site, issuer)
}

/// The answer to a person's sign-in with a login.
fn answer(site: &Site, person: &Person, login: &Value) -> Response {
    let server = site.server().address();
    let mut body = person.session(&server.to_string(), &person.challenge(server));
    body["login"] = login.clone();
    Request::post("/v1/session").json(&body).send(server).expect("a response")
}

/// The answer to a sign-in that must succeed.
fn session(site: &Site, person: &Person, login: &str) -> Value {
    let answer = answer(site, person, &json!(login));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// A connection with the token of a sign-in with a login.
pub(crate) fn connect(site: &Site, person: &Person, login: &str) -> Device {
    let session = session(site, person, login);
    Device::with_token(site.server().address(), person, session["token"].as_str())
}

#[test]
fn one_token_is_for_a_user_and_an_account() {
    let (site, issuer) = site("");
    let bob = Person::new(Alg::Ed25519);
    let room = Room::published(site.server().address(), Policy::Request);
    let login = issuer.token("bob@example.com", 600, &json!({ "team:1": ["join", "publish"] }));
    let session = session(&site, &bob, &login);
    assert_eq!((&session["uid"], &session["account"]), (&json!(bob.uid()), &json!("bob@example.com")));

    let mut device = Device::with_token(site.server().address(), &bob, session["token"].as_str());
    device.arrive(&bob.inbox());
    device.visit(&room.rid());
    device.call(&room.topic(), "request", bob.request(&room.rid())).ok();
    device.join("team:1").ok();
    device.call("team:1", "say", json!({})).ok();
    assert_eq!(device.join("team:2").refused(), "unauthorized");
    device.join("members:1").ok();
    let state = device.push("members:1", "presence_state");
    let keys: Vec<&String> = state.as_object().expect("a list").keys().collect();
    assert_eq!(keys, ["bob@example.com"], "the account, not the user");

    // A token is a user's for the other endpoints, too.
    let token = session["token"].as_str().expect("a token");
    let created = Request::post("/v1/rooms")
        .header("Authorization", &format!("Bearer {token}"))
        .json(&json!({ "policy": "open" }))
        .send(site.server().address());
    assert_eq!(created.expect("a response").status, 201);
}

#[test]
fn a_session_without_a_login_is_as_before() {
    let (site, _) = site("");
    let bob = Person::new(Alg::Ed25519);
    let answer = answer(&site, &bob, &json!(null));
    assert_eq!(answer.status, 200);
    let session = answer.json();
    let fields: Vec<&String> = session.as_object().expect("an object").keys().collect();
    assert_eq!(fields, ["exp", "token", "uid"]);
    let mut device = Device::with_token(site.server().address(), &bob, session["token"].as_str());
    device.join("members:1").ok();
    assert_eq!(device.join("team:1").refused(), "unauthorized");
}

#[test]
fn a_bad_login_is_refused_and_leaves_the_nonce() {
    let (site, issuer) = site("");
    let (bob, server) = (Person::new(Alg::Ed25519), site.server().address());
    let no_topics = json!([]);
    let good = issuer.token("bob", 600, &no_topics);
    let now = vestibule_tests::people::now_ms() / 1000;
    let others = json!({ "sub": "bob", "exp": now + 600, "aud": "another" });
    let nonce = bob.challenge(server);
    let ask = |login: &str| {
        let mut body = bob.session(&server.to_string(), &nonce);
        body["login"] = json!(login);
        Request::post("/v1/session").json(&body).send(server).expect("a response")
    };
    for (what, login) in [
        ("nothing", String::new()),
        ("no token", "x.y.z".to_owned()),
        ("a changed one", good.replacen('.', ".A", 1)),
        ("another back end's", Issuer::new().token("bob", 600, &no_topics)),
        ("an expired one", issuer.token("bob", 0, &no_topics)),
        ("one for another audience", issuer.sign(&others)),
        ("a long account", issuer.token(&"b".repeat(257), 600, &no_topics)),
    ] {
        let refused = ask(&login);
        assert_eq!((refused.status, &refused.json()["reason"]), (401, &json!("bad_login")), "{what}");
        assert!(login.is_empty() || !refused.text().contains(&login), "{what}: it is quoted");
    }
    let topics: Vec<String> = (0..90).map(|number| format!("chat:{number:047}")).collect();
    let large = ask(&issuer.token("bob", 600, &json!(topics)));
    assert_eq!((large.status, &large.json()["reason"]), (413, &json!("too_large")), "{}", large.text());
    assert_eq!(ask(&good).status, 200, "none of them has used up the nonce");
    assert_eq!(ask(&good).json()["reason"], "stale_nonce");
    let log = site.server().log();
    assert!(!log.contains(&good), "{log}");
}

#[test]
fn a_server_without_logins_refuses_them() {
    let (_, issuer) = site("");
    let plain = Site::new("");
    let bob = Person::new(Alg::Ed25519);
    let refused = answer(&plain, &bob, &json!(issuer.token("bob", 600, &json!([]))));
    assert_eq!((refused.status, &refused.json()["reason"]), (401, &json!("bad_login")));
}

#[test]
fn a_session_ends_with_its_login() {
    let (site, issuer) = site("");
    let bob = Person::new(Alg::Ed25519);
    let login = issuer.token("bob", 5, &json!(["team:*"]));
    let session = session(&site, &bob, &login);
    let token = session["token"].as_str();
    let mut device = Device::with_token(site.server().address(), &bob, token);
    device.arrive(&bob.inbox());
    for topic in ["team:1", "members:1"] {
        device.join(topic).ok();
    }
    for topic in ["team:1", "members:1"] {
        device.push(topic, "phx_close");
        assert_eq!(device.join(topic).refused(), "unauthorized", "{topic}: the account is over");
    }
    device.call(&bob.inbox(), "mine", json!({})).ok();
    let mut late = Device::with_token(site.server().address(), &bob, token);
    assert_eq!(late.join(&bob.inbox()).refused(), "unauthorized", "the token is over, too");
}

#[test]
fn the_account_can_be_disconnected() {
    let (site, issuer) = site("");
    let login = issuer.token("bob@example.com", 600, &json!([]));
    let mut bob = connect(&site, &Person::new(Alg::Ed25519), &login);
    bob.join("members:1").ok();
    let answer = site.admin.act("POST", "accounts/bob@example.com/disconnect").json();
    assert_eq!(answer, json!({ "account": "bob@example.com", "connections": 1 }));
    assert!(bob.closed().is_some());
    let mut alice = site.user();
    alice.join("members:1").ok();
    let path = format!("accounts/{}/disconnect", alice.uid);
    assert_eq!(site.admin.act("POST", &path).json()["connections"], 1);
}

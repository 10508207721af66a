//! The rights of all kinds of channels: join, publish, presence and missed messages, each allowed
//! and each not.

use serde_json::{Value, json};
use vestibule_tests::admin::OPERATOR;
use vestibule_tests::http::Request;
use vestibule_tests::people::Device;

use crate::back_end::BackEnd;
use crate::issuer::Issuer;
use crate::logins::connect;
use crate::site::Site;

/// The kinds of channels, by who may join.
const KINDS: [&str; 4] = ["anyone", "account", "token", "hook"];

/// What somebody may do in a topic: join, publish, see who is there, get what was missed.
type May = [bool; 4];

const NOTHING: May = [false; 4];
const JOIN: May = [true, false, false, false];
const READ: May = [true, false, false, true];
const ALL: May = [true; 4];

/// For each kind a table that allows all, and one that allows nothing but reading.
fn channels() -> String {
    let tables = KINDS.map(|kind| {
        format!(
            "[channels.\"{kind}:*\"]\njoin = \"{kind}\"\npublish = \"any\"\npresence = true\n\
             history = {{ count = 10, age = \"10m\" }}\n\n[channels.\"{kind}-bare:*\"]\njoin = \"{kind}\"\n\n"
        )
    });
    tables.concat()
}

/// A server with keys and a back end.
fn site() -> (Site, Issuer) {
    let (issuer, back_end) = (Issuer::new(), BackEnd::new(decide));
    let site = Site::with(|folder| {
        issuer.publish(&folder.join("keys.json"));
        let keys = folder.join("keys.json");
        format!("jwt_keys = \"{}\"\n{}{}", keys.display(), back_end.settings(folder), channels())
    });
    (site, issuer)
}

/// Lets in whom the parameters of the join name, with the rights that they name.
fn decide(question: &Value) -> Value {
    match question["params"]["rights"].clone() {
        Value::Null => json!({ "allow": false }),
        rights => json!({ "allow": true, "rights": rights }),
    }
}

/// What a client finds that it may do, by trying. Meanwhile somebody says something that it can
/// miss.
fn tries(site: &Site, insider: &mut Device, mut device: Device, topic: &str, rights: &Value) -> May {
    let all = json!({ "rights": ["publish", "presence"] });
    let joined = insider.call(topic, "phx_join", &all).ok();
    let body = json!({ "event": "missed", "payload": {} });
    let request = Request::post(&format!("/admin/v1/topics/{topic}/broadcast")).json(&body);
    assert_eq!(site.admin.ask(request, OPERATOR).status, 200);

    let params = json!({ "last_id": joined["history"]["last_id"], "rights": rights });
    let join = device.call(topic, "phx_join", params).status == "ok";
    let publish = device.call(topic, "say", json!({})).status == "ok";
    if !topic.contains("bare") {
        // States are gathered: once somebody who joins later has one, the client has its own.
        insider.call(topic, "fence", json!({})).ok();
        insider.drain();
        insider.call(topic, "phx_join", &all).ok();
        insider.push(topic, "presence_state");
    }
    // Its answer comes after whatever else was sent.
    device.call(topic, "fence", json!({}));
    let told = device.drain();
    let heard = |event: &str| told.iter().any(|message| message.event == event);
    [join, publish, heard("presence_state"), heard("missed")]
}

#[test]
fn each_right_of_each_kind_both_ways() {
    let (site, issuer) = site();
    let connect = |topics: Value| connect(&site, &issuer.token("alice", 600, &topics));
    let mut insider = connect(json!(["token:*", "token-bare:*"]));
    let read = json!({ "token:1": ["join"], "token-bare:1": ["join"] });
    let all = json!(["publish", "presence"]);
    let some = json!([]);
    for (kind, who, device, rights, may) in [
        ("anyone", "a stranger", site.stranger(), &Value::Null, ALL),
        ("account", "an account", connect(json!([])), &Value::Null, ALL),
        ("account", "a stranger", site.stranger(), &all, NOTHING),
        ("token", "all rights", connect(json!(["token:1", "token-bare:1"])), &Value::Null, ALL),
        ("token", "the right to join", connect(read.clone()), &all, READ),
        ("token", "an account", connect(json!(["hook:1"])), &all, NOTHING),
        ("token", "a stranger", site.stranger(), &all, NOTHING),
        ("hook", "all rights", site.stranger(), &all, ALL),
        ("hook", "the right to join", site.stranger(), &some, READ),
        ("hook", "another's token", connect(json!(["hook:1"])), &Value::Null, NOTHING),
    ] {
        let topic = format!("{kind}:1");
        assert_eq!(tries(&site, &mut insider, device, &topic, rights), may, "{topic} {who}");
    }
    for (kind, device) in [
        ("anyone", site.stranger()),
        ("account", connect(json!([]))),
        ("token", connect(json!(["token-bare:1"]))),
        ("hook", site.stranger()),
    ] {
        let topic = format!("{kind}-bare:1");
        assert_eq!(tries(&site, &mut insider, device, &topic, &all), JOIN, "{topic}");
    }
}

#[test]
fn a_refusal_is_the_same_whether_or_not_anybody_is_there() {
    let (site, issuer) = site();
    let mut insider = connect(&site, &issuer.token("alice", 600, &json!(["token:*"])));
    let mut stranger = site.stranger();
    for kind in ["account", "token", "hook"] {
        let [there, nowhere] = ["1", "2"].map(|name| format!("{kind}:{name}"));
        insider.call(&there, "phx_join", json!({ "rights": [] })).ok();
        assert_eq!(stranger.join(&there).response, stranger.join(&nowhere).response, "{kind}");
        for event in ["say", "access_token", "phx_leave", "presence_state"] {
            let [there, nowhere] =
                [&there, &nowhere].map(|topic| stranger.call(topic, event, json!({})).response);
            assert_eq!(there, nowhere, "{kind} {event}");
        }
    }
    assert!(stranger.drain().is_empty());
}

//! The chat of the examples, tested without a socket.

#[path = "../examples/chat/chat.rs"]
mod chat;

use serde_json::{Value, json};
use vestibule_channels::{
    Payload, assert_broadcast, assert_push, assert_reply, refute_broadcast, refute_push, testing,
};

type TestChannel = testing::TestChannel<chat::User>;

async fn join(
    endpoint: &std::sync::Arc<vestibule_channels::Endpoint<chat::User>>,
    name: &str,
) -> (Payload, TestChannel) {
    let socket = testing::connect(endpoint, json!({ "name": name })).expect("a name is enough");
    socket.subscribe_and_join("room:lobby", json!({})).await.expect("anybody may join")
}

fn keys(state: &Payload) -> Vec<String> {
    let state: serde_json::Map<String, Value> = state.parse().unwrap();
    state.keys().cloned().collect()
}

#[actix_web::test]
async fn everyone_hears_a_message() {
    let endpoint = chat::endpoint();
    let (_, alice) = join(&endpoint, "alice").await;
    let (_, bob) = join(&endpoint, "bob").await;
    let reference = alice.push("say", json!({ "text": "hello" })).await;
    assert_reply!(reference, ok, json!({}));
    for channel in [&alice, &bob] {
        assert_broadcast!(channel, "said", json!({ "name": "alice", "text": "hello" }));
    }
    let (reply, _) = join(&endpoint, "carol").await;
    assert_eq!(reply, Payload::of(&json!({ "messages": 1 })));
}

#[actix_web::test]
async fn presence_shows_joins_and_leaves() {
    let endpoint = chat::endpoint();
    let (_, alice) = join(&endpoint, "alice").await;
    assert_eq!(keys(&assert_push!(alice, "presence_state")), ["alice"]);
    let (_, bob) = join(&endpoint, "bob").await;
    assert_eq!(keys(&assert_push!(bob, "presence_state")), ["alice", "bob"]);
    let joined: Value = assert_broadcast!(alice, "presence_diff").parse().unwrap();
    assert!(joined["joins"]["bob"].is_object() || joined["joins"]["alice"].is_object(), "{joined}");
    bob.leave().await;
    loop {
        let diff: Value = assert_broadcast!(alice, "presence_diff").parse().unwrap();
        if diff["leaves"]["bob"].is_object() {
            break;
        }
    }
}

#[actix_web::test]
async fn a_malformed_message_gets_an_error() {
    let endpoint = chat::endpoint();
    let (_, alice) = join(&endpoint, "alice").await;
    let detail = "missing field `text` at line 1 column 2";
    let reference = alice.push("say", json!({})).await;
    assert_reply!(reference, error, json!({ "reason": "bad payload", "detail": detail }));
    let reference = alice.push("shout", json!({})).await;
    assert_reply!(reference, error, json!({ "reason": "unknown event" }));
    refute_broadcast!(alice, "said");
    refute_push!(alice, "said");
}

#[actix_web::test]
async fn nobody_connects_without_a_name() {
    assert!(testing::connect(&chat::endpoint(), json!({})).is_err());
}

#[actix_web::test]
async fn a_disconnect_by_id_ends_the_connection() {
    let endpoint = chat::endpoint();
    let (_, alice) = join(&endpoint, "alice").await;
    assert_eq!(endpoint.connections().disconnect("user:alice"), 1);
    assert!(alice.socket().is_closed().await);
}

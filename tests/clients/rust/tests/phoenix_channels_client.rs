//! `phoenix_channels_client` 0.1.2: V2; takes bytes from the server; leaves with a null payload and
//! a null ref. It has no heartbeats and, whatever its configuration says, does not reconnect: its
//! users must start anew.

use std::{sync::Arc, time::Duration};

use phoenix_channels_client::{Channel, Client, Config, Payload};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use vestibule_clients::{Ending, PATIENCE, Playground, within};

#[tokio::test(flavor = "multi_thread")]
async fn phoenix_channels_client_0_1_2() {
    let mut playground = Playground::begin().await;
    visit(&playground).await;
    for ending in Ending::ALL {
        let left_alone = connect(&playground).await;
        playground.restart(ending).await;
        // It ends by itself once the server is gone.
        let _ = within("the client ends", left_alone.shutdown()).await;
        visit(&playground).await;
    }
}

async fn visit(playground: &Playground) {
    let (mut alice, mut bob) = (connect(playground).await, connect(playground).await);
    let room = join(&alice, "room:1").await;
    assert_eq!(ask(&room, "echo", json!({ "n": 1 })).await, Payload::Value(json!({ "n": 1 })));

    let mut shouts = hear(&room, "shout").await;
    let bobs_room = join(&bob, "room:1").await;
    ask(&bobs_room, "shout", json!({ "from": "Bob" })).await;
    assert_eq!(next(&mut shouts).await, Payload::Value(json!({ "from": "Bob" })));

    let mut news = hear(&room, "news").await;
    playground.broadcast_json("room:1", "news", &json!({ "headline": "rain" })).await;
    assert_eq!(next(&mut news).await, Payload::Value(json!({ "headline": "rain" })));

    let mut files = hear(&room, "file").await;
    playground.broadcast("room:1", "file", "&binary=1", &[1, 0, 254]).await;
    assert_eq!(next(&mut files).await, Payload::Binary(vec![1, 0, 254]));

    let crowd = join(&alice, "presence:1").await;
    let mut changes = hear(&crowd, "presence_diff").await;
    let Payload::Value(present) = ask(&crowd, "list", json!({})).await else { panic!("presence is JSON") };
    let own = &present[""]["metas"][0]["phx_ref"];
    let bobs_crowd = join(&bob, "presence:1").await;
    // It cannot name itself: its joins carry no parameters.
    change(&mut changes, "joins", own).await;
    bobs_crowd.leave().await;
    change(&mut changes, "leaves", own).await;

    alice.disconnect().await.expect("disconnected");
    bob.disconnect().await.expect("disconnected");
}

async fn connect(playground: &Playground) -> Client {
    let config = Config::new(playground.websocket_url().as_str()).expect("a URL");
    let mut client = Client::new(config).expect("a client");
    within("connected", client.connect()).await.expect("connected");
    client
}

async fn join(client: &Client, topic: &str) -> Arc<Channel> {
    client.join(topic, Some(PATIENCE)).await.expect("joined")
}

async fn ask(channel: &Channel, event: &str, payload: Value) -> Payload {
    channel.send_with_timeout(event, payload, Some(Duration::from_secs(5))).await.expect("a reply")
}

async fn hear(channel: &Channel, event: &str) -> UnboundedReceiver<Payload> {
    let (sender, receiver) = unbounded_channel();
    // Once the test has stopped listening, there is nobody to tell.
    let tell = move |_, payload: &Payload| drop(sender.send(payload.clone()));
    channel.on(event, tell).await.expect("subscribed");
    receiver
}

async fn next(heard: &mut UnboundedReceiver<Payload>) -> Payload {
    within("a message", heard.recv()).await.expect("the channel is open")
}

/// Waits until another client has come or gone. Alice's own join may be announced too. A client
/// that comes and goes within a moment is not announced at all, so Bob must stay until his join has
/// been.
async fn change(changes: &mut UnboundedReceiver<Payload>, kind: &str, own: &Value) {
    loop {
        let Payload::Value(diff) = next(changes).await else { panic!("presence is JSON") };
        let metas = diff[kind][""]["metas"].as_array();
        if metas.is_some_and(|metas| metas.iter().any(|meta| meta["phx_ref"] != *own)) {
            return;
        }
    }
}

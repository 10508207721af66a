//! phyllo 0.3.0: V2 with integer refs from 0, and heartbeats whose payload is null. It joins and
//! reconnects by itself.
//!
//! It only listens here. Its joins carry the join_ref 0 and its pushes the ref of the join, so
//! Phoenix takes every push for a stale one and drops it, and so does the server.

use std::time::Duration;

use backoff::ExponentialBackoff;
use phyllo::{
    channel::{ChannelBuilder, ChannelHandler},
    message::{Event, Message, Payload},
    socket::{SocketBuilder, SocketHandler},
};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use url::Url;
use vestibule_clients::{Ending, Playground, within};

type Channel = ChannelHandler<String, Value, Value, Value>;
type Heard = Receiver<Message<String, Value, Value, Value>>;

const CROWD: &str = "presence:1";

#[tokio::test(flavor = "multi_thread")]
async fn phyllo_0_3_0() {
    let mut playground = Playground::begin().await;
    let (mut alice, mut bob) = (connect(&playground).await, connect(&playground).await);
    // It does not say when it has joined, but a presence does, so all of this happens in a topic
    // with presence.
    let (_crowd, mut heard) = join(&mut alice, "alice").await;
    let state = next(&mut heard, "presence_state").await;
    assert!(state.get("alice").is_some(), "{state}");
    playground.broadcast_json(CROWD, "news", &json!({ "headline": "rain" })).await;
    assert_eq!(next(&mut heard, "news").await, json!({ "headline": "rain" }));

    let (bobs_crowd, _) = join(&mut bob, "bob").await;
    bob_is_in(&mut heard, "joins").await;
    leave(bobs_crowd);
    bob_is_in(&mut heard, "leaves").await;

    for ending in Ending::ALL {
        playground.restart(ending).await;
        next(&mut heard, "presence_state").await;
        playground.broadcast_json(CROWD, "news", &json!({ "headline": "sun" })).await;
        assert_eq!(next(&mut heard, "news").await, json!({ "headline": "sun" }));
    }

    alice.close();
    bob.close();
}

async fn connect(playground: &Playground) -> SocketHandler<String> {
    let url = Url::parse(&playground.websocket_url()).expect("a URL");
    SocketBuilder::new(url).heartbeat(Duration::from_millis(200)).reconnect(quick()).build().await
}

/// Short pauses, so that the client finds a restarted server within a test's time.
fn quick() -> ExponentialBackoff {
    let (initial_interval, max_interval) = (Duration::from_millis(20), Duration::from_millis(100));
    ExponentialBackoff {
        initial_interval,
        current_interval: initial_interval,
        max_interval,
        ..Default::default()
    }
}

async fn join(socket: &mut SocketHandler<String>, user: &str) -> (Channel, Heard) {
    let builder = ChannelBuilder::new(CROWD.to_owned()).params(Some(json!({ "user": user }))).rejoin(quick());
    within("registered", socket.channel(builder)).await.expect("a channel")
}

/// The next message of this event; others are skipped.
async fn next(heard: &mut Heard, event: &str) -> Value {
    loop {
        let message = within(event, heard.recv()).await.expect("the channel is open");
        match message.payload {
            Some(Payload::Custom(payload)) if message.event == Event::Event(json!(event)) => return payload,
            _ => {}
        }
    }
}

/// The client panics if the reply is faster than its own book-keeping, so its result is ignored.
fn leave(channel: Channel) {
    tokio::spawn(channel.close());
}

async fn bob_is_in(heard: &mut Heard, kind: &str) {
    while next(heard, "presence_diff").await[kind].get("bob").is_none() {}
}

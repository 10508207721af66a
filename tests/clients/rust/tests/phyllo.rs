//! phyllo 0.3.0: V2 with integer refs from 0, and heartbeats whose payload is null. It joins and
//! reconnects by itself.
//!
//! It only listens here. Its joins carry the join_ref 0 and its pushes the ref of the join, so that
//! Phoenix considers every push stale and drops it, and so does the server.

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
type Received = Receiver<Message<String, Value, Value, Value>>;

const CROWD: &str = "presence:1";

#[tokio::test(flavor = "multi_thread")]
async fn phyllo_0_3_0() {
    let mut playground = Playground::begin().await;
    let (mut alice, mut bob) = (connect(&playground).await, connect(&playground).await);
    // The client does not report a successful join, but the presence state does, so the test uses a
    // presence topic.
    let (_crowd, mut received) = join(&mut alice, "alice").await;
    let state = next(&mut received, "presence_state").await;
    assert!(state.get("alice").is_some(), "{state}");
    playground.broadcast_json(CROWD, "news", &json!({ "headline": "rain" })).await;
    assert_eq!(next(&mut received, "news").await, json!({ "headline": "rain" }));

    let (bobs_crowd, _) = join(&mut bob, "bob").await;
    bob_is_in(&mut received, "joins").await;
    leave(bobs_crowd);
    bob_is_in(&mut received, "leaves").await;

    for ending in Ending::ALL {
        playground.restart(ending).await;
        next(&mut received, "presence_state").await;
        playground.broadcast_json(CROWD, "news", &json!({ "headline": "sun" })).await;
        assert_eq!(next(&mut received, "news").await, json!({ "headline": "sun" }));
    }

    alice.close();
    bob.close();
}

async fn connect(playground: &Playground) -> SocketHandler<String> {
    let url = Url::parse(&playground.websocket_url()).expect("a URL");
    SocketBuilder::new(url).heartbeat(Duration::from_millis(200)).reconnect(quick()).build().await
}

/// Short intervals, so that the client reconnects soon after a restart.
fn quick() -> ExponentialBackoff {
    let (initial_interval, max_interval) = (Duration::from_millis(20), Duration::from_millis(100));
    ExponentialBackoff {
        initial_interval,
        current_interval: initial_interval,
        max_interval,
        ..Default::default()
    }
}

async fn join(socket: &mut SocketHandler<String>, user: &str) -> (Channel, Received) {
    let builder = ChannelBuilder::new(CROWD.to_owned()).params(Some(json!({ "user": user }))).rejoin(quick());
    within("registered", socket.channel(builder)).await.expect("a channel")
}

/// Returns the next message of this event and skips others.
async fn next(received: &mut Received, event: &str) -> Value {
    loop {
        let message = within(event, received.recv()).await.expect("the channel is open");
        match message.payload {
            Some(Payload::Custom(payload)) if message.event == Event::Event(json!(event)) => return payload,
            _ => {}
        }
    }
}

/// The client panics if the reply is faster than its own bookkeeping, so its result is ignored.
fn leave(channel: Channel) {
    tokio::spawn(channel.close());
}

async fn bob_is_in(received: &mut Received, kind: &str) {
    while next(received, "presence_diff").await[kind].get("bob").is_none() {}
}

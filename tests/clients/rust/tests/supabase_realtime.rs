//! supabase-realtime-rs 0.1.2: names no vsn and so speaks V1; topics `realtime:…`. It leaves with a
//! null ref.
//!
//! Three things are not tested. If a first attempt to reconnect fails, it believes that it is still
//! connecting and makes no second one: its users must start anew. And it records what it sent only
//! after sending it, so a server as near as this one answers too early: such heartbeats count as
//! lost, and its own list of presences stays empty. The presence events that it passes on are
//! complete all the same.

use std::sync::Arc;

use serde_json::{Value, json};
use supabase_realtime_rs::{
    ChannelEvent, EventPayload, RealtimeChannel, RealtimeChannelOptions, RealtimeClient,
    RealtimeClientOptions,
};
use tokio::sync::mpsc::Receiver;
use vestibule_clients::{Ending, Playground, within};

#[tokio::test(flavor = "multi_thread")]
async fn supabase_realtime_rs_0_1_2() {
    let mut playground = Playground::begin().await;
    visit(&playground).await;
    for ending in Ending::ALL {
        let alice = Person::subscribe(&playground, "alice").await;
        playground.restart(ending).await;
        // Whether it reconnected in time or not, it disconnects.
        let _ = within("disconnected", alice.client.disconnect()).await;
        visit(&playground).await;
    }
}

async fn visit(playground: &Playground) {
    let mut alice = Person::subscribe(playground, "alice").await;
    let bob = Person::subscribe(playground, "bob").await;
    alice.channel.track(json!({ "mood": "fine" })).await.expect("sent");
    bob.channel.track(json!({ "mood": "glad" })).await.expect("sent");
    alice.sees("joins", "bob").await;

    let hello = ChannelEvent::broadcast("hello");
    bob.channel.send(hello, json!({ "from": "Bob" })).await.expect("sent");
    assert_eq!(alice.hears().await, json!({ "from": "Bob" }));
    let news = json!({ "type": "broadcast", "event": "hello", "payload": { "headline": "rain" } });
    playground.broadcast_json("realtime:garden", "broadcast", &news).await;
    assert_eq!(alice.hears().await, json!({ "headline": "rain" }));

    bob.channel.unsubscribe().await.expect("sent");
    alice.sees("leaves", "bob").await;
    for person in [alice, bob] {
        person.client.disconnect().await.expect("disconnected");
    }
}

/// A client in the topic of the garden.
struct Person {
    client: RealtimeClient,
    channel: Arc<RealtimeChannel>,
    heard: Receiver<EventPayload>,
    changes: Receiver<EventPayload>,
}

impl Person {
    /// Returns when the server has sent the presence state: the client itself does not wait for the
    /// reply to its join.
    async fn subscribe(playground: &Playground, name: &str) -> Self {
        let options =
            RealtimeClientOptions { api_key: "of no meaning here".to_owned(), ..Default::default() };
        let client = RealtimeClient::new(playground.websocket_url(), options).expect("a client");
        within("connected", client.connect()).await.expect("connected");
        let options = RealtimeChannelOptions { presence_key: Some(name.to_owned()), ..Default::default() };
        let channel = client.channel("garden", options).await;
        let heard = channel.on(ChannelEvent::broadcast("hello")).await;
        let changes = channel.on(ChannelEvent::PresenceDiff).await;
        let mut states = channel.on(ChannelEvent::PresenceState).await;
        channel.subscribe().await.expect("sent");
        within("who is there", states.recv()).await.expect("the channel is open");
        Self { client, channel, heard, changes }
    }

    async fn hears(&mut self) -> Value {
        match within("a broadcast", self.heard.recv()).await {
            Some(EventPayload::Broadcast(broadcast)) => broadcast["payload"].clone(),
            other => panic!("{other:?}"),
        }
    }

    async fn sees(&mut self, kind: &str, name: &str) {
        loop {
            match within("a change of presence", self.changes.recv()).await {
                Some(EventPayload::PresenceDiff(diff)) if diff[kind].get(name).is_some() => return,
                Some(_) => {}
                None => panic!("the channel is closed"),
            }
        }
    }
}

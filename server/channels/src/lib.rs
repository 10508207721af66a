//! Phoenix channels on actix: topics, presence, WebSocket and long poll, with bounded queues.
//!
//! Unmodified phoenix.js, and any other client of Phoenix channels, connects to a server that is
//! written with this crate. The crate knows nothing of keys, databases or command lines.
//!
//! # The parts
//! A client opens one **connection** and joins any number of **topics** on it, which are strings
//! such as `room:42`. The code behind a topic is a [`Channel`]: one value for each running topic,
//! which an actor calls for one join, message or leave after the other. It needs no locks, and it
//! may not block.
//!
//! An [`Endpoint`] ties it together: a [`SocketHandler`] decides who may connect and what to
//! remember of them, routes name the channel of each topic, and limits bound what clients can use.
//! [`serve`] runs an endpoint until SIGTERM.
//!
//! # An example
//! ```no_run
//! use serde::Deserialize;
//! use serde_json::json;
//! use vestibule_channels::{
//!     AcceptAll, Channel, Context, Endpoint, HandleResult, Handled, Incoming, JoinReply,
//!     JoinResult, Payload,
//!     SubscriberId, TopicRegistry,
//! };
//!
//! /// The channel of `lobby`.
//! struct Lobby;
//!
//! #[derive(Deserialize)]
//! struct Join {
//!     name: String,
//! }
//!
//! #[derive(Deserialize)]
//! struct Say {
//!     text: String,
//! }
//!
//! impl Channel for Lobby {
//!     // Nothing is remembered of the connection,
//!     type ConnectAssigns = ();
//!     // and a name of each subscriber.
//!     type Assigns = String;
//!
//!     fn join(
//!         &mut self, _: &mut Context<'_, Self>, _: SubscriberId, params: &Payload,
//!     ) -> JoinResult<String> {
//!         // A payload of another shape refuses the join, and tells the client why.
//!         let Join { name } = params.parse()?;
//!         Ok(JoinReply::empty(name))
//!     }
//!
//!     fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
//!         match &*message.event {
//!             "say" => {
//!                 let Say { text } = message.payload.parse()?;
//!                 let name = cx.assigns(message.from);
//!                 cx.broadcast("said", Payload::of(&json!({ "name": name, "text": text })));
//!                 Ok(Handled::empty())
//!             }
//!             _ => Ok(Handled::crash()),
//!         }
//!     }
//! }
//!
//! #[actix_web::main]
//! async fn main() -> std::io::Result<()> {
//!     let lobby = TopicRegistry::new(|_topic| Lobby);
//!     let endpoint = Endpoint::builder(AcceptAll).route("lobby", lobby).build();
//!     vestibule_channels::serve(endpoint, "127.0.0.1:4000").await
//! }
//! ```
//!
//! In the browser, with phoenix.js:
//!
//! ```js
//! const socket = new Socket("ws://127.0.0.1:4000/socket");
//! socket.connect();
//! const lobby = socket.channel("lobby", { name: "Alice" });
//! lobby.on("said", ({ name, text }) => console.log(`${name}: ${text}`));
//! lobby.join();
//! lobby.push("say", { text: "hello" });
//! ```
//!
//! The guide `docs/first-channel.md` builds a chat with presence, step by step; the example `chat`
//! is its result. [`testing`] tests channels without a socket.
//!
//! # Nothing is unbounded
//! Every queue has a bound, and the same thing happens at each: a client that sends too much is
//! refused, and one that reads too slowly is disconnected. Topics never wait for either.
//!
//! | queue | bound | at the bound |
//! |---|---|---|
//! | messages that wait for a topic | [`mailbox`](topic::TopicRegistryBuilder::mailbox) | error reply `overloaded` |
//! | frames that wait for a client | [`Limits::outbox`] | close code 1008 |
//! | frames of one connection | [`Limits::frames`] | error reply `rate_limited` |
//! | connections of one address or user | [`ConnectionLimits`] | HTTP 429 |
//!
//! # Phoenix's names
//! | Phoenix | here |
//! |---|---|
//! | `Phoenix.Channel` | [`Channel`], [`Context`] |
//! | `Phoenix.Socket`, `UserSocket` | [`SocketHandler`] |
//! | `socket.assigns` | [`Channel::Assigns`], [`Channel::ConnectAssigns`] |
//! | `channel "room:*", RoomChannel` | [`EndpointBuilder::route`] |
//! | `socket "/socket", UserSocket` in an endpoint | [`Endpoint`] |
//! | `Endpoint.broadcast` | [`Endpoint::broadcast`] |
//! | `Phoenix.Presence` | [`Context::track`], [`Context::show_presence`] |
//! | `Phoenix.ChannelTest` | [`testing`] |
//!
//! # More
//! The modules are for servers that need more than [`Server`] offers: [`transport`] has the parts
//! of an HTTP server for clients (limits of TCP connections, hardening, WebSocket and long poll
//! alone), [`topic`] describes the life of a topic's actor, [`metrics`] has what is counted.

pub mod channel;
pub mod keyed_rate;
pub mod metrics;
mod outbox;
mod server;
pub mod testing;
pub mod topic;
pub mod transport;

pub use vestibule_phoenix::{
    disconnect::{Disconnect, Ending},
    message::{Payload, PayloadError, Status},
    presence::Meta,
    small_map,
    socket::JoinId,
};

pub use crate::{
    channel::{
        Channel, Client, Context, ErrorReply, HandleResult, Handled, Incoming, JoinReply, JoinResult,
        ReplyTo, Stop, Subscriber, SubscriberId, Transport,
    },
    server::{BoundServer, Server, drain, serve},
    topic::{JoinRefusal, Router, TopicRegistry},
    transport::{
        AcceptAll, ConnectFuture, ConnectInfo, Connected, ConnectionLimits, Endpoint, EndpointBuilder,
        Limits, Origin, Origins, Rate, Refused, SocketHandler,
    },
};

#[cfg(doctest)]
mod guide {
    #![doc = include_str!("../../../docs/first-channel.md")]
}

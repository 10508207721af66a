//! Phoenix channels on actix: topics, presence, WebSocket and long poll, with bounded queues.
//!
//! Write a [`channel::Channel`], mount it on a [`transport::Endpoint`], and unmodified phoenix.js connects. The framework
//! knows nothing of keys, databases or command lines.
//!
//! ```
//! use std::sync::Arc;
//!
//! use actix_web::{App, HttpServer};
//! use vestibule_channels::{
//!     channel::{Channel, Context, Incoming, JoinReply, SubscriberId, HandleResult},
//!     topic::{TopicRegistry, Router},
//!     transport::{ConnectInfo, Connected, Endpoint, Refused, SocketHandler, websocket},
//! };
//! use vestibule_phoenix::message::Payload;
//!
//! /// Sends what anybody says to everybody.
//! struct Lobby;
//!
//! impl Channel for Lobby {
//!     fn join(&mut self, _: &mut Context<'_, Self>, _: SubscriberId, _: &Payload) -> JoinReply {
//!         JoinReply::Ok(Payload::empty())
//!     }
//!
//!     fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
//!         cx.broadcast(&message.event, message.payload);
//!         HandleResult::ok(Payload::empty())
//!     }
//! }
//!
//! /// Lets everybody in.
//! struct Open;
//!
//! impl SocketHandler for Open {
//!     fn connect(&self, _: &ConnectInfo<'_>) -> Result<Connected, Refused> {
//!         Ok(Connected { id: None, assigns: Arc::new(()) })
//!     }
//! }
//!
//! # #[actix_web::main]
//! # async fn main() -> std::io::Result<()> {
//! let router = Router::default().route("lobby:*", TopicRegistry::new(1024, |_topic| Lobby));
//! let endpoint = Arc::new(Endpoint::new(router, Open));
//! let server = HttpServer::new(move || {
//!     App::new().configure(|app| websocket::mount(app, "/socket/websocket", Arc::clone(&endpoint)))
//! })
//! .bind("127.0.0.1:0")?
//! .run();
//! # let handle = server.handle();
//! # actix_web::rt::spawn(async move { handle.stop(true).await });
//! server.await
//! # }
//! ```

pub mod channel;
pub mod keyed_rate;
pub mod metrics;
pub mod outbox;
pub mod topic;
pub mod transport;

//! A Phoenix-compatible channel server for rooms whose keys only the members hold.
//!
//! Two layers, as in Phoenix: a channel framework ([`transport`], [`outbox`], [`channel`], [`room`]) that knows nothing of
//! keys, and the approve flow ([`approve`], [`store`], [`session`]) written on it. The program is [`serve::serve`]; who builds
//! another application starts with a [`channel::Channel`] and mounts it on a [`transport::Endpoint`]:
//!
//! ```
//! use std::sync::Arc;
//!
//! use actix_web::{App, HttpServer};
//! use vestibule::{
//!     channel::{Channel, Context, Incoming, Joining, MemberId, Next},
//!     room::{Rooms, Router},
//!     transport::{ConnectInfo, Connected, Endpoint, Refused, SocketHandler, websocket},
//! };
//! use vestibule_protocol::message::Payload;
//!
//! /// Sends what anybody says to everybody.
//! struct Lobby;
//!
//! impl Channel for Lobby {
//!     fn join(&mut self, _: &mut Context<'_, Self>, _: MemberId, _: &Payload) -> Joining {
//!         Joining::Ok(Payload::empty())
//!     }
//!
//!     fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> Next {
//!         cx.broadcast(&message.event, message.payload);
//!         Next::ok(Payload::empty())
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
//! let router = Router::default().route("lobby:*", Rooms::new(1024, |_topic| Lobby));
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

pub mod admin;
pub mod approve;
pub mod channel;
mod clock;
pub mod confidential;
pub mod config;
mod durable;
mod failpoint;
pub mod health;
pub mod input;
mod keyed_rate;
pub mod live;
pub mod metrics;
pub mod outbox;
pub mod pages;
mod query;
mod reload;
pub mod room;
pub mod serve;
pub mod session;
mod shutdown;
pub mod startup;
pub mod store;
mod systemd;
pub mod telemetry;
pub mod tls;
pub mod transport;

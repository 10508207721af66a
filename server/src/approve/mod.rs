//! The approve flow: the product, written on the channel framework.
//!
//! [`Flow`] builds the parts and hands them out. `room` is the channel of `room:<rid>`, where
//! newcomers ask for keys and members send them; `inbox` is the channel of `user:<uid>`, where
//! users find what is addressed to them in any room. Both use `delivery` (stored items first, then
//! live ones) and `own_events` (withdraw, ack, nack and lists). `guard` checks a join before a
//! topic starts. `event` names the events, `payloads` has their contents.
//!
//! `services` has what all of them share: the store, sign-in (`auth`), limits, the clock. `topics`
//! holds both kinds of topics and is the `notifier` that reaches one from another. `actions` is
//! what operators do, `sweep` ends what has expired, [`http`] has the endpoints for sign-in and
//! rooms.
//!
//! # Invariants
//! The flow keeps nothing durable: it answers `ok` only after the store's commit, and clients find
//! whatever they have missed in the store. The room key is never here, only its public half once
//! somebody has proved that they hold the other.

mod actions;
mod auth;
mod catch_up;
mod config;
mod create;
mod delivery;
mod event;
mod fan_out_limit;
mod flow;
mod guard;
pub mod http;
mod identity;
mod inbox;
mod joined_rooms;
mod metrics;
mod notifications;
mod notifier;
mod own_events;
mod payloads;
mod redelivery;
mod replies;
mod room;
mod services;
mod sweep;
mod topic;
mod topics;

pub use self::{
    actions::{BroadcastError, OperatorActions},
    auth::Auth,
    config::FlowConfig,
    fan_out_limit::FanOutRate,
    flow::Flow,
    identity::{Identity, SocketAuth},
    room::RoomSubscriber,
    services::Services,
    topic::{socket_id, user_of},
};

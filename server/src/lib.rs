//! A Phoenix-compatible channel server for rooms whose keys only the members hold.
//!
//! The approve flow ([`approve`], [`session`]) is written on the channel framework
//! (`vestibule_channels`) and keeps its frames in `vestibule_store`. [`configured`] are the
//! channels that an operator configures, beside it. [`serve::serve`] runs the server.

pub mod accounts;
pub mod admin;
pub mod approve;
pub mod backup;
mod clients;
pub mod config;
pub mod configured;
#[cfg(feature = "postgres")]
pub mod copy;
pub mod doctor;
pub mod health;
pub mod hook;
mod hosts;
pub mod input;
pub mod login;
pub mod metrics;
pub mod outgoing;
pub mod pages;
mod query;
mod reload;
pub mod secret_file;
pub mod serve;
pub mod session;
mod shutdown;
pub mod startup;
mod systemd;
pub mod telemetry;
pub mod tls;
pub mod topic_pattern;

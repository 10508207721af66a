//! How the server is watched and administered.

use std::path::PathBuf;

use clap::Args;

use super::values::listen;
use crate::{admin::Listen, telemetry::Format};

/// The log's form, and the listener for operators.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Watching and administration")]
pub struct AdminOptions {
    /// How the log is written: text, or an object of JSON a line
    #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub log_format: Format,

    /// Where operators connect, an address and port or `unix:/path`; off without --admin-tokens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4001", value_parser = listen)]
    pub admin_listen: Listen,

    /// File of the tokens that operators and Prometheus show, a line each: a name, read or full, and the token or
    /// its SHA-256
    #[arg(long, value_name = "FILE")]
    pub admin_tokens: Option<PathBuf>,
}

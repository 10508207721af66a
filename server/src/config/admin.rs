//! How the server is watched and administered.

use std::path::PathBuf;

use clap::Args;

use super::values::listen;
use crate::{admin::Listen, telemetry::Format};

/// The log's format, and the operators' listener.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Monitoring and administration")]
pub struct AdminOptions {
    /// Format of the log: text, or json with one object per line
    #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub log_format: Format,

    /// Address and port, or `unix:/path`, for operators; off without --admin-tokens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4001", value_parser = listen)]
    pub admin_listen: Listen,

    /// File of the tokens of operators and Prometheus; each line has a name, `read` or `full`, and
    /// the token or its SHA-256 hash
    #[arg(long, value_name = "FILE")]
    pub admin_tokens: Option<PathBuf>,
}

//! The auth hook.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use super::values;
use crate::{hook::HookSettings, outgoing::Address};

/// The team's own back end, which the server asks.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Auth hook")]
pub struct HookOptions {
    /// Address of your back end that decides who somebody is, and on channels with join = "hook"
    ///
    /// The server sends it a POST when a client shows a token that is neither the server's nor
    /// signed with a key of `--jwt-keys`, and when a client joins such a channel. While it has no
    /// valid answer, nobody gets in, and those who are in stay.
    #[arg(long, value_name = "ADDRESS")]
    auth_hook: Option<Address>,

    /// File with the secret that signs what is sent to the auth hook
    ///
    /// One secret in each line, at most 4: `whsec_` and base64 of 24 to 64 random bytes. The
    /// signature is that of Standard Webhooks, with each of the secrets.
    #[arg(long, value_name = "FILE")]
    auth_hook_secret: Option<PathBuf>,

    /// How long the auth hook may take to answer; a client waits at most twice as long
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = values::duration)]
    auth_hook_timeout: Duration,

    /// How many requests to the auth hook may be under way at once
    ///
    /// 16 times as many may wait. Further clients are told to try again.
    #[arg(long, value_name = "COUNT", default_value = "32", value_parser = values::count)]
    max_auth_hook_calls: usize,
}

impl HookOptions {
    /// The hook and the file of its secret, if there is a hook.
    pub fn hook(&self) -> Option<(HookSettings, &Path)> {
        let settings = HookSettings {
            address: self.auth_hook.clone()?,
            timeout: self.auth_hook_timeout,
            concurrency: self.max_auth_hook_calls,
        };
        Some((settings, self.auth_hook_secret.as_deref()?))
    }

    pub(super) fn contradiction(&self) -> Option<String> {
        match (&self.auth_hook, &self.auth_hook_secret) {
            (Some(_), None) => Some("--auth-hook requires --auth-hook-secret".to_owned()),
            (None, Some(_)) => Some("--auth-hook-secret requires --auth-hook".to_owned()),
            _ => None,
        }
    }
}

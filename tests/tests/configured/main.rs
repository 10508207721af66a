//! Channels by configuration: a team's own topics, as the file of settings says.

mod accounts;
mod back_end;
mod cut;
mod history;
mod hook;
mod hook_failures;
mod idempotency;
mod issuer;
mod logins;
mod matrix;
mod publish;
mod reload;
mod remote_keys;
mod rules;
mod sessions;
mod site;

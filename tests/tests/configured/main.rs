//! Channels by configuration: a team's own topics, as the file of settings says.

mod history;
mod logins;
mod reload;
mod rules;
mod site;

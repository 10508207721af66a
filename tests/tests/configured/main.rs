//! Channels by configuration: a team's own topics, as the file of settings says.

mod logins;
mod reload;
mod rules;
mod site;

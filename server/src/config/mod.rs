//! The settings that an operator can make: in a file, in the environment or as options. Every
//! setting has a default that works.
//!
//! [`Config`] declares the settings, and `setting` derives their names from that. [`Task::read`]
//! reads the command line; its [`Sources`] read the file and the environment, each a `layer`, and
//! put the options on top.

mod admin;
mod change;
mod channels;
mod command;
mod connections;
mod database;
mod environment;
mod file;
mod flow;
mod guess;
mod hook;
mod layer;
mod live;
mod login;
mod manpage;
mod options;
mod render;
mod setting;
mod settings;
mod tls;
mod toml_text;
mod values;

pub use self::{
    admin::AdminOptions,
    change::{Change, Changes},
    command::{MakeToken, Task, command, complaint},
    connections::ConnectionOptions,
    database::{DatabaseOptions, server_address},
    flow::FlowOptions,
    hook::HookOptions,
    layer::Problem,
    login::{KeyPlace, LoginOptions},
    manpage::{completions, man},
    options::Config,
    render::{Difference, default_config},
    settings::{Settings, Sources},
    tls::TlsOptions,
};

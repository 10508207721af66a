//! What an operator can set, by flags or environment. Every setting has a default that works.

mod admin;
mod connections;
mod flow;
mod values;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use clap::{ArgAction, CommandFactory as _, Parser, error::ErrorKind};
use ipnet::IpNet;

pub use self::{admin::AdminOptions, connections::ConnectionOptions, flow::FlowOptions};
use crate::{
    approve::Terms,
    store,
    transport::{Caps, Limits, Origin, Origins, Proxies, Rate},
};

/// What a frame of the flow has beside its one large field: signatures, keys, ids, and the topic.
const FRAME_OVERHEAD: usize = 4096;

/// The most that one character takes in JSON, as two escapes.
const ESCAPED: usize = 12;

/// A Phoenix-compatible channel server for rooms whose keys only the members hold.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "vestibule",
    version,
    after_help = "No option is needed. Each can be set in the environment too: --max-frame is VESTIBULE_MAX_FRAME.\n\
                  Counts are of at least 1 unless it says what 0 does. Sizes look like 16KiB, times like 500ms, 30s, 12h or 7d."
)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4000", env = "VESTIBULE_LISTEN")]
    pub listen: SocketAddr,

    /// Folder for the database and the server's secrets; made if there is none
    #[arg(long, value_name = "FOLDER", default_value = "./data", env = "VESTIBULE_DATA")]
    pub data: PathBuf,

    /// The server's name in what clients sign, such as chat.example.com. By default it is the host that a client addresses
    #[arg(long, value_name = "NAME", env = "VESTIBULE_NAME")]
    pub name: Option<String>,

    /// Origin whose pages may connect, such as `https://example.com` or `//*.example.com`; may be repeated. By
    /// default pages of the host that is addressed may
    #[arg(long = "origin", value_name = "ORIGIN", env = "VESTIBULE_ORIGIN", value_delimiter = ',')]
    pub origins: Vec<Origin>,

    /// Proxy whose X-Forwarded-For is taken, an address or a network such as 10.0.0.0/8; may be repeated
    #[arg(
        long = "trusted-proxy",
        value_name = "NETWORK",
        env = "VESTIBULE_TRUSTED_PROXY",
        value_delimiter = ',',
        value_parser = values::network
    )]
    pub trusted_proxies: Vec<IpNet>,

    /// Whether there is a page at / to try the server with: on or off
    #[arg(
        long,
        value_name = "on|off",
        default_value = "on",
        env = "VESTIBULE_DEMO",
        value_parser = values::switch,
        action = ArgAction::Set
    )]
    pub demo: bool,

    /// What to log, to standard error: error, warn, info, debug, trace, or a tracing filter
    #[arg(long, value_name = "FILTER", default_value = "info,actix_server=warn", env = "VESTIBULE_LOG")]
    pub log: String,

    /// The log's form, and the listener for operators.
    #[command(flatten)]
    pub admin: AdminOptions,

    /// The limits of connections.
    #[command(flatten)]
    pub connections: ConnectionOptions,

    /// The limits of the approve flow.
    #[command(flatten)]
    pub flow: FlowOptions,
}

impl Config {
    /// Reads the command line and the environment. What makes no sense together is refused too.
    pub fn read() -> Result<Self, clap::Error> {
        Self::try_parse()?.checked()
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.data.join("vestibule.db")
    }

    /// The file with the server's secrets.
    pub fn secrets(&self) -> PathBuf {
        self.data.join("secrets")
    }

    /// What is set about the store.
    pub fn store(&self) -> store::Settings {
        store::Settings {
            quotas: self.flow.quotas(),
            max_bytes: Some(self.flow.max_store),
            queue: self.flow.max_store_queue,
            // Three lists, a third larger as text, and the rest of the answer: well inside what may wait for a client.
            page_bytes: self.connections.max_outbox / 8,
            clock: store::Clock::default(),
        }
    }

    /// What is set about the approve flow.
    pub fn terms(&self) -> Terms {
        Terms {
            name: self.name.clone(),
            limits: self.flow.limits(),
            quotas: self.flow.quotas(),
            redelivery: self.flow.redelivery,
            sweep: self.flow.sweep,
            mailbox: self.flow.max_mailbox,
        }
    }

    /// Which pages may connect.
    pub fn allowed_origins(&self) -> Origins {
        if self.origins.is_empty() { Origins::SameHost } else { Origins::Listed(self.origins.clone()) }
    }

    /// Whose word on a client's address is taken.
    pub fn proxies(&self) -> Proxies {
        Proxies::new(self.trusted_proxies.clone())
    }

    /// How much one connection may use.
    pub fn transport_limits(&self) -> Limits {
        self.connections.limits()
    }

    /// How many WebSockets there may be, counted from nothing.
    pub fn socket_caps(&self) -> Arc<Caps> {
        self.connections.socket_caps()
    }

    /// How many long-poll sessions there may be, counted from nothing.
    pub fn poll_caps(&self) -> Arc<Caps> {
        self.connections.poll_caps()
    }

    /// How many HTTP calls one address may make.
    pub fn calls(&self) -> Rate {
        self.connections.calls()
    }

    fn checked(self) -> Result<Self, clap::Error> {
        match self.contradiction() {
            None => Ok(self),
            Some(text) => Err(Self::command().error(ErrorKind::ValueValidation, text)),
        }
    }

    /// Two settings of which one makes the other useless.
    fn contradiction(&self) -> Option<String> {
        let (flow, connections) = (&self.flow, &self.connections);
        let base64 = |bytes: usize| bytes.div_ceil(3).saturating_mul(4);
        let text = |characters: usize| characters.saturating_mul(ESCAPED);
        let fields = [
            ("--max-ct", base64(flow.max_ct)),
            ("--max-box-pub with --max-note", base64(flow.max_box_pub).saturating_add(text(flow.max_note))),
            ("--max-name", text(flow.max_name)),
        ];
        let room = connections.max_message.min(connections.max_frame);
        let too_large = fields.iter().find_map(|(name, bytes)| {
            let frame = bytes.saturating_add(FRAME_OVERHEAD);
            (frame > room).then(|| {
                format!("{name} needs messages of {frame} bytes, but --max-message or --max-frame is {room}")
            })
        });
        let outbox = connections.max_outbox;
        let too_small = || {
            (outbox < connections.max_message)
                .then(|| format!("--max-outbox is {outbox} bytes, in which no message of --max-message fits"))
        };
        too_large.or_else(too_small)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(options: &[&str]) -> Result<Config, String> {
        let parsed = Config::try_parse_from(["vestibule"].iter().chain(options));
        parsed.and_then(Config::checked).map_err(|error| error.to_string())
    }

    #[test]
    fn the_options_are_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn no_option_is_needed() {
        let config = config(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:4000");
        assert_eq!(config.allowed_origins(), Origins::SameHost);
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let (config, terms) = (config(&[]).unwrap(), Terms::default());
        let set = config.terms();
        assert_eq!((set.limits, set.quotas), (terms.limits, terms.quotas));
        assert_eq!((set.redelivery, set.sweep, set.mailbox), (terms.redelivery, terms.sweep, terms.mailbox));
        assert_eq!(config.transport_limits(), Limits::default());
    }

    #[test]
    fn each_option_is_in_the_environment_under_its_name() {
        for option in Config::command().get_arguments() {
            let Some(long) = option.get_long().filter(|long| !["help", "version"].contains(long)) else {
                continue;
            };
            let name = format!("VESTIBULE_{}", long.to_uppercase().replace('-', "_"));
            assert_eq!(option.get_env().and_then(|env| env.to_str()), Some(&*name));
        }
    }

    #[test]
    fn each_option_is_in_the_manual() {
        let manual = include_str!("../../../docs/operations.md");
        for option in Config::command().get_arguments().filter_map(clap::Arg::get_long) {
            assert!(manual.contains(&format!("`--{option}`")), "--{option} is not in docs/operations.md");
        }
    }

    #[test]
    fn what_makes_no_sense_together_is_refused() {
        for (options, says) in [
            (&["--max-ct", "256KiB"][..], "--max-ct"),
            (&["--max-message", "16KiB"], "--max-ct"),
            (&["--max-frame", "16KiB"], "--max-ct"),
            (&["--max-box-pub", "200KiB"], "--max-box-pub"),
            (&["--max-note", "100000"], "--max-note"),
            (&["--max-name", "100000"], "--max-name"),
            (&["--max-message", "2MiB"], "--max-outbox"),
        ] {
            let error = config(options).unwrap_err();
            assert!(error.contains(says), "{options:?}: {error}");
        }
        assert!(
            config(&[
                "--max-ct",
                "1MiB",
                "--max-message",
                "2MiB",
                "--max-frame",
                "2MiB",
                "--max-outbox",
                "4MiB"
            ])
            .is_ok()
        );
    }
}

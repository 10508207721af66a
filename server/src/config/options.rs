//! The server's settings, each declared once as an option.

use std::{net::SocketAddr, path::PathBuf};

use clap::{ArgAction, ArgGroup, Args};
use ipnet::IpNet;
use vestibule_channels::transport::{ConnectPolicy, Origin, Origins, Proxies};
use vestibule_store::{self as store, Clock, Location};

use super::{
    admin::AdminOptions, connections::ConnectionOptions, database::DatabaseOptions, flow::FlowOptions,
    hook::HookOptions, live::LIVE, login::LoginOptions, tls::TlsOptions, values,
};
use crate::{approve::FlowConfig, secret_file::Modes};

/// The size of a frame of the flow without its one large field: signatures, keys, ids, and the
/// topic.
const FRAME_OVERHEAD: usize = 4096;

/// The most bytes that one character takes in JSON, as two escapes.
const ESCAPED: usize = 12;

/// The most names of a server. A proof is checked against each.
const MAX_NAMES: usize = 16;

/// All settings. Each is declared here once, as an option; the file's key, the environment
/// variable, `--help`, the manual page and the file of defaults follow from that.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Server", group(ArgGroup::new(LIVE).multiple(true)))]
pub struct Config {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4000", value_parser = values::address)]
    pub listen: SocketAddr,

    /// Folder for the server's secrets and its database; created if missing
    ///
    /// A relative path is resolved against the folder that the server is started in.
    #[arg(long, value_name = "FOLDER", default_value = "./data")]
    pub data: PathBuf,

    /// The database.
    #[command(flatten)]
    pub database: DatabaseOptions,

    /// Whether to refuse files of secrets that others can read: on or off
    ///
    /// Applies to the file `secrets` in the data folder and to the file of `--admin-tokens`: only
    /// their owner and group may read them. Turn it off if such files are mounted with modes that
    /// cannot be set, as in Docker and Kubernetes.
    #[arg(
        long,
        value_name = "on|off",
        default_value = "on",
        value_parser = values::switch,
        action = ArgAction::Set
    )]
    pub check_file_modes: bool,

    /// Host name that clients use for the server, such as chat.example.com; may be repeated
    ///
    /// Clients sign this name, so their signatures are worthless at any other server. Include the
    /// port if the URL has one. Set it behind a proxy. Without a name, the server answers only
    /// requests that are addressed to this machine itself (`localhost`, `127.0.0.1`, `[::1]`) with
    /// its own port, or to a name in its certificate; all others get HTTP 421. Separate several
    /// names with commas or repeat the option; at most 16.
    #[arg(long = "name", value_name = "NAME", value_delimiter = ',', value_parser = values::host)]
    pub names: Vec<String>,

    /// Origin whose pages may connect, such as `https://example.com` or `//*.example.com`; may be
    /// repeated
    ///
    /// By default, pages of the host that the request names may connect. `//*.example.com` allows
    /// the domain and its subdomains, with any scheme; `app://` allows all pages of a scheme;
    /// `null` allows pages without an origin, which any page can become. Separate several origins
    /// with commas or repeat the option.
    #[arg(long = "origin", group = LIVE, value_name = "ORIGIN", value_delimiter = ',', value_parser = values::origin)]
    pub origins: Vec<Origin>,

    /// Proxy whose X-Forwarded-For is trusted, an address or a network such as 10.0.0.0/8; may be
    /// repeated
    ///
    /// Without it, all clients behind a proxy have the proxy's address and share the limits of one
    /// address. Do not trust a proxy that passes the header on unchanged. Separate several proxies
    /// with commas or repeat the option.
    #[arg(
        long = "trusted-proxy",
        group = LIVE,
        value_name = "NETWORK",
        value_delimiter = ',',
        value_parser = values::network
    )]
    pub trusted_proxies: Vec<IpNet>,

    /// Whether to serve a page at / to try the server with: on or off
    #[arg(
        long,
        value_name = "on|off",
        default_value = "on",
        value_parser = values::switch,
        action = ArgAction::Set
    )]
    pub demo: bool,

    /// What to log, to standard error: error, warn, info, debug, trace, or a tracing filter
    ///
    /// A filter sets levels for parts of the program, such as `info,vestibule_store=debug`.
    #[arg(long, group = LIVE, value_name = "FILTER", default_value = "info,actix_server=warn", value_parser = values::filter)]
    pub log: String,

    /// The log's form, and the listener for operators.
    #[command(flatten)]
    pub admin: AdminOptions,

    /// The certificate.
    #[command(flatten)]
    pub tls: TlsOptions,

    /// The team's own logins.
    #[command(flatten)]
    pub login: LoginOptions,

    /// The team's own back end.
    #[command(flatten)]
    pub hook: HookOptions,

    /// The limits of connections.
    #[command(flatten)]
    pub connections: ConnectionOptions,

    /// The limits of the approve flow.
    #[command(flatten)]
    pub flow: FlowOptions,
}

impl Config {
    /// Where the database is.
    pub fn database(&self) -> Location {
        self.database.location(&self.data)
    }

    /// The file with the server's secrets.
    pub fn secrets(&self) -> PathBuf {
        self.data.join("secrets")
    }

    /// Whether to check the modes of files with secrets.
    pub fn file_modes(&self) -> Modes {
        if self.check_file_modes { Modes::Checked } else { Modes::Unchecked }
    }

    /// The size to which the database may grow, if it is a file.
    pub fn max_store(&self) -> Option<u64> {
        (!self.database.is_on_server()).then_some(self.flow.max_store)
    }

    /// The settings of the store, which goes by `clock`.
    pub fn store(&self, clock: Clock) -> store::StoreConfig {
        store::StoreConfig {
            quotas: self.flow.quotas(),
            max_bytes: self.max_store(),
            durability: self.database.durability,
            queue: self.flow.max_store_queue,
            // A join's reply has three lists, which are a third larger as text: together they are
            // well below what may wait for a client.
            page_bytes: self.connections.max_outbox / 8,
            show_accounts: self.login.show_accounts,
            clock,
        }
    }

    /// The settings of the approve flow.
    pub fn approve_flow(&self) -> FlowConfig {
        FlowConfig {
            names: self.names.clone(),
            limits: self.flow.limits(),
            redelivery: self.flow.redelivery,
            sweep: self.flow.sweep,
            mailbox: self.flow.max_mailbox,
            message: self.connections.max_message.min(self.connections.max_frame),
            new_requests: self.flow.new_requests(),
            fan_out: self.flow.fan_out(),
        }
    }

    /// The rules and limits for clients' connections.
    pub fn connect_policy(&self) -> ConnectPolicy {
        ConnectPolicy {
            origins: self.allowed_origins(),
            limits: self.connections.limits(),
            proxies: Proxies::new(self.trusted_proxies.clone()),
        }
    }

    fn allowed_origins(&self) -> Origins {
        if self.origins.is_empty() { Origins::SameHost } else { Origins::Listed(self.origins.clone()) }
    }

    /// Settings that contradict each other, each pair in a line that names them as options.
    pub(super) fn contradictions(&self) -> Vec<String> {
        let (flow, connections) = (&self.flow, &self.connections);
        let base64 = |bytes: usize| bytes.div_ceil(3).saturating_mul(4);
        let text = |characters: usize| characters.saturating_mul(ESCAPED);
        let fields = [
            ("--max-ct", base64(flow.max_ct)),
            ("--max-box-pub with --max-note", base64(flow.max_box_pub).saturating_add(text(flow.max_note))),
            ("--max-name", text(flow.max_name)),
        ];
        let room = connections.max_message.min(connections.max_frame);
        let too_large = fields.into_iter().filter_map(|(name, bytes)| {
            let frame = bytes.saturating_add(FRAME_OVERHEAD);
            (frame > room).then(|| {
                format!(
                    "{name} needs messages of {frame} bytes, but --max-message or --max-frame allows {room}"
                )
            })
        });
        let outbox = connections.max_outbox;
        let too_small = (outbox < connections.max_message).then(|| {
            format!("--max-outbox is {outbox} bytes, too few for one message of --max-message bytes")
        });
        let count = self.names.len();
        let too_many = (count > MAX_NAMES)
            .then(|| format!("--name is given {count} times, at most {MAX_NAMES} are allowed"));
        let pairs = self.tls.contradiction().into_iter().chain(self.hook.contradiction());
        too_large.chain(too_small).chain(too_many).chain(pairs).collect()
    }
}

#[cfg(test)]
mod tests {
    use vestibule_approve::limits::Quotas;
    use vestibule_channels::transport::Limits;

    use super::*;
    use crate::config::{Task, command};

    fn config(options: &[&str]) -> Result<Config, String> {
        let arguments = ["vestibule"].iter().chain(options).map(Into::into);
        let Task::Serve(sources) = Task::of(arguments, Vec::new()).map_err(|error| error.to_string())? else {
            unreachable!("there is no command")
        };
        sources.read().map(|settings| settings.config).map_err(|problems| problems[0].to_string())
    }

    #[test]
    fn no_option_is_needed() {
        let config = config(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:4000");
        assert_eq!(config.allowed_origins(), Origins::SameHost);
    }

    #[test]
    fn defaults_match_the_library() {
        let (config, defaults) = (config(&[]).unwrap(), FlowConfig::default());
        let set = config.approve_flow();
        assert_eq!((set.limits, config.store(Clock::default()).quotas), (defaults.limits, Quotas::default()));
        assert_eq!(
            (set.redelivery, set.sweep, set.mailbox),
            (defaults.redelivery, defaults.sweep, defaults.mailbox)
        );
        assert_eq!((set.message, set.new_requests), (defaults.message, defaults.new_requests));
        assert_eq!(config.connect_policy().limits, Limits::default());
    }

    #[test]
    fn each_option_is_in_the_manual() {
        let manual = include_str!("../../../docs/operations/configure.md");
        for option in command().get_arguments().filter_map(clap::Arg::get_long) {
            assert!(
                manual.contains(&format!("`--{option}`")),
                "--{option} is not in docs/operations/configure.md"
            );
        }
    }

    #[test]
    fn proxies_keep_connections_for_less_long() {
        for file in [
            include_str!("../../../docs/proxies/nginx.conf"),
            include_str!("../../../docs/proxies/Caddyfile"),
        ] {
            let setting = file.lines().map(str::trim).find(|line| {
                line.strip_prefix("keepalive").is_some_and(|rest| rest.trim_end_matches(';').ends_with('s'))
            });
            let time = setting.and_then(|line| line.trim_end_matches(';').split(' ').next_back());
            let theirs = values::duration(time.expect("a time to keep connections")).unwrap();
            let ours = config(&[]).unwrap().connections.http_timeouts().keep_alive;
            assert!(theirs < ours, "{theirs:?} and {ours:?}");
        }
    }

    #[test]
    fn contradicting_settings_are_refused() {
        for (options, says) in [
            (&["--max-ct", "256KiB"][..], "--max-ct"),
            (&["--max-message", "16KiB"], "--max-ct"),
            (&["--max-frame", "16KiB"], "--max-ct"),
            (&["--max-box-pub", "200KiB"], "--max-box-pub"),
            (&["--max-note", "100000"], "--max-note"),
            (&["--max-name", "100000"], "--max-name"),
            (&["--max-message", "2MiB"], "--max-outbox"),
            (&["--name", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"], "--name is given 17 times"),
            (&["--tls-cert", "cert.pem"], "--tls-key"),
            (&["--tls-key", "key.pem"], "--tls-cert"),
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

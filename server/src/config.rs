//! What an operator can set, by flags or environment. Every setting has a default that works.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;

use crate::{
    approve::Terms,
    transport::{Origin, Origins},
};

/// A Phoenix-compatible channel server for rooms whose keys only the members hold.
///
/// Without any option it listens on 127.0.0.1:4000 and stores in ./data.
#[derive(Clone, Debug, Parser)]
#[command(name = "vestibule", version)]
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

    /// What to log, to standard error: error, warn, info, debug, trace, or a tracing filter
    #[arg(long, value_name = "FILTER", default_value = "info,actix_server=warn", env = "VESTIBULE_LOG")]
    pub log: String,
}

impl Config {
    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.data.join("vestibule.db")
    }

    /// The file with the server's secrets.
    pub fn secrets(&self) -> PathBuf {
        self.data.join("secrets")
    }

    /// What is set about the approve flow.
    pub fn terms(&self) -> Terms {
        Terms { name: self.name.clone(), ..Terms::default() }
    }

    /// Which pages may connect.
    pub fn allowed_origins(&self) -> Origins {
        if self.origins.is_empty() { Origins::SameHost } else { Origins::Listed(self.origins.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_options_are_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn no_option_is_needed() {
        let config = Config::parse_from(["vestibule"]);
        assert_eq!(config.listen.to_string(), "127.0.0.1:4000");
        assert_eq!(config.allowed_origins(), Origins::SameHost);
    }
}

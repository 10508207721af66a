//! Where the database is, and what its answers mean.

use std::path::{Path, PathBuf};

use clap::Args;
use vestibule_store::{Durability, Location, ServerUrl};

use super::{guess, guess::did_you_mean};

/// The file in the data folder, if the database is not elsewhere.
const FILE: &str = "vestibule.db";

/// The database, and whether what it stores is safe.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Server")]
pub struct DatabaseOptions {
    /// Database: a file of SQLite, or the address of a PostgreSQL database, such as
    /// `postgres://vestibule@db.example.com/vestibule`; by default vestibule.db in the data folder
    ///
    /// The address is one of libpq's, which also reads `PGPASSFILE` and other variables. Others can
    /// see a password in an option: write it into a file that `PGPASSFILE` or `?passfile=` names,
    /// or set `VESTIBULE_DATABASE` from a file that only the server's user can read. The data
    /// folder is needed with PostgreSQL, too.
    #[arg(long, value_name = "FILE|ADDRESS", value_parser = place)]
    database: Option<Place>,

    /// What the answer ok means: full, or relaxed
    ///
    /// With `full`, what the server answered ok survives a power failure of the database's machine;
    /// the server does not start on a PostgreSQL whose `fsync` or `synchronous_commit` is off. With
    /// `relaxed` it starts, warns of that in the log, and says so in `/health/ready`. A file of
    /// SQLite is always written in full.
    #[arg(long, value_name = "full|relaxed", default_value = "full", value_parser = durability)]
    pub durability: Durability,
}

impl DatabaseOptions {
    /// Where the database is.
    pub(super) fn location(&self, data: &Path) -> Location {
        match &self.database {
            None => Location::File(data.join(FILE)),
            Some(Place::File(path)) => Location::File(path.clone()),
            Some(Place::Server(url)) => Location::Server { url: url.clone(), folder: data.to_owned() },
        }
    }

    /// Whether the database is on a server.
    pub(super) fn is_on_server(&self) -> bool {
        matches!(self.database, Some(Place::Server(_)))
    }

    /// Whether the address contains a password.
    pub(super) fn has_password(&self) -> bool {
        matches!(&self.database, Some(Place::Server(url)) if url.has_password())
    }
}

/// Where the database is, as it is set.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Server(ServerUrl),
}

fn place(text: &str) -> Result<Place, String> {
    match text {
        "" => Err("expected a file, or an address such as postgres://vestibule@localhost/vestibule".into()),
        address if ServerUrl::is_meant_by(address) => server(address.parse()?),
        file => Ok(Place::File(file.into())),
    }
}

/// The address of a database on a server.
pub fn server_address(text: &str) -> Result<ServerUrl, String> {
    match place(text)? {
        Place::Server(url) => Ok(url),
        Place::File(_) => {
            Err("expected an address such as postgres://vestibule@localhost/vestibule".to_owned())
        }
    }
}

fn server(url: ServerUrl) -> Result<Place, String> {
    if cfg!(feature = "postgres") {
        return Ok(Place::Server(url));
    }
    Err("this program was built without PostgreSQL: install libpq-dev, and build it with --features postgres"
        .into())
}

fn durability(text: &str) -> Result<Durability, String> {
    match text {
        "full" => Ok(Durability::Full),
        "relaxed" => Ok(Durability::Relaxed),
        other => {
            let meant = guess::nearest(&other.to_lowercase(), ["full", "relaxed"], |known| *known);
            Err(format!("expected full or relaxed{}", did_you_mean(meant)))
        }
    }
}

/// A value of a setting without a password, to show it: whatever looks like an address is shown as
/// one, or not at all.
pub(super) fn without_password(text: &str) -> String {
    if !text.contains("postgres:") && !text.contains("postgresql:") {
        return text.to_owned();
    }
    let hidden = || "postgres://***".to_owned();
    text.parse().map_or_else(|_| hidden(), |url: ServerUrl| url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_without_its_password() {
        for (text, shown) in [
            ("/var/lib/v.db", "/var/lib/v.db"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("postgres://u:s3cret@h/d", "postgres://u:***@h/d"),
            ("postgres://u:s3 cret@h/d", "postgres://***"),
            ("postgres:u:s3cret@h", "postgres://***"),
            ("[\"postgres://u:s3cret@h/d\"]", "postgres://***"),
        ] {
            assert_eq!(without_password(text), shown);
        }
    }

    #[test]
    fn a_file_and_an_address_are_told_apart() {
        assert_eq!(place("data/v.db"), Ok(Place::File("data/v.db".into())));
        for wrong in ["", "postgres:", "postgres:/h", "postgres://u@h/a b"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
        let address = place("postgres://u:s3cret@h/d");
        if cfg!(feature = "postgres") {
            assert_eq!(format!("{:?}", address.unwrap()), "Server(ServerUrl(postgres://u:***@h/d))");
        } else {
            assert!(address.unwrap_err().starts_with("this program was built without PostgreSQL: install"));
        }
    }

    #[test]
    fn durability_is_full_or_relaxed() {
        assert_eq!(
            (durability("full"), durability("relaxed")),
            (Ok(Durability::Full), Ok(Durability::Relaxed))
        );
        let error = durability("Relax").unwrap_err();
        assert_eq!(error, "expected full or relaxed (did you mean relaxed?)");
    }
}

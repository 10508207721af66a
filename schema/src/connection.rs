//! The database and the connections to it: a file of SQLite, or a server of PostgreSQL.
//!
//! SQLite has one [`writer`](Database::writer), PostgreSQL any number. Reads go through a
//! [`ReadPool`].

mod any;
mod file;
mod pool;
pub(crate) mod prepared;
#[cfg(feature = "postgres")]
mod server;
mod url;

use std::path::Path;

use diesel::r2d2::R2D2Connection;

use crate::error::Error;

pub use self::any::AnyConnection;
pub(crate) use self::any::on_either;
pub use self::file::cap;
pub(crate) use self::file::{connect_to_copy, connect_to_look, connect_to_read};
pub use self::pool::ReadPool;
#[cfg(feature = "postgres")]
pub(crate) use self::server::exclusively;
pub use self::url::ServerUrl;

/// A connection to the database.
pub type Connection = AnyConnection;

/// What queries are built for.
pub type Backend = <Connection as diesel::Connection>::Backend;

/// A data file, locked for this process, or a database on a server.
///
/// Keep it as long as any of its connections: the lock ends with it.
#[derive(Debug)]
pub struct Database(Kind);

#[derive(Debug)]
enum Kind {
    File(file::DataFile),
    #[cfg(feature = "postgres")]
    Server(ServerUrl),
}

impl Database {
    /// Locks the data file at `path`. Creates it (mode 0600) and its folder (0700) if they are
    /// missing.
    ///
    /// [`writer`](Self::writer) finds out whether the file is a database.
    ///
    /// Errors: [`InUse`](crate::ErrorKind::InUse) if another [`Database`] has it,
    /// [`Config`](crate::ErrorKind::Config) if the folder or the file cannot be created, written or
    /// kept private.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        file::DataFile::open(path.as_ref()).map(|file| Self(Kind::File(file)))
    }

    /// A database on a server. [`writer`](Self::writer) connects to it.
    ///
    /// Errors: [`Config`](crate::ErrorKind::Config) if this program was built without PostgreSQL.
    #[cfg(feature = "postgres")]
    pub fn on_server(url: &ServerUrl) -> Result<Self, Error> {
        Ok(Self(Kind::Server(url.clone())))
    }

    /// A database on a server, which this program was built without.
    #[cfg(not(feature = "postgres"))]
    pub fn on_server(_: &ServerUrl) -> Result<Self, Error> {
        let message = "this program was built without PostgreSQL (the Cargo feature `postgres`)";
        Err(Error::new(crate::ErrorKind::Config, message))
    }

    /// The data file: absolute, without symbolic links. `None` on a server.
    pub fn file(&self) -> Option<&Path> {
        match &self.0 {
            Kind::File(file) => Some(file.path()),
            #[cfg(feature = "postgres")]
            Kind::Server(_) => None,
        }
    }

    /// Opens a connection that may write. Open only one to a file: a second would wait for the
    /// first.
    ///
    /// Errors: [`Corrupt`](crate::ErrorKind::Corrupt) if the file is not a database or its schema
    /// is damaged, [`Config`](crate::ErrorKind::Config) if a setting had no effect,
    /// [`Disconnected`](crate::ErrorKind::Disconnected) if the server cannot be reached.
    pub fn writer(&self) -> Result<Connection, Error> {
        match &self.0 {
            Kind::File(file) => file.writer(),
            #[cfg(feature = "postgres")]
            Kind::Server(url) => server::connect(url, server::Access::Write),
        }
    }

    /// Opens a pool of `size` connections (at least one) that cannot write.
    ///
    /// Errors: as [`writer`](Self::writer).
    pub fn readers(&self, size: u32) -> Result<ReadPool, Error> {
        match &self.0 {
            Kind::File(file) => ReadPool::of_file(file.path(), size),
            #[cfg(feature = "postgres")]
            Kind::Server(url) => ReadPool::of_server(url, size),
        }
    }
}

/// The first setting of the server with which an answer does not mean stored; `None` if there is
/// none, or if the database is a file.
pub fn not_durable(conn: &mut Connection) -> Result<Option<&'static str>, Error> {
    match conn {
        Connection::Sqlite(_) => Ok(None),
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => server::not_durable(conn),
    }
}

/// Whether a connection works. Asks the server.
pub fn works(conn: &mut Connection) -> bool {
    conn.ping().is_ok()
}

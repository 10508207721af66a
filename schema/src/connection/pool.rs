//! Connections that cannot write, shared by threads.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::r2d2::R2D2Connection;

#[cfg(feature = "postgres")]
use super::server;
#[cfg(feature = "postgres")]
use super::url::ServerUrl;
use super::{Connection, file};
use crate::error::{Error, ErrorKind};

/// How long to wait for a free connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// A pool of connections that cannot write, shared by threads.
#[derive(Debug, Clone)]
pub struct ReadPool {
    pool: r2d2::Pool<Source>,
    losses: Losses,
}

/// How often a connection was lost. One that was last used before the last loss is tested before it
/// is used again: it is probably lost too.
#[derive(Debug, Clone, Default)]
struct Losses(Arc<AtomicU64>);

impl Losses {
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Where connections come from.
#[derive(Debug)]
struct Source {
    kind: Kind,
    losses: Losses,
}

#[derive(Debug)]
enum Kind {
    File(String),
    #[cfg(feature = "postgres")]
    Server(ServerUrl),
}

/// A connection of a pool.
struct Reader {
    conn: Connection,
    /// The losses when it last worked.
    losses: u64,
}

impl ReadPool {
    pub(super) fn of_file(path: &Path, size: u32) -> Result<Self, Error> {
        let path = path.to_str().ok_or_else(|| Error::new(ErrorKind::Config, "the path is not UTF-8"))?;
        Self::of(Kind::File(path.to_owned()), size).map_err(|error| error.at(path))
    }

    #[cfg(feature = "postgres")]
    pub(super) fn of_server(url: &ServerUrl, size: u32) -> Result<Self, Error> {
        Self::of(Kind::Server(url.clone()), size)
    }

    fn of(kind: Kind, size: u32) -> Result<Self, Error> {
        let losses = Losses::default();
        let source = Source { kind, losses: losses.clone() };
        // The pool retries until its timeout and then returns only a message; a first connection
        // fails at once with the cause.
        r2d2::ManageConnection::connect(&source)?;
        let pool = r2d2::Pool::builder()
            .max_size(size.max(1))
            .connection_timeout(PATIENCE)
            // Connections and their prepared statements are kept.
            .idle_timeout(None)
            .max_lifetime(None)
            .build(source)
            .map_err(|error| Error::from_text(error, ErrorKind::Busy))?;
        Ok(Self { pool, losses })
    }

    /// Takes a connection, after up to 5 seconds. It returns to the pool when dropped.
    ///
    /// Errors: [`ErrorKind::Busy`] if none became free, [`ErrorKind::Disconnected`] if the server
    /// cannot be reached.
    pub fn get(&self) -> Result<impl DerefMut<Target = Connection> + use<>, Error> {
        self.pool.get().map_err(|error| Error::from_text(error, ErrorKind::Busy)).map(Taken)
    }

    /// Notes that the connection to the server was lost: others are tested before they are used.
    pub fn note_loss(&self) {
        self.losses.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection outside the pool.
struct Taken(r2d2::PooledConnection<Source>);

impl Deref for Taken {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0.conn
    }
}

impl DerefMut for Taken {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0.conn
    }
}

impl r2d2::ManageConnection for Source {
    type Connection = Reader;
    type Error = Error;

    fn connect(&self) -> Result<Reader, Error> {
        let losses = self.losses.now();
        let conn = match &self.kind {
            Kind::File(path) => file::reader(path)?,
            #[cfg(feature = "postgres")]
            Kind::Server(url) => server::connect(url, server::Access::Read)?,
        };
        Ok(Reader { conn, losses })
    }

    /// Asked before each use. A connection to a file does not break.
    fn is_valid(&self, reader: &mut Reader) -> Result<(), Error> {
        let losses = self.losses.now();
        if reader.losses != losses {
            reader.conn.ping()?;
            reader.losses = losses;
        }
        Ok(())
    }

    fn has_broken(&self, reader: &mut Reader) -> bool {
        std::thread::panicking() || reader.conn.is_broken()
    }
}

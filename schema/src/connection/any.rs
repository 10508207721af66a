//! A connection to either database, for which each query is written once.
//!
//! The enum has a module of its own, because what Diesel derives for it imports all names around
//! it.

#[cfg(feature = "postgres")]
use diesel::pg::PgConnection;
use diesel::sqlite::SqliteConnection;

/// A connection to either database.
#[cfg(not(feature = "postgres"))]
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    /// To a file.
    Sqlite(SqliteConnection),
}

/// A connection to either database.
#[cfg(feature = "postgres")]
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    /// To a file.
    Sqlite(SqliteConnection),
    /// To a server.
    Postgres(PgConnection),
}

/// Runs a query on whichever this is, as Diesel writes it for that database alone. Through the enum
/// Diesel cannot write all, and puts together a query's text each time: what every command needs
/// goes past it.
macro_rules! on_either {
    ($conn:expr, |$inner:ident| $body:expr) => {
        match $conn {
            $crate::connection::AnyConnection::Sqlite($inner) => $body,
            #[cfg(feature = "postgres")]
            $crate::connection::AnyConnection::Postgres($inner) => $body,
        }
    };
}
pub(crate) use on_either;

//! Copies a file into a database on a server.

use std::{fs, path::Path};

use vestibule_schema::{Database, ServerUrl, copy};

pub use vestibule_schema::copy::Copied;

use crate::backup::BackupError;

/// Copies the database in a file, which no server may be using, into an empty one on a server, with
/// its epoch: clients go on as if nothing had happened. Calls `progress` after each batch of rows,
/// and returns the counts of all tables.
///
/// The mark stays where it is. A server that is started with the same data folder compares it with
/// the copy, and so notices if an older file was copied.
pub fn to_server(
    from: &Path,
    to: &ServerUrl,
    progress: impl FnMut(Copied),
) -> Result<Vec<Copied>, BackupError> {
    // Otherwise an empty one would be created.
    fs::metadata(from).map_err(|source| BackupError::File { path: from.to_owned(), source })?;
    let file = Database::open(from)?;
    let server = Database::on_server(to)?;
    let (mut from, mut to) = (file.writer()?, server.writer()?);
    Ok(copy::copy(&mut from, &mut to, progress)?)
}

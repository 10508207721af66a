//! Opens the database.

use std::{fs, io, os::unix::fs::DirBuilderExt as _, path::Path, sync::Arc};

use vestibule_schema::{Connection, Database, Error, ErrorKind, connection::not_durable, migrate, shrink};

use crate::{
    config::{Durability, Location, StoreConfig},
    error::OpenError,
    file_identity::DatabaseFiles,
    reserve,
};

/// Opens and migrates the database.
pub(super) fn open(location: &Location, config: &StoreConfig) -> Result<(Database, Connection), OpenError> {
    let (database, mut connection) = match location {
        Location::File(path) => open_file(path)?,
        Location::Server { url, folder } => {
            create(folder).map_err(|source| OpenError::Folder { path: folder.clone(), source })?;
            let database = Database::on_server(url)?;
            let connection = database.writer()?;
            (database, connection)
        }
    };
    check_durability(&mut connection, config.durability)?;
    let applied = migrate::run(&mut connection)?;
    if applied > 0 {
        tracing::info!(applied, "database migrated");
    }
    if let Some(bytes) = config.max_bytes {
        vestibule_schema::cap(&mut connection, bytes)?;
    }
    Ok((database, connection))
}

/// The files of the database, to see whether they are moved; `None` on a server.
pub(super) fn files_of(database: &Database) -> Result<Option<Arc<DatabaseFiles>>, OpenError> {
    let Some(path) = database.file() else { return Ok(None) };
    match DatabaseFiles::of(path) {
        Ok(files) => Ok(Some(Arc::new(files))),
        Err(source) => Err(OpenError::Files { path: path.to_owned(), source }),
    }
}

/// Creates a folder that only this user can look into, unless it is there.
fn create(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Opens a file, on a full disk with the space that is reserved for that.
fn open_file(path: &Path) -> Result<(Database, Connection), Error> {
    let database = Database::open(path)?;
    let mut connection = database.writer().or_else(|error| {
        let is_disk = matches!(error.kind(), ErrorKind::Full | ErrorKind::Fatal);
        if is_disk && database.file().is_some_and(reserve::give_up) { database.writer() } else { Err(error) }
    })?;
    have_it_shrink(&mut connection)?;
    Ok((database, connection))
}

/// Refuses a server that answers before something is stored.
fn check_durability(connection: &mut Connection, wanted: Durability) -> Result<(), OpenError> {
    match (not_durable(connection)?, wanted) {
        (None, _) => Ok(()),
        (Some(setting), Durability::Full) => Err(OpenError::NotDurable(setting)),
        (Some(setting), Durability::Relaxed) => {
            tracing::warn!(
                "{setting} is off: what was answered may be lost when the database's machine fails"
            );
            Ok(())
        }
    }
}

/// Has the database give space back. A start on a full disk, or while a backup reads, goes on
/// without.
fn have_it_shrink(connection: &mut Connection) -> Result<(), Error> {
    match shrink::enable(connection) {
        Ok(true) => {}
        Ok(false) => {
            tracing::info!("the database never shrinks: a backup of it, restored, does");
        }
        Err(error) if matches!(error.kind(), ErrorKind::Full | ErrorKind::Busy) => {
            tracing::warn!(%error, "the database does not shrink for now");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

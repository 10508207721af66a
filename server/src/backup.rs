//! `vestibule backup` and `vestibule restore`: copies of the database, named by the time.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use vestibule_store::{
    Location,
    backup::{self, Backup, BackupError, Contents, Restored},
};

use crate::config::Config;

/// Copies the database to `to`, or, if that is a folder, to a file in it that is named by the time,
/// and returns what to tell people.
pub fn make(config: &Config, to: &Path, now: SystemTime) -> Result<String, BackupError> {
    let Backup { path, bytes, contents } = backup::make(file(&config.database())?, &copy_path(to, now))?;
    let (path, contents) = (path.display(), in_words(contents));
    Ok(format!("{path} has {bytes} bytes and was read again: {contents}\n"))
}

/// Puts a copy in place of the database, and returns what to tell people.
pub fn restore(config: &Config, copy: &Path, now: SystemTime) -> Result<String, BackupError> {
    let location = config.database();
    let database = file(&location)?;
    let suffix = format!(".replaced-{}", in_file_name(now));
    let Restored { contents, replaced } = backup::restore(copy, database, &suffix)?;
    let (database, contents) = (database.display(), in_words(contents));
    let before = replaced.map_or_else(String::new, |replaced| {
        format!("The one before is {}: delete it when you no longer need it.\n", replaced.display())
    });
    Ok(format!(
        "{database} is restored: {contents}\n{before}The next start says so in the log, and clients fetch everything \
         anew.\n"
    ))
}

/// The database's file.
fn file(location: &Location) -> Result<&Path, BackupError> {
    location.file().ok_or(BackupError::OnServer)
}

/// Where the copy goes.
fn copy_path(to: &Path, now: SystemTime) -> PathBuf {
    if to.is_dir() { to.join(format!("vestibule-{}.db", in_file_name(now))) } else { to.to_owned() }
}

/// The time, without the characters that are special in names of files.
fn in_file_name(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string().replace(':', "-")
}

fn in_words(contents: Contents) -> String {
    let Contents { rooms, requests, approves, denials, notices } = contents;
    format!("{rooms} rooms, {requests} requests, {approves} approves, {denials} denials, {notices} notices")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_in_a_folder_is_named_by_the_time() {
        let (folder, now) = (tempfile::tempdir().unwrap(), SystemTime::UNIX_EPOCH);
        let name = folder.path().join("vestibule-1970-01-01T00-00-00Z.db");
        assert_eq!(copy_path(folder.path(), now), name);
        assert_eq!(copy_path(&folder.path().join("mine.db"), now), folder.path().join("mine.db"));
    }
}

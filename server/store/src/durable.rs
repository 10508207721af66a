//! Small files that outlast a crash as a whole: a reader finds what was there before or what was written, never a part.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Writes a file for its owner alone, in place of the one that is there. Once this returns, a power failure does not take it
/// back; after an error the old one is there, except where only the last step, to make the new name durable, failed.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = beside(path, ".new");
    let in_place = write_new(&new, content).and_then(|()| fs::rename(&new, path));
    if in_place.is_err() {
        // On a full disk the part that was written takes room that others need.
        let _ = fs::remove_file(&new);
    }
    in_place?;
    sync_folder_of(path)
}

/// The file of that name with something added.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    // A crash may have left one, of whatever mode.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// A name is in its folder, and durable once that is.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_written_is_whole_its_owners_and_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.txt");
        // What a crash has left is in nobody's way.
        fs::write(beside(&path, ".new"), "a part").unwrap();
        for content in ["first", "2"] {
            write(&path, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_leaves_all_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "").unwrap();
        write(&path, b"x").unwrap_err();
        assert!(path.join("inside").exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half done is left");
    }
}

//! Files that contain secrets, which only the server may read.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use thiserror::Error;
use zeroize::Zeroizing;

/// The mode bits that such a file must not have: the group may read it, others may do nothing.
const FORBIDDEN: u32 = 0o027;

/// Whether to refuse files that others can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modes {
    /// Refuse them.
    Checked,
    /// Accept them: the files are mounted with modes that cannot be set.
    Unchecked,
}

/// Why such a file cannot be read. Each message says in one line what is wrong with which file, and
/// nothing of its content.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretFileError {
    /// The file is missing, cannot be read, or is not text.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Others can read it, or its group can write it.
    #[error(
        "{} is accessible to others (mode {mode:04o}): chmod 600 it, or set --check-file-modes off if modes cannot be set",
        path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

/// Reads such a file, after checking its mode.
pub fn read(path: &Path, modes: Modes) -> Result<Zeroizing<String>, SecretFileError> {
    let error = |source| SecretFileError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(error)?;
    let mode = mode(&file).map_err(error)?;
    if modes == Modes::Checked && mode & FORBIDDEN != 0 {
        return Err(SecretFileError::Open { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(error)?;
    Ok(text)
}

/// A warning if everybody can read a file that programs other than this one, such as a web server,
/// must read, too.
pub fn open_to_everybody(path: &Path, modes: Modes) -> Option<String> {
    const EVERYBODY: u32 = 0o007;
    let mode = File::open(path).and_then(|file| mode(&file)).unwrap_or_default();
    (modes == Modes::Checked && mode & EVERYBODY != 0)
        .then(|| format!("{} is accessible to everybody (mode {mode:04o}): chmod 600 it", path.display()))
}

fn mode(file: &File) -> io::Result<u32> {
    Ok(file.metadata()?.permissions().mode() & 0o7777)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_open_to_others_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        assert!(matches!(read(&path, Modes::Checked), Err(SecretFileError::Read { .. })));
        fs::write(&path, "hush").unwrap();
        for (mode, is_open) in [
            (0o600, false),
            (0o400, false),
            (0o640, false),
            (0o440, false),
            (0o644, true),
            (0o604, true),
            (0o660, true),
            (0o620, true),
            (0o602, true),
            (0o601, true),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let found = read(&path, Modes::Checked);
            assert_eq!(matches!(found, Err(SecretFileError::Open { .. })), is_open, "{mode:o}");
            assert_eq!(*read(&path, Modes::Unchecked).unwrap(), "hush", "{mode:o}");
        }
    }

    #[test]
    fn errors_are_one_line_without_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        fs::write(&path, "hush").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = read(&path, Modes::Checked).unwrap_err().to_string();
        assert!(error.contains("secrets is accessible to others (mode 0644): chmod 600"), "{error}");
        assert!(error.lines().count() == 1 && !error.contains("hush"), "{error}");
    }
}

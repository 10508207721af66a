//! Files with secrets in them, which nobody but the server may read.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use thiserror::Error;
use zeroize::Zeroizing;

/// What others than the owner may not do with such a file: the group may read it, nobody else anything.
const FORBIDDEN: u32 = 0o027;

/// Whether files that others may read are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modes {
    /// They are.
    Checked,
    /// They are not: their modes are those of whoever mounts them, and mean nothing.
    Unchecked,
}

/// Why such a file is not read. Each says in one line what is wrong with which file, and never what is in it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfidentialError {
    /// It is not there, is not for this process to read, or is no text.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody else may read it, or its group may write it.
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

/// Reads such a file.
pub fn read(path: &Path, modes: Modes) -> Result<Zeroizing<String>, ConfidentialError> {
    let error = |source| ConfidentialError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(error)?;
    let mode = mode(&file).map_err(error)?;
    if modes == Modes::Checked && mode & FORBIDDEN != 0 {
        return Err(ConfidentialError::Open { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(error)?;
    Ok(text)
}

/// What is to be said where everybody may read a file that others than this program have to read too, such as the web server
/// beside it.
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
        assert!(matches!(read(&path, Modes::Checked), Err(ConfidentialError::Read { .. })));
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
            assert_eq!(matches!(found, Err(ConfidentialError::Open { .. })), is_open, "{mode:o}");
            assert_eq!(*read(&path, Modes::Unchecked).unwrap(), "hush", "{mode:o}");
        }
    }

    #[test]
    fn what_is_wrong_is_one_line_without_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        fs::write(&path, "hush").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = read(&path, Modes::Checked).unwrap_err().to_string();
        assert!(error.contains("secrets is accessible to others (mode 0644): chmod 600"), "{error}");
        assert!(error.lines().count() == 1 && !error.contains("hush"), "{error}");
    }
}

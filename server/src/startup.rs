//! Reads and checks everything that the server needs before it opens anything. The server does this
//! at its start and so does `vestibule check-config`, so both report the same. Nothing is created
//! or changed.

use std::{
    fs, io,
    net::IpAddr,
    path::{self, Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{Access, access},
    io::Errno,
};
use thiserror::Error;

use crate::{
    admin::{Listen, TokenError, TokenFile},
    config::{Config, KeyPlace},
    hook::{HookSecretError, HookSecrets},
    login::{KeyFileError, KeySet},
    session::{SecretError, Secrets},
    tls::{Certificate, TlsError},
};

/// The files that were read.
pub struct Files {
    pub(crate) tokens: Option<Arc<TokenFile>>,
    pub(crate) certificate: Option<Arc<Certificate>>,
    /// `None` if the file does not exist yet: the server creates it.
    pub(crate) secrets: Option<Secrets>,
    /// The keys of the team's own logins, if they are in a file.
    pub(crate) login_keys: Option<Arc<KeySet>>,
    /// The secrets of the auth hook.
    pub(crate) hook_secrets: Option<HookSecrets>,
}

/// The result of reading and checking.
pub struct Startup {
    /// The files, or everything that keeps the server from starting.
    pub files: Result<Files, Vec<Unusable>>,
    /// Problems that do not keep it from starting.
    pub warnings: Vec<String>,
}

/// A file or folder that the server cannot use. Each message says in one line what is wrong and
/// where.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Unusable {
    /// The operators' tokens.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// The certificate or its key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The server's secrets.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// The keys of the team's own logins.
    #[error(transparent)]
    LoginKeys(#[from] KeyFileError),
    /// The secret of the auth hook.
    #[error(transparent)]
    HookSecret(#[from] HookSecretError),
    /// The data folder, or one of the store's files in it.
    #[error("cannot use {}: {source}", path.display())]
    Data {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The operators' Unix socket.
    #[error("cannot listen on {at} for operators: {source}")]
    AdminListen {
        /// The address or path.
        at: Listen,
        /// The system's error.
        source: io::Error,
    },
}

impl Startup {
    /// Reads the files that the configuration names, and checks that the server could write where
    /// it must.
    pub fn read(config: &Config) -> Self {
        let modes = config.file_modes();
        let mut unusable = Vec::new();
        let tokens = config.admin.admin_tokens.as_deref().map(|path| TokenFile::load(path, modes));
        let tokens = kept(tokens, &mut unusable);
        let certificate = config.tls.files().map(|(cert, key)| Certificate::load(cert, key, modes));
        let certificate = kept(certificate, &mut unusable);
        let secrets = kept(Secrets::load(&config.secrets(), modes).transpose(), &mut unusable);
        let login_keys = match config.login.keys() {
            Some(KeyPlace::File(path)) => Some(KeySet::load(path, modes).map(Arc::new)),
            Some(KeyPlace::Address(_)) | None => None,
        };
        let login_keys = kept(login_keys, &mut unusable);
        let hook_secrets = config.hook.hook().map(|(_, secret)| HookSecrets::load(secret, modes));
        let hook_secrets = kept(hook_secrets, &mut unusable);
        let location = config.database();
        kept(location.file().map(database_file), &mut unusable);
        if location.file().is_none_or(|file| file.parent() != Some(&config.data)) {
            kept(Some(writable(&config.secrets())), &mut unusable);
        }
        if config.admin.admin_tokens.is_some() {
            let at = &config.admin.admin_listen;
            let looked = at.check().map_err(|source| Unusable::AdminListen { at: at.clone(), source });
            kept(Some(looked), &mut unusable);
        }
        let warnings = certificate.as_ref().map(|certificate| certificate.warnings()).unwrap_or_default();
        let files = Files { tokens, certificate, secrets, login_keys, hook_secrets };
        Self { files: if unusable.is_empty() { Ok(files) } else { Err(unusable) }, warnings }
    }
}

impl Files {
    /// A warning if clients will probably address the server by a name that it does not know.
    pub fn name_warning(&self, config: &Config, listens_at: IpAddr) -> Option<&'static str> {
        let is_certified = self.certificate.as_ref().is_some_and(|certificate| certificate.has_names());
        let is_reached = !listens_at.is_loopback() && !is_certified;
        (config.names.is_empty() && (is_reached || !config.trusted_proxies.is_empty())).then_some(
            "no --name is set, so the server answers only requests that are addressed to this machine itself or to a \
             name in its certificate, and refuses all others (HTTP 421): set --name to the name that clients use",
        )
    }
}

/// The value that was read, if any; an error is added to the others.
fn kept<T, E: Into<Unusable>>(read: Option<Result<T, E>>, unusable: &mut Vec<Unusable>) -> Option<T> {
    read?.map_err(|error| unusable.push(error.into())).ok()
}

/// Checks that a file can be created: its folder, or the nearest existing one above. Returns the
/// file's absolute path.
fn writable(file: &Path) -> Result<PathBuf, Unusable> {
    let at = |path: &Path, source| Unusable::Data { path: path.to_owned(), source };
    let file = path::absolute(file).map_err(|source| at(file, source))?;
    // Missing folders are created. A link that leads nowhere exists.
    let is_there = |path: &&Path| {
        !fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    let Some(folder) = file.ancestors().skip(1).find(is_there) else { return Ok(file) };
    let metadata = fs::metadata(folder).map_err(|source| at(folder, source))?;
    if !metadata.is_dir() {
        return Err(at(folder, io::ErrorKind::NotADirectory.into()));
    }
    access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| at(folder, error.into()))?;
    Ok(file)
}

/// Checks that the database can be created or written: its folder and its files.
fn database_file(database: &Path) -> Result<(), Unusable> {
    let at = |path: &Path, source| Unusable::Data { path: path.to_owned(), source };
    let database = writable(database)?;
    for suffix in ["", ".lock", "-wal", "-shm"] {
        let mut file = database.clone().into_os_string();
        file.push(suffix);
        let file = PathBuf::from(file);
        if file.is_dir() {
            return Err(at(&file, io::ErrorKind::IsADirectory.into()));
        }
        match access(&file, Access::READ_OK | Access::WRITE_OK) {
            Err(error) if error != Errno::NOENT => return Err(at(&file, error.into())),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn says(database: &Path) -> String {
        database_file(database).unwrap_err().to_string()
    }

    #[test]
    fn existing_and_creatable_folders_are_accepted() {
        let folder = tempfile::tempdir().unwrap();
        for database in ["v.db", "a/v.db", "a/b/c/v.db"] {
            assert!(database_file(&folder.path().join(database)).is_ok(), "{database}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "and none is made");
        assert!(database_file(Path::new("v.db")).is_ok(), "below the present one");
    }

    #[test]
    fn unusable_folders_and_files_are_reported() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(says(&file.join("v.db")).contains("file: "), "{}", says(&file.join("v.db")));
        assert!(says(&file.join("a/v.db")).contains("file"), "{}", says(&file.join("a/v.db")));
        let database = folder.path().join("v.db");
        for name in ["v.db-wal", "v.db"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            assert!(says(&database).contains(&format!("{name}: ")), "{}", says(&database));
        }
        let link = folder.path().join("link");
        symlink("nowhere", &link).unwrap();
        assert!(says(&link.join("v.db")).contains("link: "), "{}", says(&link.join("v.db")));
    }
}

//! The operators' listener: a TCP address or a Unix socket.

use std::{
    fmt, fs, io,
    net::{SocketAddr, TcpListener},
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _},
        net::{SocketAddr as SocketName, UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    str::FromStr,
};

use rustix::fs::{Access, access};

/// The mode of a Unix socket: its owner and group may connect. They need a token as well.
const MODE: u32 = 0o660;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address; port 0 picks a free port.
    Tcp(SocketAddr),
    /// The path of a Unix socket, which is created there.
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some(path) if Path::new(path).is_absolute() => Ok(Listen::Unix(path.into())),
            Some(_) => Err("expected an absolute path after unix:, such as unix:/run/vestibule/admin".to_owned()),
            None => text.parse().map(Listen::Tcp).map_err(|_| {
                "expected an address and a port such as 127.0.0.1:4001 or [::1]:4001, with a port from 0 (any free port) \
                 to 65535, or unix:/run/vestibule/admin"
                    .to_owned()
            }),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Tcp(address) => write!(formatter, "http://{address}"),
            Listen::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

/// A listener that is bound.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listen {
    /// Binds the listener, and returns where it listens.
    pub(super) fn bind(&self) -> io::Result<(Listener, Listen)> {
        match self {
            Listen::Tcp(address) => {
                let listener = TcpListener::bind(address)?;
                let bound = Listen::Tcp(listener.local_addr()?);
                Ok((Listener::Tcp(listener), bound))
            }
            Listen::Unix(path) => {
                remove_dead(path)?;
                let listener = UnixListener::bind(path)?;
                fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
                Ok((Listener::Unix(listener), self.clone()))
            }
        }
    }

    /// Checks whether a Unix socket could be created at the path. Whether an address is free shows
    /// only when it is bound.
    pub(crate) fn check(&self) -> io::Result<()> {
        let Listen::Unix(path) = self else { return Ok(()) };
        SocketName::from_pathname(path)?;
        access(path.parent().unwrap_or(path), Access::WRITE_OK | Access::EXEC_OK)?;
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => Err(io::ErrorKind::AddrInUse.into()),
            _ => Ok(()),
        }
    }

    /// Removes the Unix socket after the listener has ended.
    pub(super) fn clean_up(&self) {
        if let Listen::Unix(path) = self {
            // Somebody else may have removed it.
            let _ = fs::remove_file(path);
        }
    }
}

/// Removes a Unix socket that a killed server has left behind, on which nobody listens.
fn remove_dead(path: &Path) -> io::Result<()> {
    let is_socket = match fs::symlink_metadata(path) {
        Ok(found) => found.file_type().is_socket(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    match UnixStream::connect(path) {
        Err(error) if is_socket && error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_paths() {
        for text in ["127.0.0.1:4001", "[::1]:1", "unix:/run/vestibule/admin"] {
            let shown = text.parse::<Listen>().unwrap().to_string();
            assert_eq!(shown.trim_start_matches("http://"), text);
        }
        for bad in ["", "4001", "localhost:4001", "unix:", "unix:admin", "/run/admin"] {
            assert!(bad.parse::<Listen>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_dead_socket_is_replaced_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin");
        let listen = Listen::Unix(path.clone());
        let (first, _) = listen.bind().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        assert!(listen.bind().is_err(), "somebody listens");
        drop(first);
        assert!(listen.check().is_ok());
        assert!(listen.bind().is_ok());
        listen.clean_up();
        assert!(listen.check().is_ok() && !path.exists(), "to look makes nothing");
        fs::write(&path, "a file").unwrap();
        assert!(listen.check().is_err() && listen.bind().is_err());
        assert_eq!(fs::read(&path).unwrap(), b"a file");
        for nowhere in ["/nowhere/admin".to_owned(), format!("/{}", "long/".repeat(40))] {
            let listen = Listen::Unix(nowhere.into());
            assert!(listen.check().is_err() && listen.bind().is_err(), "{listen}");
        }
    }
}

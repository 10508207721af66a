//! A server with a file of settings.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use vestibule_approve::signed::Alg;
use vestibule_tests::admin::AdminServer;
use vestibule_tests::people::{Device, Person};
use vestibule_tests::process::{Launch, Server};

/// A server, and the folder of its file.
pub(crate) struct Site {
    pub(crate) admin: AdminServer,
    folder: TempDir,
}

impl Site {
    /// Starts a server with this file.
    pub(crate) fn new(settings: &str) -> Self {
        Self::with(|_| settings.to_owned())
    }

    /// Starts a server with the file that is made for its folder.
    pub(crate) fn with(settings: impl FnOnce(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = folder.path().join("vestibule.toml");
        fs::write(&file, settings(folder.path())).expect("a file");
        let launch = Launch::vestibule().arg("--config").arg(file.to_str().expect("UTF-8"));
        Self { admin: AdminServer::launch(launch), folder }
    }

    pub(crate) fn server(&self) -> &Server {
        &self.admin.server
    }

    /// A file beside that of the settings.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes another file, and has the server read it.
    pub(crate) fn reload(&self, settings: &str) {
        fs::write(self.path("vestibule.toml"), settings).expect("a file");
        self.server().signal("HUP");
    }

    /// A client without an account.
    pub(crate) fn stranger(&self) -> Device {
        Device::with_token(self.server().address(), &Person::new(Alg::Ed25519), None)
    }

    /// A client that has signed in.
    pub(crate) fn user(&self) -> Device {
        Device::connect(self.server().address(), &Person::new(Alg::Ed25519))
    }
}

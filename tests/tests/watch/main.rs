//! Monitoring: the admin listener, health, metrics, and the log.

mod admin;
mod clock;
mod documented;
mod health;
mod logs;
mod metrics;
mod moved;
mod openmetrics;
mod topic;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use tempfile::TempDir;
use vestibule_tests::http::{Request, Response};
use vestibule_tests::process::{Launch, Server};

use crate::openmetrics::Exposition;

/// The token of an operator who may only read.
const READER: &str = "reader-0123456789abcdef0123456789";
/// The token of an operator who may do everything; the file has its hash, made with `sha256sum`.
const OPERATOR: &str = "operator-0123456789abcdef01234567";

/// A server, and the address of its admin listener.
struct Watched {
    server: Server,
    _folder: TempDir,
}

/// A file of tokens in a folder of its own.
fn token_file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("tokens");
    let hash = ring::digest::digest(&ring::digest::SHA256, OPERATOR.as_bytes());
    let digits = hash.as_ref().iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
    let text = format!("# who may do what\nprometheus read {READER}\nalice full sha256:{digits}\n");
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    (folder, path)
}

impl Watched {
    fn start(options: &[(&str, &str)]) -> Self {
        Self::launch(Launch::vestibule().options(options))
    }

    fn launch(launch: Launch) -> Self {
        let (folder, path) = token_file();
        let options = [("--admin-listen", "127.0.0.1:0"), ("--admin-tokens", path.to_str().expect("UTF-8"))];
        Self { server: Server::start(launch.options(&options)), _folder: folder }
    }

    fn admin(&self) -> SocketAddr {
        self.server.operators()
    }

    fn ask(&self, request: &Request, token: &str) -> Response {
        let authorization = format!("Bearer {token}");
        request.clone().header("authorization", &authorization).send(self.admin()).expect("a response")
    }

    fn metrics(&self) -> Exposition {
        let response = self.ask(&Request::get("/metrics"), READER);
        assert_eq!(response.status, 200);
        Exposition::parse(&response.text())
    }

    /// The server's readiness, and the reason if it is not ready.
    fn readiness(&self) -> (u16, Option<String>) {
        let response = Request::get("/health/ready").send(self.admin()).expect("a response");
        let reason = response.json()["reason"].as_str().map(str::to_owned);
        (response.status, reason)
    }
}

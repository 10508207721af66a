//! A server with an admin listener, and requests of its operators.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::http::{Request, Response};
use crate::process::{Launch, Server};

/// The token of the operator `prometheus`, who may only read.
pub const READER: &str = "reader-0123456789abcdef0123456789";

/// The token of the operator `alice`, who may do everything.
pub const OPERATOR: &str = "operator-0123456789abcdef01234567";

/// Tokens that neither read nor change everything: name, what each may do, and the token.
pub const LIMITED: [(&str, &str, &str); 5] = [
    ("publisher", "publish", "publisher-0123456789abcdef0123456"),
    ("chat", "publish=chat:*,presence=chat:*,unsubscribe=chat:*", "chat-0123456789abcdef0123456789ab"),
    ("watcher", "presence", "watcher-0123456789abcdef012345678"),
    ("bouncer", "unsubscribe", "bouncer-0123456789abcdef012345678"),
    ("kicker", "disconnect", "kicker-0123456789abcdef0123456789"),
];

/// The token of [`LIMITED`] with this name.
///
/// # Panics
/// If there is none.
pub fn limited(name: &str) -> &'static str {
    let (_, _, token) = LIMITED.iter().find(|(other, _, _)| *other == name).expect("a token");
    token
}

/// A server with an admin listener, at which [`READER`], [`OPERATOR`] and [`LIMITED`] are valid.
pub struct AdminServer {
    /// The server itself.
    pub server: Server,
    _folder: TempDir,
}

impl AdminServer {
    /// Starts a server with these options.
    pub fn start(options: &[(&str, &str)]) -> Self {
        Self::launch(Launch::vestibule().options(options))
    }

    /// Starts this server, with an admin listener.
    ///
    /// # Panics
    /// If the system has no temporary directory.
    pub fn launch(launch: Launch) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        Self { server: Server::start(administered(launch, folder.path())), _folder: folder }
    }

    /// The address of the admin listener, since the server's last start.
    pub fn admin(&self) -> SocketAddr {
        self.server.operators()
    }

    /// The response of the admin listener to a request with this token.
    ///
    /// # Panics
    /// If there is none.
    pub fn ask(&self, request: Request, token: &str) -> Response {
        authorized(request, token).send(self.admin()).expect("a response")
    }

    /// The JSON at a path below `/admin/v1/`, as [`READER`] is shown it.
    ///
    /// # Panics
    /// If the status is not 200.
    #[track_caller]
    pub fn read(&self, path: &str) -> Value {
        let response = self.ask(Request::get(&format!("/admin/v1/{path}")), READER);
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        response.json()
    }

    /// The server's readiness: the status, and the reason if it is not ready.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn readiness(&self) -> (u16, Option<String>) {
        let response = Request::get("/health/ready").send(self.admin()).expect("a response");
        let reason = response.json()["reason"].as_str().map(str::to_owned);
        (response.status, reason)
    }

    /// Waits until the server's readiness is this.
    ///
    /// # Panics
    /// If it does not become so within ten seconds.
    #[track_caller]
    pub fn wait_for_readiness(&self, status: u16, reason: Option<&str>) {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let readiness = self.readiness();
            if (readiness.0, readiness.1.as_deref()) == (status, reason) {
                return;
            }
            assert!(Instant::now() < deadline, "it is {readiness:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The value of a sample of `/metrics`, named with its labels.
    ///
    /// # Panics
    /// If there is none.
    pub fn metric(&self, sample: &str) -> f64 {
        let text = self.ask(Request::get("/metrics"), READER).text();
        let value = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {sample}")).parse().expect("a number")
    }

    /// The response to a request of [`OPERATOR`] for a path below `/admin/v1/`.
    pub fn act(&self, method: &str, path: &str) -> Response {
        self.ask(Request::new(method, &format!("/admin/v1/{path}")), OPERATOR)
    }
}

/// Adds an admin listener, with a file of all tokens in this folder.
///
/// # Panics
/// If the file cannot be written.
#[must_use]
pub fn administered(launch: Launch, folder: &Path) -> Launch {
    let path = write_tokens(folder);
    let path = path.to_str().expect("UTF-8");
    launch.options(&[("--admin-listen", "127.0.0.1:0"), ("--admin-tokens", path)])
}

/// The request with this token.
#[must_use]
pub fn authorized(request: Request, token: &str) -> Request {
    request.header("authorization", &format!("Bearer {token}"))
}

/// Writes a file with all tokens to this folder. [`OPERATOR`]'s is stored as its hash, as
/// `sha256sum` prints it.
///
/// # Panics
/// If the file cannot be written.
pub fn write_tokens(folder: &Path) -> PathBuf {
    let path = folder.join("tokens");
    let hash = ring::digest::digest(&ring::digest::SHA256, OPERATOR.as_bytes());
    let digits = hash.as_ref().iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
    let limited = LIMITED.map(|(name, may, token)| format!("{name} {may} {token}\n")).concat();
    let text = format!("# who may do what\nprometheus read {READER}\nalice full sha256:{digits}\n{limited}");
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a mode");
    path
}

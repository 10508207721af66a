//! HTTP as clients, proxies and other people's libraries write it, beyond what phoenix.js does.

mod arriving;
mod connections;
mod edges;
mod fields;
mod head;
mod lengths;
mod origins;
mod paths;
mod polls;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;
use vestibule_tests::http::Request;
use vestibule_tests::process::{Launch, Server};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A server with these options.
fn server(options: &[(&str, &str)]) -> Server {
    Server::start(Launch::vestibule().options(options))
}

/// A server with an operators' listener.
struct Administered {
    server: Server,
    operators: SocketAddr,
    _tokens: TempDir,
}

impl Administered {
    fn start(options: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let tokens = folder.path().join("tokens");
        fs::write(&tokens, format!("alice full {TOKEN}\n")).expect("a file");
        fs::set_permissions(&tokens, fs::Permissions::from_mode(0o600)).expect("a mode");
        let tokens = tokens.to_str().expect("UTF-8");
        let launch = Launch::vestibule()
            .options(&[("--admin-tokens", tokens), ("--admin-listen", "127.0.0.1:0")])
            .options(options);
        let server = Server::start(launch);
        let output = server.output();
        let (_, at) = output.rsplit_once("is administered at http://").expect("an announcement");
        let operators = at.trim().parse().expect("an address");
        Self { server, operators, _tokens: folder }
    }
}

/// A request by an operator.
fn by_operator(request: Request) -> Request {
    request.header("authorization", &format!("Bearer {TOKEN}"))
}

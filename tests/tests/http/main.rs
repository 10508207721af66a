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

use std::net::SocketAddr;

use tempfile::TempDir;
use vestibule_tests::http::Request;
use vestibule_tests::process::{Launch, Server};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A server with these options.
fn server(options: &[(&str, &str)]) -> Server {
    Server::start(Launch::vestibule().options(options))
}

/// A server with an admin listener.
struct Administered {
    server: Server,
    operators: SocketAddr,
    _tokens: TempDir,
}

impl Administered {
    fn start(options: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let tokens = format!("alice full {TOKEN}\n");
        let launch = Launch::vestibule().administered(folder.path(), &tokens).options(options);
        let server = Server::start(launch);
        let operators = server.operators();
        Self { server, operators, _tokens: folder }
    }
}

/// A request by an operator.
fn by_operator(request: Request) -> Request {
    request.header("authorization", &format!("Bearer {TOKEN}"))
}

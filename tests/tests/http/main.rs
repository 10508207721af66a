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

use vestibule_tests::admin::{OPERATOR, authorized};
use vestibule_tests::http::Request;
use vestibule_tests::process::{Launch, Server};

/// A server with these options.
fn server(options: &[(&str, &str)]) -> Server {
    Server::start(Launch::vestibule().options(options))
}

/// A request by an operator.
fn by_operator(request: Request) -> Request {
    authorized(request, OPERATOR)
}

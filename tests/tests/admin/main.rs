//! The admin endpoints at `/admin/v1`, from outside.

mod audit;
mod described;
mod requests;
mod rooms;
mod secrets;
mod users;

use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;
use vestibule_tests::http::{Request, Response};
use vestibule_tests::process::{Launch, Server};

/// The token of an operator who may only read.
const READER: &str = "reader-0123456789abcdef0123456789";
/// The token of an operator who may do everything.
const OPERATOR: &str = "operator-0123456789abcdef01234567";

/// A server, and an operator of it.
struct Stage {
    server: Server,
    admin: SocketAddr,
    _folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let tokens = format!("prometheus read {READER}\nalice full {OPERATOR}\n");
        let server = Server::start(Launch::vestibule().administered(folder.path(), &tokens));
        let admin = server.operators();
        Self { server, admin, _folder: folder }
    }

    /// The answer to a request with this token.
    fn ask(&self, request: Request, token: &str) -> Response {
        let authorization = format!("Bearer {token}");
        request.header("authorization", &authorization).send(self.admin).expect("a response")
    }

    /// The answer to a GET below `/admin/v1/`.
    #[track_caller]
    fn read(&self, path: &str) -> Value {
        let response = self.ask(Request::get(&format!("/admin/v1/{path}")), READER);
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        response.json()
    }

    /// The answer to an act below `/admin/v1/`.
    fn act(&self, method: &str, path: &str) -> Response {
        self.ask(Request::new(method, &format!("/admin/v1/{path}")), OPERATOR)
    }

    /// All items of a list, read in pages of two. Calls `between` before each page except the
    /// first.
    fn pages(&self, path: &str, mut between: impl FnMut()) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let sign = if path.contains('?') { '&' } else { '?' };
            let from = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let mut page = self.read(&format!("{path}{sign}limit=2{from}"));
            let Value::Array(more) = page["items"].take() else { panic!("no list: {page}") };
            assert!(more.len() <= 2);
            items.extend(more);
            let Some(next) = page["next"].as_str() else { return items };
            cursor = Some(next.to_owned());
            between();
        }
    }
}

/// One field of each item.
fn each<'a>(items: &'a [Value], field: &str) -> Vec<&'a Value> {
    items.iter().map(|item| &item[field]).collect()
}

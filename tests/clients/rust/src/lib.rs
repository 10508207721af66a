//! The server under test: the playground on its own port, which can be stopped and restarted.

use std::{
    env,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};

/// The time-out of all waits: nothing takes this long unless it is broken.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// How a server ends: without warning, or with time to disconnect clients.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    Kill,
    Terminate,
}

impl Ending {
    pub const ALL: [Self; 2] = [Self::Kill, Self::Terminate];
}

/// A playground; dropping it kills it.
pub struct Playground {
    port: u16,
    process: Child,
}

impl Playground {
    /// Starts a server and returns once it listens.
    pub async fn begin() -> Self {
        let probe = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = probe.local_addr().expect("an address").port();
        drop(probe);
        Self { port, process: start(port).await }
    }

    /// The URL for clients that do not append the transport's name.
    pub fn websocket_url(&self) -> String {
        format!("ws://127.0.0.1:{}/socket/websocket", self.port)
    }

    /// Restarts the server and returns once it listens again, on the same port.
    pub async fn restart(&mut self, ending: Ending) {
        match ending {
            Ending::Kill => self.process.start_kill().expect("it runs"),
            Ending::Terminate => self.terminate().await,
        }
        within("the playground is gone", self.process.wait()).await.expect("an end");
        self.process = start(self.port).await;
    }

    /// Sends SIGTERM, because the standard library can only kill.
    async fn terminate(&self) {
        let id = self.process.id().expect("it runs").to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status().await.expect("kill");
        assert!(status.success());
    }

    /// Broadcasts an event from outside the server. `options` extends the query, such as
    /// `&binary=1`.
    pub async fn broadcast(&self, topic: &str, event: &str, options: &str, body: &[u8]) {
        let head = format!(
            "POST /admin/broadcast?topic={topic}&event={event}{options} HTTP/1.1\r\n\
             Host: 127.0.0.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.expect("the playground");
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream.write_all(body).await.expect("sent");
        let mut answer = String::new();
        within("the broadcast's answer", stream.read_to_string(&mut answer)).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }

    /// Broadcasts a JSON payload.
    pub async fn broadcast_json(&self, topic: &str, event: &str, payload: &Value) {
        self.broadcast(topic, event, "", payload.to_string().as_bytes()).await;
    }
}

async fn start(port: u16) -> Child {
    let binary = env::var_os("PLAYGROUND_BIN").map_or_else(built_playground, PathBuf::from);
    let mut process = Command::new(&binary)
        .env("PORT", port.to_string())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
    let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
    let line = within("the playground listens", lines.next_line()).await.expect("a line");
    assert_eq!(line, Some(format!("playground listens on http://127.0.0.1:{port}")));
    process
}

fn built_playground() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target/debug/examples/playground")
}

/// Waits with a time-out; the panic names what was awaited.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    timeout(TIMEOUT, future).await.unwrap_or_else(|_| panic!("timed out waiting for: {what}"))
}

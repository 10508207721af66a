//! The server under test: the playground on a port of its own, which can be stopped, with or
//! without warning, and started again.

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

/// Nothing in these tests takes this long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// How a server ends: without warning, or with time to close its connections.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    Kill,
    Terminate,
}

impl Ending {
    pub const ALL: [Self; 2] = [Self::Kill, Self::Terminate];
}

/// One server, which is killed on drop.
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

    /// The URL for clients that take a whole one.
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

    /// The standard library can only kill.
    async fn terminate(&self) {
        let id = self.process.id().expect("it runs").to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status().await.expect("kill");
        assert!(status.success());
    }

    /// A broadcast that comes from no client. `options` is appended to the query, such as
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

    /// Like [`Playground::broadcast`], of JSON.
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

/// Waits for something that must happen; if it does not, panics with its name.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

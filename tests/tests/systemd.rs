//! What the server and systemd tell each other, with a notification socket and a listening socket
//! of the test's own.

use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vestibule_approve::signed::Alg;
use vestibule_tests::http::Request;
use vestibule_tests::people::{Device, Person};
use vestibule_tests::process::{Launch, Server};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// The other end of `NOTIFY_SOCKET`.
struct Manager {
    socket: UnixDatagram,
}

impl Manager {
    fn listen(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self { socket }
    }

    /// The next message: lines such as `READY=1`.
    fn hears(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("a notification");
        String::from_utf8_lossy(&buffer[..length]).lines().map(str::to_owned).collect()
    }

    /// Waits for a message with this line in it, and returns the earlier ones.
    fn hears_of(&self, line: &str) -> Vec<Vec<String>> {
        let mut before = Vec::new();
        loop {
            let message = self.hears();
            if message.iter().any(|said| said == line) {
                return before;
            }
            before.push(message);
        }
    }
}

#[test]
fn systemd_is_notified_of_ready_watchdog_reload_and_stop() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("notify");
    let manager = Manager::listen(&path);
    let launch = Launch::vestibule()
        .env("NOTIFY_SOCKET", path.to_str().expect("UTF-8"))
        .env("WATCHDOG_USEC", "400000");
    let mut server = Server::start(launch);
    assert_eq!(manager.hears(), ["READY=1"]);

    let begun = Instant::now();
    for _ in 0..5 {
        manager.hears_of("WATCHDOG=1");
    }
    // The first comes at once, and each of the others before half of the watchdog's time is over.
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let device = Device::connect(server.address(), &Person::new(Alg::Ed25519));
    let listens = format!("at http://{}", server.address());
    manager.hears_of(&format!("STATUS=1 connections, {listens}"));
    drop(device);

    server.signal("HUP");
    manager.hears_of("RELOADING=1");
    // Both in one message: a reader that waits for the end of the reload has its result.
    let status = format!("STATUS=0 connections, {listens}; configuration reloaded: nothing has changed");
    loop {
        let message = manager.hears();
        if message.contains(&"READY=1".to_owned()) {
            let says = |line: &String| line.ends_with("; configuration reloaded: nothing has changed");
            assert!(message.iter().any(says), "{message:?}");
            break;
        }
    }
    // And it stays.
    manager.hears_of(&status);

    assert_eq!(server.terminate().code(), Some(0));
    manager.hears_of("STOPPING=1");
}

#[test]
fn a_restart_with_socket_activation_refuses_no_client() {
    let socket = Arc::new(TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let address = socket.local_addr().expect("an address");
    let mut server = Server::start(Launch::vestibule().socket(Arc::clone(&socket)));
    assert_eq!(server.address(), address, "not the one of --listen");
    assert_eq!(Request::get("/v1/rooms").send(address).expect("a response").status, 200);

    assert_eq!(server.terminate().code(), Some(0));
    // Nobody serves, and new connections wait.
    let early: Vec<_> = (0..50).map(|_| TcpStream::connect(address).expect("not refused")).collect();
    server.restart();
    for stream in early {
        let response = Request::get("/v1/rooms").send_over(stream).expect("a response");
        assert_eq!(response.status, 200);
    }
}

#[test]
fn an_inherited_non_listening_socket_is_reported() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let run =
        |count: &str| Launch::bare().arg("--data").arg("data").env("LISTEN_FDS", count).run(folder.path());
    for (count, says) in [("1", "cannot listen on 127.0.0.1:4000: fd 3"), ("2", "systemd passed 2 sockets")] {
        let output = run(count);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(log.contains(says), "{log}");
    }
}

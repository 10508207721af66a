//! How the server starts, refuses to start, and stops.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Output;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use serde_json::json;
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::http::Request;
use vestibule_tests::people::{Device, Person, Room};
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::scene::Scene;
use vestibule_tests::ws::{Close, Handshake};

fn card(server: &Server, room: &Room) -> u16 {
    let target = format!("/v1/rooms/{}", room.rid());
    Request::get(&target).send(server.address()).expect("a response").status
}

#[test]
fn the_server_starts_without_configuration() {
    let mut server = Server::start(Launch::unconfigured());
    // The folder is ./data, in the working directory.
    assert!(server.data().join("vestibule.db").is_file());
    assert!(server.data().join("secrets").is_file());
    let room = Room::published(server.address(), Policy::Open);
    let epoch = |server: &Server| {
        let mut device = Device::connect(server.address(), &Person::new(Alg::Ed25519));
        device.visit(&room.rid())["epoch"].clone()
    };
    let first = epoch(&server);
    assert_eq!(server.terminate().code(), Some(0));
    server.restart();
    assert_eq!(card(&server, &room), 200, "a second start on the same data keeps the rooms");
    assert_eq!(epoch(&server), first);
    assert_eq!(card(&server, &Room::new(Alg::Ed25519)), 404);
}

#[test]
fn help_shows_the_defaults() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let output = Launch::bare().arg("--help").run(folder.path());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0));
    for default in
        ["[default: 127.0.0.1:4000]", "[default: ./data]", "VESTIBULE_MAX_FRAME", "--name", "--origin"]
    {
        assert!(text.contains(default), "{default} is not in\n{text}");
    }
    let output = Launch::bare().arg("--version").run(folder.path());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!((output.status.code(), text.starts_with("vestibule ")), (Some(0), true), "{text}");
    assert_eq!(folder.path().read_dir().expect("a folder").count(), 0, "neither makes any file");
}

/// Checks that a start failed with one line that explains why.
#[track_caller]
fn assert_failed(what: &str, output: &Output, says: &str) {
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code().is_some_and(|code| code != 0), "{what}: {:?}\n{log}", output.status);
    assert!(log.starts_with("vestibule: "), "{what}: {log}");
    assert_eq!(log.trim_end().lines().count(), 1, "{what}: {log}");
    assert!(!log.contains("panic"), "{what}: {log}");
    assert!(log.contains(says), "{what}: {log}");
    assert_eq!(output.stdout, b"", "{what}: it announced itself");
}

/// Starts the server on a free port with this folder.
fn start_on(data: &Path, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let data = data.to_str().expect("UTF-8");
    let mut launch = Launch::bare().env("VESTIBULE_LOG", "error").arg("--data").arg(data);
    if !arguments.contains(&"--listen") {
        launch = launch.arg("--listen").arg("127.0.0.1:0");
    }
    arguments.iter().fold(launch, |launch, argument| launch.arg(argument)).run(folder.path())
}

#[test]
fn a_failed_start_is_explained_in_one_line() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| folder.path().join(name);
    let folder_with = |name: &str, file: &str, content: &[u8]| {
        fs::create_dir(path(name)).expect("a folder");
        write_private(&path(name).join(file), content);
        path(name)
    };
    assert_failed("a folder under a file", &start_on(Path::new("/dev/null/x"), &[]), "/dev/null/x");
    fs::write(path("file"), "").expect("a file");
    assert_failed("a file for a folder", &start_on(&path("file"), &[]), "file");
    let broken = folder_with("broken", "vestibule.db", &[b'x'; 8192]);
    assert_failed("a broken database", &start_on(&broken, &[]), "vestibule.db");
    let content = fs::read(broken.join("vestibule.db")).expect("a file");
    assert_eq!(content, [b'x'; 8192], "what is broken is left as it is");
    for (name, content) in [("short", "short\n"), ("empty", ""), ("no-text", "\u{fffd}")] {
        let secrets = folder_with(name, "secrets", content.as_bytes());
        assert_failed(name, &start_on(&secrets, &[]), "secret");
    }
    let no_utf8 = folder_with("no-utf8", "secrets", b"\xff\xfe");
    assert_failed("secrets that are no text", &start_on(&no_utf8, &[]), "secrets");
    let fresh = path("fresh");
    for arguments in [
        &["--nonsense"][..],
        &["nonsense"],
        &["--listen", "nonsense"],
        &["--listen", "127.0.0.1:65536"],
        &["--origin", "not an origin"],
        &["--name"],
        &["--listen", "192.0.2.1:0"],
    ] {
        assert_failed(&arguments.join(" "), &start_on(&fresh, arguments), "");
    }
    for (arguments, says) in [
        (["--max-frames-per-second", "0"], "from 1 to"),
        (["--max-message", "0KiB"], "from 1 to"),
        (["--max-store", "16GB"], "did you mean 16GiB?"),
        (["--redelivery", "0s"], "from 1ms"),
        (["--sweep", "often"], "expected a time"),
        (["--max-ct", "1MiB"], "--max-message"),
        (["--max-outbox", "64KiB"], "--max-outbox"),
        (["--demo", "perhaps"], "on or off"),
        (["--trusted-proxy", "proxy.example.com"], "expected an address"),
    ] {
        assert_failed(&arguments.join(" "), &start_on(&fresh, &arguments), says);
    }
    let bad_filter = ["--log", "a=b=c", "--data", fresh.to_str().expect("UTF-8")];
    let bad_filter = bad_filter.iter().fold(Launch::bare(), |launch, argument| launch.arg(argument));
    assert_failed("a bad log filter", &bad_filter.run(folder.path()), "expected a level");
    // None of these damaged the folder.
    let fresh = fresh.to_str().expect("UTF-8");
    let server = Server::start(Launch::unconfigured().arg("--data").arg(fresh));
    assert_eq!(card(&server, &Room::new(Alg::P256)), 404);
}

#[test]
fn secrets_that_others_can_read_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let secrets = folder.path().join("secrets");
    let line = "A".repeat(43);
    write_private(&secrets, format!("{line}\n").as_bytes());
    for mode in [0o644, 0o660, 0o604] {
        fs::set_permissions(&secrets, fs::Permissions::from_mode(mode)).expect("a mode");
        let says = format!("secrets is accessible to others (mode {mode:04o}): chmod 600");
        let output = start_on(folder.path(), &[]);
        assert_failed("secrets for others", &output, &says);
        assert!(!String::from_utf8_lossy(&output.stderr).contains(&line), "{output:?}");
    }
    let data = folder.path().to_str().expect("UTF-8");
    let launch = || Launch::unconfigured().arg("--data").arg(data);
    drop(Server::start(launch().arg("--check-file-modes").arg("off")));
    // The group may read, as where a service has a group of its own.
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o640)).expect("a mode");
    drop(Server::start(launch()));
}

#[test]
fn a_world_readable_tls_key_is_a_warning() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let made = rcgen::generate_simple_self_signed(["chat.example.com".to_owned()]).expect("a certificate");
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    fs::write(&certificate, made.cert.pem()).expect("a file");
    write_private(&key, made.signing_key.serialize_pem().as_bytes());
    let paths = [&certificate, &key].map(|path| path.to_str().expect("UTF-8"));
    let tls = ["--log", "warn", "--tls-cert", paths[0], "--tls-key", paths[1]];
    for (mode, modes, is_warned) in
        [(0o600, "on", false), (0o640, "on", false), (0o644, "on", true), (0o644, "off", false)]
    {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("a mode");
        // It fails because of the folder, which is checked later.
        let output = start_on(Path::new("/dev/null/x"), &[&tls[..], &["--check-file-modes", modes]].concat());
        let log = String::from_utf8_lossy(&output.stderr);
        let says = "key.pem is accessible to everybody (mode 0644): chmod 600 it";
        assert_eq!(log.contains(says), is_warned, "{mode:o} {modes}: {log}");
        assert!(log.contains("/dev/null/x"), "{log}");
    }
}

/// Each of them would go unnoticed, and clients would be told nonsense.
#[test]
fn a_damaged_database_row_prevents_the_start() {
    for damage in ["epoch = x''", "epoch = x'00112233445566778899aabbccddeeff00'", "seq = -1", "starts = -1"]
    {
        let mut server = Server::start(Launch::vestibule());
        assert_eq!(server.terminate().code(), Some(0));
        let path = server.data().join("vestibule.db");
        let mut database = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("the database");
        let statement = format!("PRAGMA ignore_check_constraints = 1; UPDATE store SET {damage}");
        database.batch_execute(&statement).expect("a statement");
        drop(database);
        let output = start_on(&server.data(), &[]);
        assert_failed(damage, &output, "vestibule.db: a stored row cannot be read: ");
        assert_eq!(output.status.code(), Some(1), "{damage}");
    }
}

/// Writes a file that only its owner may read.
fn write_private(path: &Path, content: &[u8]) {
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).expect("a file");
    file.write_all(content).expect("a disk with room");
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let server = Server::start(Launch::vestibule());
    let room = Room::published(server.address(), Policy::Open);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let address = server.address().to_string();
    let output = start_on(&folder.path().join("data"), &["--listen", &address]);
    assert_failed("a taken port", &output, &address);
    assert_failed("a folder in use", &start_on(&server.data(), &[]), "");
    // The first one is unaffected.
    assert_eq!(card(&server, &room), 200);
    let mut scene = Scene::new(&server);
    scene.ask();
}

/// How long the server may take to stop.
const STOPPED: Duration = Duration::from_secs(5);

#[test]
fn sigterm_stops_the_server_gracefully() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(Launch::vestibule());
        let mut scene = Scene::new(&server);
        let mut beside = Device::connect(server.address(), &Person::new(Alg::P256));
        let mut mute = Device::connect(server.address(), &Person::new(Alg::P256));
        beside.visit(&scene.room.rid());
        mute.visit(&scene.room.rid());
        let request = scene.ask();
        let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
        assert_eq!(scene.member.call(&scene.topic, "approve", &approve).ok()["dup"], false);
        server.signal(signal);
        let started = Instant::now();
        for device in [&mut scene.member, &mut scene.guest, &mut beside] {
            let restart = Close { code: Some(1012), reason: String::new() };
            assert_eq!(device.closed(), Some(restart), "SIG{signal}");
        }
        // The silent client neither reads nor answers, and is not awaited for ever.
        assert_eq!(server.wait().code(), Some(0), "SIG{signal}");
        assert!(started.elapsed() < STOPPED, "SIG{signal}: {:?}", started.elapsed());
        drop(mute);
        server.restart();
        let (mine, approves) = scene.bobs();
        assert_eq!((mine.len(), &mine[0]["state"]), (1, &json!("approved")), "SIG{signal}");
        assert_eq!((approves.len(), &approves[0]["ct"]), (1, &json!(approve.ct)), "SIG{signal}");
    }
}

/// More connections than are closed in one batch, on every thread, so that some are closed long
/// after others.
#[test]
fn each_of_many_connections_is_told_of_the_stop() {
    const CONNECTIONS: usize = 400;
    let mut server = Server::start(Launch::playground());
    let handshake = Handshake::new("/socket/websocket").query("vsn=2.0.0");
    let open = |_| handshake.open(server.address()).expect("an answer").accepted();
    let mut sockets: Vec<_> = (0..CONNECTIONS).map(open).collect();
    server.signal("TERM");
    for (number, socket) in sockets.iter_mut().enumerate() {
        assert_eq!(socket.expect_close().code, Some(1012), "connection {number}");
    }
    assert_eq!(server.wait().code(), Some(0));
}

/// A signal may come as soon as the server has announced its address. Several servers, so that the
/// system is sometimes busy with others between the announcement and what follows it.
#[test]
fn a_second_signal_stops_the_server_at_once() {
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let mut server = Server::start(Launch::vestibule());
                for round in 0..20 {
                    let status = server.terminate();
                    assert_eq!(status.code(), Some(0), "round {round}: {status:?}");
                    server.restart();
                }
            });
        }
    });
}

/// After a restart all clients come at once, and the server may be busy for a moment.
#[test]
fn a_thousand_connections_may_wait_to_be_accepted() {
    let server = Server::start(Launch::vestibule());
    server.signal("STOP");
    // A client that finds the queue full is not refused, but retries after a second.
    let soon = Duration::from_millis(500);
    let waiting: Vec<_> = (0..1000)
        .map(|_| TcpStream::connect_timeout(&server.address(), soon).expect("a place in the queue"))
        .collect();
    server.signal("CONT");
    for stream in waiting.into_iter().step_by(99) {
        assert_eq!(Request::get("/v1/rooms").send_over(stream).expect("a response").status, 200);
    }
}

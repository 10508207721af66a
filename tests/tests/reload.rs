//! What the log says when the server starts and when it reloads its configuration: its settings,
//! where it listens, which changes apply and which need a restart. Operators' tokens and the
//! certificate are reloaded too.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::{Value, json};
use tempfile::TempDir;
use vestibule_tests::http::Request;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::ws::{Handshake, Received, Socket};

/// How long the server may take to reload its configuration.
const PATIENCE: Duration = Duration::from_secs(20);

const ALICE: &str = "alice-0123456789abcdef0123456789";
const BOB: &str = "bob-0123456789abcdef0123456789abc";

/// The files of a server.
struct Site(TempDir);

impl Site {
    fn new(config: &str) -> Self {
        let site = Self(tempfile::tempdir().expect("a temporary directory"));
        site.write("vestibule.toml", config);
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).expect("a file");
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).expect("a mode");
    }

    fn certify_until(&self, year: i32) {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        self.write("cert.pem", &params.self_signed(&key).expect("a certificate").pem());
        self.write("key.pem", &key.serialize_pem());
    }

    fn launch(&self) -> Launch {
        Launch::untouched().arg("--config").arg(&self.name("vestibule.toml"))
    }
}

/// The log's lines, which are JSON, from this index on.
fn lines(server: &Server, from: usize) -> Vec<Value> {
    server.log()[from..].lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// These fields of the lines that have all of them, in order; the message last.
fn told(lines: &[Value], fields: &[&str]) -> Vec<Vec<String>> {
    let field = |line: &Value, name: &str| match &line[name] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let all = |line: &Value| fields.iter().chain(&["message"]).map(|name| field(line, name)).collect();
    lines.iter().filter_map(all).collect()
}

/// Sends SIGHUP, and returns the lines that follow up to one with this message.
#[track_caller]
fn hang_up(server: &Server, last: &str) -> Vec<Value> {
    let from = server.log().len();
    server.signal("HUP");
    let start = Instant::now();
    loop {
        if server.log()[from..].contains(last) {
            return lines(server, from);
        }
        assert!(start.elapsed() < PATIENCE, "the log does not say {last:?}: {}", &server.log()[from..]);
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_server_logs_settings_and_addresses_at_its_start() {
    let site = Site::new("");
    site.certify_until(2100);
    site.write("tokens", &format!("alice full {ALICE}\n"));
    let config = format!(
        "log_format = \"json\"\nmax_frame = \"128KiB\"\norigin = [\"//a.example\", \"//b.example\"]\nidle = \"60s\"\n\
         tls_cert = {:?}\ntls_key = {:?}\nadmin_tokens = {:?}\n",
        site.name("cert.pem"),
        site.name("key.pem"),
        site.name("tokens")
    );
    site.write("vestibule.toml", &config);
    let launch = site.launch().arg("--admin-listen").arg("127.0.0.1:0").env("VESTIBULE_MAX_CHANNELS", "7");
    let server = Server::start(launch);
    let (all, output) = (lines(&server, 0), server.output());

    assert_eq!(told(&all, &["version"]), [[env!("CARGO_PKG_VERSION"), "starting"]]);
    let set = told(&all, &["setting", "value", "source"]);
    let file = |line: u32| format!("{}:{line}", site.name("vestibule.toml"));
    for (setting, value, source) in [
        ("log_format", "json", file(1)),
        ("max_frame", "128KiB", file(2)),
        ("origin", "//a.example,//b.example", file(3)),
        ("tls_key", &site.name("key.pem"), file(6)),
        ("admin_tokens", &site.name("tokens"), file(7)),
        ("max_channels", "7", "VESTIBULE_MAX_CHANNELS".to_owned()),
        ("admin_listen", "127.0.0.1:0", "--admin-listen".to_owned()),
    ] {
        let line = [setting, value, &source, "set"].map(str::to_owned).to_vec();
        assert!(set.contains(&line), "{line:?} is not among {set:?}");
    }
    assert_eq!(set.len(), 10, "what is set to its default is not told: {set:?}");

    let (_, admin) = output.rsplit_once("is administered at ").expect("an announcement");
    let clients = format!("https://{}", server.address());
    assert_eq!(
        told(&all, &["address"]),
        [[clients.as_str(), "listening for clients"], [admin.trim(), "listening for operators"]]
    );
    let certificate = [&*site.name("cert.pem"), "2100-01-01T00:00:00Z", "using certificate"];
    assert_eq!(told(&all, &["path", "until"]), [certificate]);
    assert!(!server.log().contains(ALICE), "no secret is told");
}

/// The same for people, in lines of text; defaults are reported as such.
#[test]
fn the_text_log_has_the_same() {
    let site = Site::new("max_frame = \"128KiB\"\n");
    let server = Server::start(site.launch());
    let log = server.log();
    let version = env!("CARGO_PKG_VERSION");
    for says in [
        format!("starting version=\"{version}\""),
        format!("set setting=\"max_frame\" value=\"128KiB\" source=\"{}:1\"", site.name("vestibule.toml")),
        format!("listening for clients address=\"http://{}\"", server.address()),
    ] {
        assert!(log.contains(&says), "{says}: {log}");
    }
    assert!(!log.contains("for operators"), "nobody listens for them: {log}");
}

#[test]
fn a_reload_logs_what_applied_and_what_needs_a_restart() {
    let config =
        "log_format = \"json\"\norigin = \"//a.example\"\nmax_frame = \"128KiB\"\nmax_channels = 9\n";
    let site = Site::new(config);
    let server = Server::start(site.launch());
    let source = |line: u32| format!("{}:{line}", site.name("vestibule.toml"));
    let fields = ["level", "setting", "from", "to", "source"];

    site.write(
        "vestibule.toml",
        "log_format = \"json\"\norigin = [\"//a.example\", \"//b.example\"]\nmax_frame = \"64KiB\"\n",
    );
    let said = hang_up(&server, "changes that need a restart");
    let expected = [
        ["INFO", "origin", "//a.example", "//a.example,//b.example", &source(2), "setting changed"],
        ["INFO", "max_channels", "9", "100", "default", "setting changed"],
        ["WARN", "max_frame", "128KiB", "64KiB", &source(3), "setting changed, takes effect after a restart"],
    ];
    assert_eq!(told(&said, &fields), expected);
    let sums =
        [["origin, max_channels", "configuration reloaded"], ["max_frame", "changes that need a restart"]];
    assert_eq!(told(&said, &["settings"]), sums);

    // Changes that need a restart are reported again at each reload.
    let said = hang_up(&server, "changes that need a restart");
    assert_eq!(told(&said, &fields), [expected[2]]);
    site.write("vestibule.toml", &config.replace("//a.example", "").replace("= 9", "= 100"));
    let said = hang_up(&server, "configuration reloaded");
    let none = ["INFO", "origin", "//a.example,//b.example", "none", &source(2), "setting changed"];
    assert_eq!(told(&said, &fields), [none]);
    let said = hang_up(&server, "nothing has changed");
    assert_eq!((said.len(), told(&said, &fields).len()), (1, 0), "{said:?}");
}

#[test]
fn a_reload_logs_a_renewed_certificates_expiry() {
    let site = Site::new("");
    site.certify_until(2100);
    let (cert, key) = (site.name("cert.pem"), site.name("key.pem"));
    site.write("vestibule.toml", &format!("log_format = \"json\"\ntls_cert = {cert:?}\ntls_key = {key:?}\n"));
    let server = Server::start(site.launch());
    let until = |said: &[Value]| told(said, &["path", "until"]);

    let said = hang_up(&server, "the certificate has not changed");
    assert_eq!(until(&said), [[&*cert, "2100-01-01T00:00:00Z", "the certificate has not changed"]]);
    site.certify_until(2101);
    let said = hang_up(&server, "certificate renewed");
    assert_eq!(until(&said), [[&*cert, "2101-01-01T00:00:00Z", "certificate renewed"]]);
    site.certify_until(2001);
    let expired = "expired on 2001-01-01T00:00:00Z";
    let said = hang_up(&server, expired);
    assert_eq!(told(&said, &["level"]).last().expect("a line")[0], "WARN");
    let restarted = Server::start(site.launch());
    assert_eq!(restarted.log().matches(expired).count(), 1, "at a start it is said once");
    site.write("key.pem", "nonsense");
    let said = hang_up(&server, "keeping the current certificate");
    let error = told(&said, &["level", "error"]);
    assert!(error[0][0] == "ERROR" && error[0][1].contains("no private key in PEM"), "{error:?}");
}

fn status(admin: SocketAddr, token: &str) -> u16 {
    let request = Request::get("/metrics").header("authorization", &format!("Bearer {token}"));
    request.send(admin).expect("a response").status
}

/// Watches as the dashboard does.
fn watch(admin: SocketAddr, token: &str) -> Socket {
    let protocol = format!("phoenix, base64url.bearer.phx.{}", STANDARD_NO_PAD.encode(token));
    let handshake = Handshake::new("/socket/websocket").query("vsn=2.0.0").protocol(&protocol);
    let mut socket = handshake.open(admin).expect("an answer").accepted();
    socket.send_json(&json!(["1", "1", "admin", "phx_join", {}]));
    assert_eq!(socket.expect_json()[4]["status"], "ok");
    socket
}

#[test]
fn a_reload_applies_tokens_and_closes_revoked_ones() {
    let site = Site::new("log_format = \"json\"\nadmin_listen = \"127.0.0.1:0\"\n");
    site.write("tokens", &format!("alice full {ALICE}\n"));
    let server = Server::start(site.launch().arg("--admin-tokens").arg(&site.name("tokens")));
    let admin = server.operators();
    assert_eq!((status(admin, ALICE), status(admin, BOB)), (200, 401));

    site.write("tokens", &format!("alice full {ALICE}\nbob read {BOB}\n"));
    let said = hang_up(&server, "operators' tokens reloaded");
    assert_eq!(told(&said, &["tokens"]), [["2", "operators' tokens reloaded"]]);
    assert_eq!((status(admin, ALICE), status(admin, BOB)), (200, 200));
    let said = hang_up(&server, "the operators' tokens have not changed");
    assert_eq!(told(&said, &["tokens"]), [["2", "the operators' tokens have not changed"]]);

    site.write("tokens", "nonsense\n");
    hang_up(&server, "keeping the current operators' tokens");
    assert_eq!((status(admin, ALICE), status(admin, BOB)), (200, 200));

    let (mut alice, mut bob) = (watch(admin, ALICE), watch(admin, BOB));
    site.write("tokens", &format!("alice full {ALICE}\n"));
    let said = hang_up(&server, "operators' tokens revoked");
    assert_eq!(told(&said, &["admin"]), [["bob", "operators' tokens revoked"]]);
    assert_eq!((status(admin, ALICE), status(admin, BOB)), (200, 401));
    let end = Instant::now() + PATIENCE;
    let closed = loop {
        match bob.receive(end - Instant::now()).expect("a close") {
            Received::Close(close) => break close.code,
            _ => assert!(Instant::now() < end, "bob watches on"),
        }
    };
    assert_eq!(closed, Some(1001));
    for _ in 0..2 {
        assert_eq!(alice.expect_json()[3], "metrics", "who may watch goes on");
    }
}

//! The configuration: a file, the environment and options, the commands that show it, and SIGHUP.

use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use vestibule_approve::signed::Alg;
use vestibule_tests::http::Request;
use vestibule_tests::people::Person;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::ws::Handshake;

/// How long the server may take to reload its configuration.
const PATIENCE: Duration = Duration::from_secs(20);

/// A configuration file in a folder of its own.
struct File {
    folder: TempDir,
}

impl File {
    fn new(text: &str) -> Self {
        let file = Self { folder: tempfile::tempdir().expect("a temporary directory") };
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(self.path(), text).expect("a file");
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("vestibule.toml")
    }

    fn name(&self) -> String {
        self.path().to_str().expect("UTF-8").to_owned()
    }

    /// Runs the program with this file.
    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let launch = arguments.iter().fold(Launch::bare(), |launch, argument| launch.arg(argument));
        let launch = environment.iter().fold(launch, |launch, (name, value)| launch.env(name, value));
        launch.arg("--config").arg(&self.name()).run(self.folder.path())
    }

    /// A server with this file, and otherwise only necessary settings.
    fn serve(&self) -> Server {
        Server::start(Launch::untouched().arg("--config").arg(&self.name()))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Whether a page of this origin can connect.
fn may_connect(server: &Server, origin: &str) -> bool {
    let handshake = Handshake::new("/socket/websocket").query("vsn=2.0.0").header("origin", origin);
    handshake.open(server.address()).expect("a response").socket.is_some()
}

/// Sends SIGHUP, and waits until the log says this once more than before.
#[track_caller]
fn hang_up(server: &Server, says: &str) {
    let count = || server.log().matches(says).count();
    let before = count();
    server.signal("HUP");
    let start = Instant::now();
    while count() == before {
        assert!(start.elapsed() < PATIENCE, "the log does not say {says:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn later_sources_override_earlier_ones() {
    let file =
        File::new("max_channels = 1\nlog = \"warn\"\nmax_frame = \"64KiB\"\norigin = [\"//file.example\"]\n");
    let environment = [("VESTIBULE_LOG", "debug"), ("VESTIBULE_MAX_FRAME", "128KiB")];
    let output = file.run(&["check-config", "--max-frame", "96KiB"], &environment);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let name = file.name();
    let lines = [
        "ok".to_owned(),
        format!("origin = [\"//file.example\"]  # {name}:4"),
        "log = \"debug\"  # VESTIBULE_LOG".to_owned(),
        format!("max_channels = 1  # {name}:1"),
        "max_frame = \"96KiB\"  # --max-frame".to_owned(),
    ];
    assert_eq!(text(&output.stdout).lines().collect::<Vec<_>>(), lines);
}

#[test]
fn settings_of_the_file_take_effect() {
    let server = File::new("origin = [\"//a.example\", \"//b.example\"]\ndemo = false\n").serve();
    assert!(may_connect(&server, "https://a.example") && may_connect(&server, "https://b.example"));
    assert!(!may_connect(&server, "https://c.example"));
}

#[test]
fn the_environment_can_name_the_file() {
    let file = File::new("max_channels = 7\n");
    let output =
        Launch::bare().arg("check-config").env("VESTIBULE_CONFIG", &file.name()).run(file.folder.path());
    assert!(text(&output.stdout).contains("max_channels = 7  # "), "{output:?}");
}

/// The error for a setting that is a time.
const TIME: &str = "expected a time with its unit, such as 500ms, 30s, 5m, 12h or 7d, from 1ms to 36500d";

#[test]
fn all_errors_are_reported_at_once() {
    let file = File::new("max_fram = 1\nidle = \"soon\"\n");
    let environment = [("VESTIBULE_POLL", "never"), ("VESTIBULE_MAX_FRAM", "1")];
    let output = file.run(&["check-config"], &environment);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()));
    let name = file.name();
    let lines = [
        format!("vestibule: {name}:1: unknown key max_fram (did you mean max_frame?)"),
        format!("vestibule: {name}:2: idle = \"soon\": {TIME}"),
        format!("vestibule: VESTIBULE_POLL=\"never\": {TIME}"),
    ];
    assert_eq!(text(&output.stderr).lines().collect::<Vec<_>>(), lines);
    // The server reports it in one line, and creates nothing.
    let output = file.run(&[], &environment);
    let says = format!("{} (and 2 more problems: run vestibule check-config)\n", lines[0]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(2), says));
    assert!(!file.folder.path().join("data").exists());
}

/// Settings with bad values, and the end of the error: what is expected, with an example and the
/// range.
const BAD_VALUES: [(&str, &str, &str); 15] = [
    ("max-channels", "fifteen", "expected a whole number such as 100, from 1 to 4294967295"),
    ("max-polls-per-user", "-1", "expected a whole number such as 100, from 0 to 18446744073709551615"),
    (
        "max-frame",
        "16KB",
        "such as 4096 (bytes), 16KiB, 1MiB or 16GiB, from 1 to 16777215TiB (did you mean 16KiB?)",
    ),
    ("max-store", "0", "such as 4096 (bytes), 16KiB, 1MiB or 16GiB, from 1 to 16777215TiB"),
    (
        "idle",
        "30",
        "expected a time with its unit, such as 500ms, 30s, 5m, 12h or 7d, from 1ms to 36500d (did you mean 30s?)",
    ),
    ("cooldown", "never", "such as 500ms, 30s, 5m, 12h or 7d, from 0s to 36500d"),
    ("listen", "4000", "with a port from 0 (any free port) to 65535 (did you mean 127.0.0.1:4000?)"),
    ("admin-listen", "/run/admin", "or unix:/run/vestibule/admin (did you mean unix:/run/admin?)"),
    (
        "trusted-proxy",
        "10.0.0.0/33",
        "such as 192.0.2.7, 10.0.0.0/8 or fd00::/8, with a prefix length from 0 to 32, or to 128 for IPv6",
    ),
    (
        "name",
        "https://a.example/",
        "expected a host, with its port if the URL has one, such as chat.example.com,",
    ),
    (
        "origin",
        "a.example",
        "expected an origin such as https://example.com, //example.com, //*.example.com,",
    ),
    ("demo", "true", "expected on or off (did you mean on?)"),
    ("log", "warning", "expected a level (error, warn, info, debug, trace, off) or a filter such as"),
    ("log-format", "jsn", "expected one of: text, json (did you mean json?)"),
    ("data", "", "expected a value, found none"),
];

/// Each error has the setting as it was given and the value, and says what is expected.
#[test]
fn a_bad_value_is_reported_alike_in_every_source() {
    let check = |launch: Launch| {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let output = launch.run(folder.path());
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{output:?}");
        text(&output.stderr)
    };
    let command = || Launch::bare().arg("check-config");
    let (mut flags, mut environment, mut file) = (command(), command(), Vec::new());
    for (name, value, _) in BAD_VALUES {
        let key = name.replace('-', "_");
        // Also if it begins with a hyphen, as an argument of its own.
        flags = flags.arg(&format!("--{name}")).arg(value);
        environment = environment.env(&format!("VESTIBULE_{}", key.to_uppercase()), value);
        file.push(format!("{key} = \"{value}\""));
    }
    let file = File::new(&file.join("\n"));
    let (flags, environment) = (check(flags), check(environment));
    let from_file = check(command().arg("--config").arg(&file.name()));
    for (line, (name, value, expected)) in (1..).zip(BAD_VALUES) {
        let key = name.replace('-', "_");
        for (said, begins) in [
            (&flags, format!("vestibule: --{name}=\"{value}\": ")),
            (&environment, format!("vestibule: VESTIBULE_{}=\"{value}\": ", key.to_uppercase())),
            (&from_file, format!("vestibule: {}:{line}: {key} = \"{value}\": ", file.name())),
        ] {
            let found = said.lines().find(|line| line.starts_with(&begins));
            assert!(found.is_some_and(|line| line.contains(expected)), "{begins}{expected}\n{said}");
        }
    }
    for said in [flags, environment, from_file] {
        assert_eq!(said.lines().count(), BAD_VALUES.len(), "each once: {said}");
    }
}

#[test]
fn the_command_line_suggests_similar_names_too() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for (argument, says) in [
        ("--max-chanels", "unexpected argument '--max-chanels' found (did you mean --max-channels?)"),
        ("chek-config", "unrecognized subcommand 'chek-config' (did you mean check-config?)"),
    ] {
        let output = Launch::bare().arg(argument).run(folder.path());
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn contradicting_settings_are_reported_with_their_sources() {
    let file = File::new("max_ct = \"1MiB\"\n\nmax_outbox = 1\n");
    let output = file.run(&["check-config"], &[("VESTIBULE_MAX_FRAME", "512KiB")]);
    let (said, name) = (text(&output.stderr), file.name());
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 2), "{said}");
    for place in [format!("max_ct: {name}:1"), format!("max_outbox: {name}:3"), "VESTIBULE_MAX_FRAME".into()]
    {
        assert!(said.contains(&place), "{place}: {said}");
    }
}

#[test]
fn nonsensical_values_are_reported_with_their_source() {
    for (content, says) in [
        ("listen = 4000", ":1: listen = 4000: expected an address and a port such as 127.0.0.1:4000"),
        ("\nlisten = \"4000\"", ":2: listen = \"4000\": expected an address and a port such as"),
        ("[limits]\nmax_frame = 1", ":1: limits is a table"),
        ("max_frame = ", ":1: "),
        (
            "log = \"a=b=c\"",
            ":1: log = \"a=b=c\": expected a level (error, warn, info, debug, trace, off) or a filter",
        ),
        ("max_outbox = 1", "--max-outbox is 1 bytes"),
    ] {
        let output = File::new(content).run(&[], &[]);
        let log = text(&output.stderr);
        assert_eq!((output.status.code(), log.lines().count()), (Some(2), 1), "{content}: {log}");
        assert!(log.contains(says), "{content}: {log}");
    }
    let folder = tempfile::tempdir().expect("a temporary directory");
    let output = Launch::bare().arg("--config").arg("none.toml").run(folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("vestibule: cannot read none.toml: "), "{output:?}");
}

/// Other programs may set variables of this name; they are not the server's alone.
#[test]
fn an_unknown_variable_is_a_warning() {
    let launch =
        Launch::untouched().env("VESTIBULE_MAX_FRAM", "1").env("VESTIBULE_PORT", "tcp://10.0.0.1:80");
    let server = Server::start(launch);
    let says = "unknown setting VESTIBULE_MAX_FRAM (did you mean VESTIBULE_MAX_FRAME?)";
    assert!(server.log().contains(says), "{}", server.log());
    let output = File::new("").run(&["check-config"], &[("VESTIBULE_MAX_FRAM", "1")]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), format!("vestibule: {says}\n")));
}

#[test]
fn the_default_config_is_readable_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let output = Launch::bare().arg("default-config").env("VESTIBULE_LISTEN", "nonsense").run(folder.path());
    assert_eq!(output.status.code(), Some(0), "whatever else is set: {output:?}");
    let defaults = text(&output.stdout);
    let in_force = defaults.replace("\n#", "\n").replace("\n ", "\n# ");
    for content in [&defaults, &in_force] {
        let output = File::new(content).run(&["check-config"], &[]);
        let said = (text(&output.stdout), text(&output.stderr));
        assert_eq!(said, ("ok\n".to_owned(), String::new()), "{content}");
    }
    assert!(in_force.contains("\nmax_frame = \"256KiB\"\n"), "{in_force}");
}

/// For packages: these commands are hidden, and need no configuration.
#[test]
fn the_manual_page_and_completions_are_printed() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for (arguments, says) in [
        (&["man"][..], ".TH vestibule 1"),
        (&["completions", "bash"], "_vestibule()"),
        (&["completions", "zsh"], "#compdef vestibule"),
        (&["completions", "fish"], "complete -c vestibule"),
    ] {
        let launch = arguments.iter().fold(Launch::bare(), |launch, argument| launch.arg(argument));
        let output = launch.env("VESTIBULE_CONFIG", "none.toml").run(folder.path());
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{arguments:?}");
        assert!(text(&output.stdout).contains(says), "{arguments:?}");
    }
    let help = text(&Launch::bare().arg("-h").run(folder.path()).stdout);
    assert!(help.contains("check-config") && !help.contains("completions"), "{help}");
}

#[test]
fn sighup_applies_live_settings_and_reports_the_rest() {
    let before = "origin = \"//a.example\"\nlog = \"info\"\nmax_frame = \"64KiB\"\n";
    let file = File::new(before);
    let server = file.serve();
    let page = "https://b.example";
    assert!(!may_connect(&server, page));
    assert!(!server.log().contains("origin refused"), "that is for debugging");

    file.write("origin = [\"//a.example\", \"//b.example\"]\nlog = \"debug\"\nmax_frame = \"96KiB\"\n");
    hang_up(&server, "need a restart");
    assert!(may_connect(&server, page));
    assert!(!may_connect(&server, "https://c.example"));
    let log = server.log();
    assert!(log.contains("origin refused"), "the log's level: {log}");
    assert!(log.contains("configuration reloaded settings=\"origin, log\""), "{log}");
    assert!(log.contains("changes that need a restart settings=\"max_frame\""), "{log}");

    file.write("origin = \"//c.example\"\nmax_fram = 1\n");
    hang_up(&server, "keeping the current configuration");
    let log = server.log();
    assert!(log.contains(":2: unknown key max_fram (did you mean max_frame?)"), "{log}");
    assert!(may_connect(&server, page), "nothing of a bad file is taken");

    file.write(before);
    hang_up(&server, "configuration reloaded settings=\"origin, log\"");
    assert!(!may_connect(&server, page));
    hang_up(&server, "nothing has changed");
}

#[test]
fn reload_applies_quotas_and_rates() {
    let file = File::new("max_rooms_per_user = 1\n");
    let server = file.serve();
    let token = Person::new(Alg::Ed25519).sign_in(server.address());
    let create = || {
        let request = Request::post("/v1/rooms").header("authorization", &format!("Bearer {token}"));
        let response = request.json(&json!({ "alg": "ed25519", "policy": "open" })).send(server.address());
        let response = response.expect("a response");
        (response.status, response.json()["reason"].as_str().map(str::to_owned))
    };
    assert_eq!((create(), create()), ((201, None), (429, Some("quota".to_owned()))));
    file.write("max_rooms_per_user = 2\n");
    hang_up(&server, "configuration reloaded settings=\"max_rooms_per_user\"");
    assert_eq!((create().0, create().0), (201, 429));
    file.write("max_calls_at_once = 1\nmax_calls_per_second = 1\n");
    hang_up(&server, "settings=\"max_calls_per_second, max_calls_at_once, max_rooms_per_user\"");
    assert_eq!((create(), create()), ((201, None), (429, Some("rate_limited".to_owned()))));
}

/// Connected clients stay and count; new ones meet the new limits.
#[test]
fn reload_applies_connection_limits_to_new_clients_only() {
    let file = File::new("max_sockets_per_address = 1\n");
    let mut server = file.serve();
    let open = |server: &Server| {
        let handshake = Handshake::new("/socket/websocket").query("vsn=2.0.0");
        handshake.open(server.address()).expect("a response")
    };
    let mut first = open(&server).accepted();
    assert_eq!(open(&server).response.status, 429);
    file.write("max_sockets_per_address = 2\n");
    hang_up(&server, "configuration reloaded settings=\"max_sockets_per_address\"");
    let second = open(&server).accepted();
    assert_eq!(open(&server).response.status, 429);
    first.send_text(r#"[null,"1","phoenix","heartbeat",{}]"#).expect("an open connection");
    assert_eq!(first.expect_json()[1], "1");
    drop((first, second));
    assert_eq!(server.terminate().code(), Some(0), "SIGHUP has not ended what SIGTERM does");
}

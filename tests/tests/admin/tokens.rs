//! `vestibule token`: makes tokens, and checks files of them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use tempfile::TempDir;
use vestibule_tests::admin::authorized;
use vestibule_tests::http::Request;
use vestibule_tests::process::{Launch, Server};

/// Runs `vestibule token` in a folder.
fn run(folder: &TempDir, arguments: &[&str]) -> Output {
    let launch = arguments.iter().fold(Launch::bare().arg("token"), |launch, argument| launch.arg(argument));
    launch.run(folder.path())
}

/// Its standard output, after success.
#[track_caller]
fn printed(folder: &TempDir, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    text(&output.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn a_made_token_is_accepted_for_what_it_may_do() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("tokens");
    let make = |name: &str, may: &str| {
        let said = printed(&folder, &["--name", name, "--may", may, "--append", "tokens"]);
        said.strip_suffix('\n').expect("a line").to_owned()
    };
    let (shop, bot) = (make("shop", "publish=chat:*,presence"), make("bot", "read"));
    assert_eq!((shop.len(), bot.len()), (43, 43));
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    let file = fs::read_to_string(&path).expect("a file");
    assert!(!file.contains(&shop) && !file.contains(&bot), "only hashes");
    assert_eq!(printed(&folder, &["check", "tokens"]), "shop publish=chat:*,presence\nbot read\n");

    let file = path.to_str().expect("UTF-8");
    let options = [("--admin-listen", "127.0.0.1:0"), ("--admin-tokens", file)];
    let server = Server::start(Launch::vestibule().options(&options));
    let status = |token: &str, path: &str| {
        authorized(Request::get(path), token).send(server.operators()).expect("a response").status
    };
    assert_eq!((status(&bot, "/metrics"), status(&shop, "/metrics")), (200, 403));
    assert_eq!(status(&shop, "/admin/v1/topics/chat:1/presence"), 404, "no such topic");
}

#[test]
fn without_a_file_the_token_and_its_line_are_printed() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let said = printed(&folder, &["--name", "shop", "--may", "full"]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines.len(), lines[0].len()), (2, 43), "{said}");
    assert!(lines[1].starts_with("shop full sha256:") && !lines[1].contains(lines[0]), "{said}");
    assert_eq!(folder.path().read_dir().expect("a folder").count(), 0);
}

#[test]
fn wrong_arguments_and_files_are_refused_in_one_line() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("tokens");
    let assert_refused = |arguments: &[&str], code: i32, says: &str| {
        let before = fs::read(&file).ok();
        let output = run(&folder, arguments);
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), said.lines().count()), (Some(code), 1), "{arguments:?}: {said}");
        assert!(said.starts_with("vestibule: ") && said.contains(says), "{arguments:?}: {said}");
        assert_eq!((output.stdout.len(), fs::read(&file).ok()), (0, before), "{arguments:?}");
    };
    let made = |may| ["--name", "shop", "--may", may, "--append", "tokens"];
    assert_refused(&[], 2, "--name");
    assert_refused(&["--name", "shop"], 2, "--may");
    assert_refused(&made("write"), 2, "expected read, full, or");
    assert_refused(&made("publish=room:*"), 2, "expected a topic");
    assert_refused(&["--name", "two words", "--may", "read"], 2, "expected 1 to 64");
    assert_refused(&["check", "tokens"], 1, "No such file");
    assert_refused(&["check"], 2, "FILE");

    printed(&folder, &made("publish"));
    assert_refused(&made("publish"), 1, "already has a token named shop");
    let line = fs::read_to_string(&file).expect("a file");
    fs::write(&file, format!("{line}bot write {}\n", "x".repeat(43))).expect("a file");
    assert_refused(&["check", "tokens"], 1, "line 2: expected read, full, or");
    assert_refused(&["--name", "bot", "--may", "read", "--append", "tokens"], 1, "line 2");
    fs::write(&file, line).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
    assert_refused(&["check", "tokens"], 1, "accessible to others");
    assert_refused(&["--name", "bot", "--may", "read", "--append", "tokens"], 1, "accessible to others");
    assert_refused(&["--name", "bot", "--may", "read", "--append", "no/tokens"], 1, "no/tokens");
}

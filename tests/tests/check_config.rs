//! `check-config` reads all files that the server would, reports exactly what would keep it from
//! starting, and changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::SystemTime;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, date_time_ymd};
use tempfile::TempDir;
use vestibule_tests::process::{Launch, Server};

/// A folder with everything that a server reads.
struct Site {
    folder: TempDir,
    listen: &'static str,
}

/// The years in which a certificate is valid.
type Years = (i32, i32);

/// Years that include today.
const NOW: Years = (2020, 2120);

impl Site {
    /// A valid one.
    fn new() -> Self {
        let site =
            Self { folder: tempfile::tempdir().expect("a temporary directory"), listen: "127.0.0.1:0" };
        site.certify(&[NOW]);
        site.write("tokens", 0o600, &format!("alice full {}\n", "a".repeat(32)));
        fs::create_dir(site.path("data")).expect("a folder");
        site.write("data/secrets", 0o600, &format!("{}\n", "A".repeat(43)));
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, mode: u32, content: &str) {
        let path = self.path(name);
        fs::write(&path, content).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    }

    /// Writes a certificate that is valid in these years, followed by those that signed it, and its
    /// key.
    fn certify(&self, chain: &[Years]) {
        let params = |(from, until): Years| {
            let mut params = CertificateParams::new(["chat.example.com".to_owned()]).expect("a name");
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(until, 1, 1);
            params
        };
        let key = || KeyPair::generate().expect("a key");
        let (own, issuers) = chain.split_first().expect("a certificate");
        let own_key = key();
        let mut pem = String::new();
        match issuers.first() {
            None => pem += &params(*own).self_signed(&own_key).expect("a certificate").pem(),
            Some(years) => {
                let issuer = CertifiedIssuer::self_signed(params(*years), key()).expect("an issuer");
                pem += &params(*own).signed_by(&own_key, &issuer).expect("a certificate").pem();
                pem += &issuer.pem();
            }
        }
        self.write("cert.pem", 0o644, &pem);
        self.write("key.pem", 0o600, &own_key.serialize_pem());
    }

    /// Runs the program with these files; a server that starts would not end.
    fn run(&self, command: &[&str]) -> Output {
        let launch = command.iter().fold(Launch::bare(), |launch, argument| launch.arg(argument));
        self.options().iter().fold(launch, |launch, argument| launch.arg(argument)).run(self.folder.path())
    }

    fn options(&self) -> [String; 12] {
        let path = |name: &str| self.path(name).to_str().expect("UTF-8").to_owned();
        let options = [
            ("--data", path("data")),
            ("--listen", self.listen.to_owned()),
            ("--admin-listen", format!("unix:{}", path("admin"))),
            ("--admin-tokens", path("tokens")),
            ("--tls-cert", path("cert.pem")),
            ("--tls-key", path("key.pem")),
        ];
        options.map(|(name, value)| [name.to_owned(), value]).as_flattened().to_vec().try_into().expect("12")
    }

    /// The errors and warnings of `check-config`, and its exit code. It changes nothing.
    #[track_caller]
    fn check(&self) -> (Option<i32>, Vec<String>) {
        let before = everything_in(self.folder.path());
        let output = self.run(&["check-config"]);
        assert_eq!(everything_in(self.folder.path()), before);
        let (said, ok) = (text(&output.stderr), text(&output.stdout));
        assert_eq!(ok.starts_with("ok\n"), output.status.success(), "{ok}{said}");
        (output.status.code(), said.lines().map(str::to_owned).collect())
    }
}

/// Everything below a folder: content, mode, and time of modification.
fn everything_in(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, u32, SystemTime, u64)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let metadata = fs::symlink_metadata(&path).expect("metadata");
            let content = if metadata.is_file() { fs::read(&path).expect("a file") } else { Vec::new() };
            let modified = metadata.modified().expect("a time");
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            found.insert(path, (content, metadata.mode(), modified, metadata.ino()));
        }
    }
    found
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn channels_are_checked_and_printed() {
    let site = Site::new();
    site.write("wrong.toml", 0o600, "[channels.\"chat:*\"]\njion = \"anyone\"\n\n[channels.\"room:*\"]\n");
    let check = |file: &str| {
        let file = site.path(file);
        let launch = Launch::bare().arg("check-config").arg("--config").arg(file.to_str().expect("UTF-8"));
        launch.run(site.folder.path())
    };
    let output = check("wrong.toml");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("wrong.toml:2: channels.\"chat:*\": unknown key jion (did you mean join?)"),
        "{said}"
    );
    assert!(said.contains("wrong.toml:4: channels.\"room:*\": the topics room:* belong"), "{said}");

    site.write("right.toml", 0o600, "[channels.\"chat:*\"]\njoin = \"anyone\"\n");
    let said = String::from_utf8(check("right.toml").stdout).expect("UTF-8");
    assert!(said.starts_with("ok\n[channels.\"chat:*\"]  # "), "{said}");
}

#[test]
fn a_valid_configuration_is_reported_as_ok() {
    let site = Site::new();
    assert_eq!(site.check(), (Some(0), Vec::new()));
    // Also if the server has yet to create what it needs.
    fs::remove_dir_all(site.path("data")).expect("a folder");
    assert_eq!(site.check(), (Some(0), Vec::new()));
}

#[test]
fn check_config_runs_beside_a_running_server() {
    let site = Site::new();
    let launch = site.options().iter().fold(Launch::bare(), |launch, argument| launch.arg(argument));
    let _server = Server::start(launch);
    let output = site.run(&["check-config"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

/// A way to damage a folder, and what is reported about it.
type Fault = (&'static str, fn(&Site), &'static str);

const FAULTS: [Fault; 13] = [
    ("no tokens", |site| fs::remove_file(site.path("tokens")).unwrap(), "tokens: No such file"),
    ("open tokens", |site| site.write("tokens", 0o644, ""), "tokens is accessible to others (mode 0644)"),
    ("tokens of another form", |site| site.write("tokens", 0o600, "alice"), "line 1"),
    ("no certificate", |site| fs::remove_file(site.path("cert.pem")).unwrap(), "cert.pem: No such file"),
    ("no PEM", |site| site.write("cert.pem", 0o644, "x"), "found no certificate in PEM format in"),
    ("no key", |site| fs::remove_file(site.path("key.pem")).unwrap(), "key.pem: No such file"),
    (
        "another certificate's key",
        |site| site.write("key.pem", 0o600, &KeyPair::generate().unwrap().serialize_pem()),
        "key.pem: ",
    ),
    (
        "short secrets",
        |site| site.write("data/secrets", 0o600, "short\n"),
        "each line of the secret file must be",
    ),
    ("open secrets", |site| site.write("data/secrets", 0o640 | 0o004, ""), "secrets is accessible to others"),
    (
        "a file for the folder",
        |site| {
            fs::remove_dir_all(site.path("data")).unwrap();
            site.write("data", 0o600, "");
        },
        "data: ",
    ),
    (
        "a folder for the database",
        |site| fs::create_dir(site.path("data/vestibule.db")).unwrap(),
        "vestibule.db: ",
    ),
    (
        "a folder for its log",
        |site| fs::create_dir(site.path("data/vestibule.db-wal")).unwrap(),
        "vestibule.db-wal: ",
    ),
    ("a file for the operators' socket", |site| site.write("admin", 0o600, ""), "/admin for operators: "),
];

#[test]
fn each_error_is_reported_in_the_servers_words() {
    for (what, spoil, says) in FAULTS {
        let site = Site::new();
        spoil(&site);
        let (code, said) = site.check();
        assert_eq!((code, said.len()), (Some(1), 1), "{what}: {said:?}");
        assert!(said[0].starts_with("vestibule: ") && said[0].contains(says), "{what}: {said:?}");
        let output = site.run(&["--log", "off"]);
        assert_eq!((output.status.code(), text(&output.stderr)), (code, said[0].clone() + "\n"), "{what}");
    }
}

#[test]
fn several_errors_are_all_reported() {
    let site = Site::new();
    for index in [1, 6, 8, 11, 12] {
        (FAULTS[index].1)(&site);
    }
    let (code, said) = site.check();
    assert_eq!((code, said.len()), (Some(1), 5), "{said:?}");
    let output = site.run(&["--log", "off"]);
    let line = format!("{} (and 4 more problems: run vestibule check-config)\n", said[0]);
    assert_eq!((output.status.code(), text(&output.stderr)), (code, line));
}

/// The server starts with it, since its clients may trust it all the same; but it is hardly
/// intended.
#[test]
fn a_questionable_setting_is_a_warning() {
    let site = Site::new();
    let assert_warned = |what: &str, says: &[&str]| {
        let (code, said) = site.check();
        assert_eq!((code, said.len()), (Some(0), says.len()), "{what}: {said:?}");
        for (line, says) in said.iter().zip(says) {
            assert!(line.contains(says), "{what}: {said:?}");
        }
    };
    site.certify(&[(2020, 2021)]);
    assert_warned("expired", &["cert.pem expired on 2021-01-01T00:00:00Z"]);
    site.certify(&[(2110, 2120)]);
    assert_warned("not yet valid", &["cert.pem is not valid before 2110-01-01T00:00:00Z"]);
    site.certify(&[NOW, (2020, 2022)]);
    assert_warned("an issuer that expired", &["the certificate number 2 in "]);
    site.certify(&[NOW]);
    fs::set_permissions(site.path("key.pem"), fs::Permissions::from_mode(0o644)).expect("a mode");
    assert_warned("an open key", &["key.pem is accessible to everybody (mode 0644)"]);
}

#[test]
fn a_missing_public_name_is_a_warning() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let output = Launch::bare().arg("check-config").arg("--listen").arg("0.0.0.0:4000").run(folder.path());
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), said.lines().count()), (Some(0), 1), "{said}");
    assert!(said.contains("no --name is set"), "{said}");
    assert_eq!(folder.path().read_dir().expect("a folder").count(), 0);
}

//! PostgreSQL's programs, as Debian installs them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Where Debian has a folder for each version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// The oldest version that will do: the first with `recovery_init_sync_method`.
const OLDEST: u32 = 14;
const NEEDED: [&str; 4] = ["initdb", "pg_basebackup", "postgres", "psql"];
/// Who runs the server if the tests run as root, as whom PostgreSQL refuses to run. Debian's
/// package makes this user.
const USER: &str = "postgres";

#[derive(Debug)]
pub(super) struct Programs {
    folder: PathBuf,
    /// As PostgreSQL says it, such as `15.18`.
    pub(super) version: String,
}

impl Programs {
    /// The newest that are installed.
    ///
    /// # Panics
    /// If none are.
    pub(super) fn get() -> &'static Self {
        static PROGRAMS: OnceLock<Programs> = OnceLock::new();
        PROGRAMS.get_or_init(|| {
            let folder = newest(Path::new(VERSIONS)).unwrap_or_else(|missing| panic!("{missing}"));
            // postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
            let said = run(Command::new(folder.join("postgres")).arg("--version"));
            let version = said.split_whitespace().nth(2).expect("a version").to_owned();
            Self { folder, version }
        })
    }

    /// A program, as the user who runs the tests. It gets none of that user's own settings.
    pub(super) fn command(&self, program: &str) -> Command {
        without_settings(Command::new(self.folder.join(program)))
    }

    /// A program that writes into the folder of a cluster, as the user whom that belongs to.
    pub(super) fn command_in(&self, folder: &Path, program: &str) -> Command {
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.arg(format!("--reuid={USER}")).arg(format!("--regid={USER}")).arg("--clear-groups");
            command.arg("--").arg(self.folder.join(program));
            command
        } else {
            Command::new(self.folder.join(program))
        };
        command.current_dir(folder);
        without_settings(command)
    }
}

fn without_settings(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
    // Passwords and certificates are looked for in the home folder.
    command.env("HOME", "/nonexistent").env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// Gives a file or folder to the user who runs the server.
pub(super) fn give(path: &Path) {
    if is_root() {
        run(Command::new("chown").arg(format!("{USER}:")).arg(path));
    }
}

/// Runs a program to its end and returns what it says.
///
/// # Panics
/// If it fails.
pub(super) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").expect("Linux").uid() == 0
}

/// The programs' folder of the newest version that has all of them.
fn newest(versions: &Path) -> Result<PathBuf, String> {
    let names = fs::read_dir(versions).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let numbers = names.filter_map(|name| name.to_str()?.parse::<u32>().ok());
    let usable = numbers.filter(|number| {
        let folder = folder_of(versions, *number);
        *number >= OLDEST && NEEDED.iter().all(|program| folder.join(program).is_file())
    });
    usable.max().map(|number| folder_of(versions, number)).ok_or_else(|| {
        format!(
            "this test needs PostgreSQL {OLDEST} or newer in {}, which \
             `make postgres` (tests/postgres/install.sh) installs on Debian",
            versions.display()
        )
    })
}

fn folder_of(versions: &Path, number: u32) -> PathBuf {
    versions.join(number.to_string()).join("bin")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{NEEDED, newest};

    fn install(versions: &Path, number: &str, programs: &[&str]) {
        let folder = versions.join(number).join("bin");
        fs::create_dir_all(&folder).expect("a folder");
        for program in programs {
            fs::write(folder.join(program), "").expect("a file");
        }
    }

    #[test]
    fn the_newest_complete_version_is_taken() {
        let versions = tempfile::tempdir().expect("a folder");
        let versions = versions.path();
        for (number, programs) in [("9.6", &NEEDED[..]), ("9", &NEEDED), ("14", &NEEDED), ("15", &NEEDED)] {
            install(versions, number, programs);
        }
        install(versions, "17", &["psql"]);
        assert_eq!(newest(versions), Ok(versions.join("15/bin")));
    }

    #[test]
    fn what_installs_a_missing_postgres_is_named() {
        let versions = tempfile::tempdir().expect("a folder");
        install(versions.path(), "13", &NEEDED);
        let missing = newest(versions.path()).expect_err("none");
        assert!(missing.contains("tests/postgres/install.sh"), "{missing}");
        assert!(newest(&versions.path().join("none")).is_err());
    }
}

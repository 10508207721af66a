//! Builds the binaries under test, once for each test process.
//!
//! Cargo builds a package's binaries only before that package's own tests, and this is another
//! package.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The server's binary.
pub(super) fn vestibule() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| build(&["--bin", "vestibule"], "vestibule"));
    &BINARY
}

/// The playground's binary.
pub(super) fn playground() -> &'static Path {
    static BINARY: LazyLock<PathBuf> =
        LazyLock::new(|| build(&["--example", "playground"], "examples/playground"));
    &BINARY
}

/// Builds a target of the workspace, whose packages share one set of features. `path` is where the
/// result is below the profile's directory.
fn build(target: &[&str], path: &str) -> PathBuf {
    let test = env::current_exe().expect("the test's own path");
    // TARGET/PROFILE/deps/this-test
    let directory = test.ancestors().nth(2).expect("a profile directory");
    let profile = match directory.file_name().and_then(OsStr::to_str).expect("a profile") {
        "debug" => "dev",
        profile => profile,
    };
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["build", "--quiet", "--workspace", "--features", "vestibule/postgres", "--profile", profile])
        .args(target)
        .arg("--target-dir")
        .arg(directory.parent().expect("a target directory"))
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    // Cargo describes the test's package in environment variables. Passed on, they would look like
    // a changed environment to the build scripts of dependencies, which would then be rebuilt each
    // time.
    for (name, _) in env::vars_os() {
        let described = name.to_str().is_some_and(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|prefix| name.starts_with(prefix))
        });
        if described {
            command.env_remove(name);
        }
    }
    let status = command.status().expect("cargo");
    assert!(status.success(), "{target:?} could not be built");
    directory.join(path)
}

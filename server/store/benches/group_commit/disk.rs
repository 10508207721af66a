//! A disk on which each sync takes as long as on a common one.

use std::{
    env,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{self, Command},
};

/// How long a sync takes, in microseconds.
pub(crate) const SYNC_US: u32 = 3800;

/// Set once this program runs with the library.
const VARIABLE: &str = "SLOW_SYNC_US";

/// Runs this program again on such a disk, unless it is.
pub(crate) fn run_on_a_slow_one() {
    if env::var_os(VARIABLE).is_some() {
        return;
    }
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("slow_sync.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/group_commit/slow_sync.c");
    // There is a compiler: SQLite was compiled with it.
    let mut compile = Command::new("cc");
    let compiled = compile.args(["-shared", "-fPIC", "-O1", source, "-ldl", "-o"]).arg(&library).status();
    assert!(compiled.is_ok_and(|status| status.success()), "slow_sync.c compiles");
    let mut again = Command::new(env::current_exe().expect("a program has a path"));
    again.args(env::args_os().skip(1)).env("LD_PRELOAD", &library).env(VARIABLE, SYNC_US.to_string());
    let error = again.exec();
    eprintln!("cannot run again with {}: {error}", library.display());
    process::exit(1);
}

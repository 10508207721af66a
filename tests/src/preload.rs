//! Libraries that a test loads into a server before libc (`LD_PRELOAD`).

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles this C source, named relative to the repository's top folder, into a library in this
/// folder.
///
/// # Panics
/// If it cannot be compiled. There is a compiler: SQLite was compiled with it.
pub fn compile(source: &str, folder: &Path) -> PathBuf {
    let source = crate::repository::root().join(source);
    let library = folder.join(source.with_extension("so").file_name().expect("a file"));
    let options = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror"];
    let compiled = Command::new("cc").args(options).arg(source).args(["-ldl", "-o"]).arg(&library).status();
    assert!(compiled.expect("a C compiler").success(), "{} could not be built", library.display());
    library
}

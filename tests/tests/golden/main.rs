//! The golden transcripts against the playground, the example that offers the channels they were recorded from.

use std::path::{Path, PathBuf};

use vestibule_tests::golden::{Runner, load, name};
use vestibule_tests::process::{Launch, Server};

#[test]
fn transcripts_pass() {
    let files = files();
    assert!(!files.is_empty(), "there are no transcripts");
    let server = Server::start(Launch::playground());
    let runner = Runner::new(server.address());
    let mut failed = Vec::new();
    for file in files {
        let transcripts = load(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(!transcripts.is_empty(), "{} is empty", file.display());
        let group = file.file_stem().and_then(|stem| stem.to_str()).expect("a file's name");
        for transcript in transcripts {
            let name = format!("{group}/{}", name(&transcript));
            match runner.run(&transcript) {
                Ok(()) => println!("golden {name} … ok"),
                Err(error) => {
                    println!("golden {name} … FAILED");
                    failed.push(format!("golden {name}\n  {error}"));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{} transcripts failed:\n\n{}\n", failed.len(), failed.join("\n\n"));
}

/// The files of transcripts, in the order of their names.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let entries =
        folder.read_dir().expect("the transcripts' folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    files.sort();
    files
}

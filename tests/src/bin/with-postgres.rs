//! Runs a command beside a PostgreSQL of its own, whose address is in `VESTIBULE_TEST_POSTGRES`:
//!
//! ```text
//! with-postgres cargo test -p vestibule-schema --features postgres
//! ```
//!
//! A library that is preloaded here is preloaded in the server, and not in the command.

use std::{
    env,
    process::{self, Command},
};

use vestibule_tests::postgres::Cluster;

fn main() {
    let mut arguments = env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: with-postgres COMMAND [ARGUMENT]…");
        process::exit(2);
    };
    let cluster = Cluster::start();
    let mut command = Command::new(&program);
    command.args(arguments).env_remove("LD_PRELOAD").env("VESTIBULE_TEST_POSTGRES", cluster.url("postgres"));
    let code = match command.status() {
        Ok(status) => status.code().unwrap_or(1),
        Err(error) => {
            eprintln!("with-postgres: {}: {error}", program.display());
            127
        }
    };
    // Not by `exit` alone, which would leave the server running.
    drop(cluster);
    process::exit(code);
}

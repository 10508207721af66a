//! How much CPU was used.

use std::{env, fs, path::PathBuf};

use crate::place::{VARIABLE, ask};

/// CPU in hundredths of a second, as the kernel counts it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cpu {
    /// Of the writers' threads, or of this thread.
    pub(crate) writers: u64,
    /// Of the database's server.
    pub(crate) server: u64,
}

impl Cpu {
    /// Of the store's writers.
    pub(crate) fn of_writers() -> Self {
        let tasks = fs::read_dir("/proc/self/task").expect("a process has threads");
        let stats = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
        let writers = stats.filter(|stat| stat.contains("(vestibule-write")).map(|stat| used(&stat)).sum();
        Self { writers, server: server().map_or(0, of_server) }
    }

    /// Of the calling thread.
    pub(crate) fn of_this_thread() -> Self {
        let stat = fs::read_to_string("/proc/thread-self/stat").expect("a thread has a status");
        Self { writers: used(&stat), server: server().map_or(0, of_server) }
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self { writers: self.writers - before.writers, server: self.server.saturating_sub(before.server) }
    }
}

/// The main process of the database's server on this machine.
fn server() -> Option<u32> {
    let folder = ask(&env::var(VARIABLE).ok()?, "SHOW data_directory");
    let pid = fs::read_to_string(PathBuf::from(folder).join("postmaster.pid")).ok()?;
    pid.lines().next()?.parse().ok()
}

/// Of a server's main process, its children, and those that have ended.
fn of_server(main: u32) -> u64 {
    let of = |stat: &str| -> (u64, u64) {
        let fields: Vec<u64> = fields(stat);
        (fields[1], fields[11] + fields[12])
    };
    let processes = fs::read_dir("/proc").expect("there are processes");
    let stats = processes.filter_map(|process| fs::read_to_string(process.ok()?.path().join("stat")).ok());
    let children: u64 = stats
        .map(|stat| of(&stat))
        .filter(|(parent, _)| *parent == u64::from(main))
        .map(|(_, cpu)| cpu)
        .sum();
    let own =
        fs::read_to_string(format!("/proc/{main}/stat")).map_or_else(|_| Vec::new(), |stat| fields(&stat));
    children + own.get(11..15).map_or(0, |own| own.iter().sum())
}

fn used(stat: &str) -> u64 {
    let fields = fields(stat);
    fields[11] + fields[12]
}

/// The fields after the name, of which the first is the state; see proc(5).
fn fields(stat: &str) -> Vec<u64> {
    let rest = stat.rsplit(')').next().unwrap_or_default();
    rest.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect()
}

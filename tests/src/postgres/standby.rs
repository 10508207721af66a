//! Standbys, which repeat what another cluster does and can take its place.

use std::sync::atomic::Ordering;

use super::cluster::{Cluster, ROLE, append};
use super::folder::Folder;
use super::postmaster::wait_until;
use super::programs::run;

/// Whether a commit waits for the standby.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replication {
    /// It is confirmed once the standby has it on disk. While there is no standby, none is.
    Sync,
    /// It is confirmed at once, and is lost if the standby takes over before it has it.
    Async,
}

impl Cluster {
    /// Starts a standby of this cluster, and waits until it follows.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn standby(&self, replication: Replication) -> Self {
        let folder = Folder::new();
        let name = format!("standby_{}", self.standbys.fetch_add(1, Ordering::Relaxed));
        let primary = format!("host=127.0.0.1 port={} user={ROLE} application_name={name}", self.port);
        let mut copy = self.programs.command_in(folder.path(), "pg_basebackup");
        copy.args(["--dbname", &primary, "--checkpoint=fast", "--write-recovery-conf", "--no-sync"]);
        run(copy.arg("--pgdata").arg(folder.data()));
        // Once promoted, it waits for no standby of its own.
        let own = "synchronous_standby_names = ''\n";
        append(&folder.data().join("postgresql.auto.conf"), own);
        let standby = Self::of(self.programs, folder);
        self.wait_for_standby(&name, "state = 'streaming'");
        if replication == Replication::Sync {
            self.set("synchronous_standby_names", &name);
            self.wait_for_standby(&name, "sync_state = 'sync'");
        }
        let kind = if replication == Replication::Sync { "synchronous" } else { "asynchronous" };
        standby.announce(&format!(", {kind} standby of {}", self.folder().display()));
        standby
    }

    /// Has a standby take over, and waits until it accepts writes.
    ///
    /// # Panics
    /// If it does not.
    pub fn promote(&self) {
        assert_eq!(self.query("postgres", "SELECT pg_promote()"), "t", "{}", self.log());
    }

    fn wait_for_standby(&self, name: &str, condition: &str) {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_replication WHERE application_name = '{name}' AND {condition}"
        );
        wait_until("followed by its standby", || self.query("postgres", &sql) == "1");
    }
}

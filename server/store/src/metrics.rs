//! The store's metrics.

use std::{
    hash::Hash,
    iter,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use strum::{IntoStaticStr, VariantNames};
use vestibule_approve::rules::Command;

use crate::{error::CommandError, problem::StoreProblem, submission::Committed};

/// What became of a command.
#[derive(Clone, Copy, Debug, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "lowercase")]
enum CommandResult {
    Stored,
    Unchanged,
    Refused,
    Failed,
}

/// How long a problem counts after it was last met.
const TROUBLED_FOR: Duration = Duration::from_secs(30);

/// Buckets for the time until a request's first approve, in seconds: from one second to a month.
const WAITS: [f64; 12] =
    [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0, 86_400.0, 604_800.0, 2_592_000.0];

/// Labels of the commands' counter.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CommandLabels {
    command: &'static str,
    result: &'static str,
}

/// Creates every series at the start, so that the first event is an increase too.
fn all_series<L: Clone + Hash + Eq>(labels: impl IntoIterator<Item = L>) -> Family<L, Counter> {
    let family = Family::default();
    for labels in labels {
        let _ = family.get_or_create(&labels);
    }
    family
}

/// The counters, shared by the store and its writer.
#[derive(Debug)]
pub(super) struct StoreMetrics {
    commands: Family<CommandLabels, Counter>,
    commits: Counter,
    commit_time: Histogram,
    commands_per_commit: Histogram,
    failed_reads: Counter,
    waiting: Gauge,
    first_approve: Histogram,
    /// When each problem was last met.
    full_at: Mutex<Option<Instant>>,
    unusable_at: Mutex<Option<Instant>>,
}

impl Default for StoreMetrics {
    fn default() -> Self {
        let results_of =
            |command| CommandResult::VARIANTS.iter().map(move |result| CommandLabels { command, result });
        let commands = Command::VARIANTS.iter().copied().flat_map(results_of);
        Self {
            commands: all_series(commands),
            commits: Counter::default(),
            commit_time: Histogram::new(exponential_buckets(0.0005, 2.0, 14)),
            commands_per_commit: Histogram::new(exponential_buckets(1.0, 2.0, 9)),
            failed_reads: Counter::default(),
            waiting: Gauge::default(),
            first_approve: Histogram::new(WAITS),
            full_at: Mutex::default(),
            unusable_at: Mutex::default(),
        }
    }
}

impl StoreMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("store_commands", "Commands to the store, by result", self.commands.clone());
        registry.register(
            "store_commits",
            "Transactions committed with commands in them",
            self.commits.clone(),
        );
        registry.register_with_unit(
            "store_commit_duration",
            "Time from the begin of a transaction until it was durable",
            Unit::Seconds,
            self.commit_time.clone(),
        );
        registry.register(
            "store_commit_commands",
            "Commands that shared a transaction",
            self.commands_per_commit.clone(),
        );
        registry.register("store_failed_reads", "Reads that failed", self.failed_reads.clone());
        registry.register("store_queue_length", "Commands that wait for the writer", self.waiting.clone());
        registry.register_with_unit(
            "first_approve",
            "Time from a request to its first approve",
            Unit::Seconds,
            self.first_approve.clone(),
        );
    }

    /// A command joins the queue.
    pub(super) fn submitted(&self) {
        self.waiting.inc();
    }

    /// A command leaves the queue.
    pub(super) fn taken(&self) {
        self.waiting.dec();
    }

    /// A command was rejected before it reached the writer.
    pub(super) fn turned_away(&self, command: &Command, result: &Result<Committed, CommandError>) {
        self.taken();
        self.count(command, result);
    }

    pub(super) fn read_failed(&self) {
        self.failed_reads.inc();
    }

    /// A batch is finished.
    pub(super) fn committed<'a>(
        &self,
        took: Duration,
        commands: impl ExactSizeIterator<Item = &'a Command>,
        results: &[Result<Committed, CommandError>],
    ) {
        let is_stored = results.iter().any(|result| !matches!(result, Err(CommandError::Store(_))));
        if is_stored {
            self.commits.inc();
            self.commit_time.observe(took.as_secs_f64());
            self.commands_per_commit.observe(f64::from(u32::try_from(commands.len()).unwrap_or(u32::MAX)));
        }
        iter::zip(commands, results).for_each(|(command, result)| self.count(command, result));
    }

    /// Notes a problem of the store.
    pub(super) fn found(&self, problem: StoreProblem) {
        *self.last(problem).lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// The problem that was met lately, if any.
    pub(super) fn problem(&self) -> Option<StoreProblem> {
        [StoreProblem::Full, StoreProblem::Unreadable].into_iter().find(|problem| self.is_in(*problem))
    }

    /// Whether this problem was met lately. Setting the clock does not matter.
    pub(super) fn is_in(&self, problem: StoreProblem) -> bool {
        let last = *self.last(problem).lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() < TROUBLED_FOR)
    }

    fn last(&self, problem: StoreProblem) -> &Mutex<Option<Instant>> {
        match problem {
            StoreProblem::Full => &self.full_at,
            StoreProblem::Unreadable | StoreProblem::Incomplete | StoreProblem::Moved => &self.unusable_at,
        }
    }

    fn count(&self, command: &Command, result: &Result<Committed, CommandError>) {
        let result = match result {
            Ok(Committed { decision, first_approve_ms, .. }) => {
                if let Some(ms) = first_approve_ms {
                    let waited = Duration::from_millis(u64::try_from(*ms).unwrap_or_default());
                    self.first_approve.observe(waited.as_secs_f64());
                }
                if decision.change.is_some() { CommandResult::Stored } else { CommandResult::Unchanged }
            }
            Err(CommandError::Refused(_)) => CommandResult::Refused,
            Err(CommandError::Store(_)) => CommandResult::Failed,
        };
        let labels = CommandLabels { command: command.into(), result: result.into() };
        self.commands.get_or_create(&labels).inc();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn labels_do_not_change() {
        assert_eq!(CommandResult::VARIANTS, ["stored", "unchanged", "refused", "failed"]);
        let commands: BTreeSet<&str> = Command::VARIANTS.iter().copied().collect();
        let expected = [
            "ack",
            "appoint",
            "approve",
            "deny",
            "end",
            "expire",
            "hand_over",
            "lapse",
            "nack",
            "publish",
            "request",
            "revoke",
            "unblock",
            "withdraw",
        ];
        assert_eq!(commands, BTreeSet::from(expected));
    }
}

//! What the hook was asked, and what came of it.

use std::time::Duration;

use prometheus_client::{
    metrics::{
        counter::Counter,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use vestibule_channels::metrics::LabelledMetric;

/// What came of a question.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// A yes.
    Allowed,
    /// A no.
    Denied,
    /// No valid answer.
    Failed,
    /// It was not asked, since the last ones had failed.
    Pausing,
    /// It was not asked, since too many waited.
    Busy,
}

/// Counts questions. Clones share the counts; without a hook they stay at 0.
#[derive(Clone, Debug)]
pub struct HookMetrics {
    questions: LabelledMetric<Counter, 5>,
    duration: Histogram,
}

impl Default for HookMetrics {
    fn default() -> Self {
        let results = ["allowed", "denied", "failed", "pausing", "busy"];
        Self {
            questions: LabelledMetric::labelled("result", results),
            duration: Histogram::new(exponential_buckets(0.001, 2.0, 12)),
        }
    }
}

impl HookMetrics {
    /// Registers them.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Questions to the auth hook, by result";
        self.questions.register(registry, "auth_hook_questions", help);
        registry.register_with_unit(
            "auth_hook_duration",
            "How long the auth hook took to answer, or to fail",
            Unit::Seconds,
            self.duration.clone(),
        );
    }

    pub(super) fn count(&self, outcome: Outcome) {
        self.questions[outcome as usize].inc();
    }

    pub(super) fn took(&self, time: Duration) {
        self.duration.observe(time.as_secs_f64());
    }
}

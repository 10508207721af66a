//! What is measured, and the figures of one run.

use std::collections::BTreeMap;

use crate::{gauge::Cost, ledger::Faults, statistics::Times};

/// A figure that a run has. Of all of them less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// The server's processor time for one message, in microseconds.
    Cpu,
    /// Of that, in user space.
    User,
    /// Of that, in the kernel.
    System,
    /// The instructions in user space for one message.
    Instructions,
    /// The median time until an answer or a delivery, in microseconds.
    P50,
    /// The time that 99 of 100 stay within, in microseconds.
    P99,
    /// The server's own memory for one connection, in bytes.
    Bytes,
    /// The same after each has sent many heartbeats.
    BytesAfterHeartbeats,
    /// The share of the growth that is kept after all are gone, in percent.
    Kept,
    /// The most memory that the server has for a client that does not read, in bytes.
    Held,
    /// By how much memory grows in a long time, in percent.
    Growth,
}

impl Measure {
    /// All, in the order of the report.
    pub const ALL: [Self; 11] = [
        Self::Cpu,
        Self::User,
        Self::System,
        Self::Instructions,
        Self::P50,
        Self::P99,
        Self::Bytes,
        Self::BytesAfterHeartbeats,
        Self::Kept,
        Self::Held,
        Self::Growth,
    ];

    /// The key in the JSON.
    pub fn key(self) -> &'static str {
        match self {
            Self::Cpu => "cpu_us",
            Self::User => "user_us",
            Self::System => "system_us",
            Self::Instructions => "user_instructions",
            Self::P50 => "p50_us",
            Self::P99 => "p99_us",
            Self::Bytes => "bytes",
            Self::BytesAfterHeartbeats => "bytes_after_heartbeats",
            Self::Kept => "kept_percent",
            Self::Held => "held_bytes",
            Self::Growth => "growth_percent",
        }
    }

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU µs",
            Self::User => "of it user µs",
            Self::System => "of it system µs",
            Self::Instructions => "user instructions",
            Self::P50 => "p50 µs",
            Self::P99 => "p99 µs",
            Self::Bytes => "bytes",
            Self::BytesAfterHeartbeats => "bytes after 170 heartbeats",
            Self::Kept => "% kept after all left",
            Self::Held => "bytes held for a slow reader",
            Self::Growth => "% growth of memory",
        }
    }
}

/// The figures of one run, or the medians of several.
pub type Figures = BTreeMap<Measure, f64>;

/// One run.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Sample {
    /// The figures.
    pub figures: Figures,
    /// What went wrong.
    pub faults: Faults,
}

impl Sample {
    /// The figures of messages that cost this and took these times.
    #[expect(clippy::cast_precision_loss, reason = "figures of a few digits")]
    pub fn of_messages(messages: u64, cost: Cost, mut times: Times, faults: Faults) -> Self {
        let each = |total: f64| total / messages as f64;
        let mut figures = Figures::new();
        match cost {
            Cost::Instructions(count) => {
                figures.insert(Measure::Instructions, each(count as f64));
            }
            Cost::Time { user, system } => {
                let (user, system) = (user.as_secs_f64() * 1e6, system.as_secs_f64() * 1e6);
                figures.insert(Measure::Cpu, each(user + system));
                figures.insert(Measure::User, each(user));
                figures.insert(Measure::System, each(system));
                // Latency says nothing of a server that is emulated.
                let percentiles = [(Measure::P50, 0.5), (Measure::P99, 0.99)];
                for (measure, share) in percentiles {
                    figures.extend(times.percentile(share).map(|time| (measure, time)));
                }
            }
        }
        Self { figures, faults }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::{Cost, Faults, Measure, Sample, Times};

    #[test]
    fn costs_are_divided_by_the_messages() {
        let mut times = Times::default();
        times.add(Duration::from_micros(7));
        let (user, system) = (Duration::from_millis(1), Duration::from_millis(3));
        let sample = Sample::of_messages(100, Cost::Time { user, system }, times, Faults::default());
        let figure = |measure| format!("{:.1}", sample.figures[&measure]);
        assert_eq!([Measure::Cpu, Measure::User, Measure::System].map(figure), ["40.0", "10.0", "30.0"]);
        assert_eq!([Measure::P50, Measure::P99].map(figure), ["7.0", "7.0"]);
    }

    #[test]
    fn an_emulated_run_has_instructions_alone() {
        let sample = Sample::of_messages(10, Cost::Instructions(1000), Times::default(), Faults::default());
        assert_eq!(sample.figures.into_iter().collect::<Vec<_>>(), [(Measure::Instructions, 100.0)]);
    }

    #[test]
    fn every_measure_has_a_key_of_its_own() {
        let keys: BTreeSet<_> = Measure::ALL.iter().map(|measure| measure.key()).collect();
        assert_eq!(keys.len(), Measure::ALL.len());
    }
}

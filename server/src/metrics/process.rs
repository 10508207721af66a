//! Metrics of this process, under their usual names.

use std::fmt;

use procfs::{
    ProcResult, WithCurrentSystemInfo as _,
    process::{LimitValue, Process as OwnProcess},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

/// Reads proc(5) at each scrape.
#[derive(Debug)]
pub(super) struct Process;

struct Numbers {
    cpu_seconds: f64,
    start_time_seconds: f64,
    resident_memory_bytes: i64,
    virtual_memory_bytes: i64,
    open_fds: i64,
    max_fds: Option<i64>,
    threads: i64,
}

impl Collector for Process {
    /// Encodes nothing if proc(5) cannot be read.
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Ok(numbers) = Numbers::read() else { return Ok(()) };
        let mut tell = |name: &str, help: &str, unit: Option<Unit>, metric: &dyn EncodeMetric| {
            let descriptor = encoder.encode_descriptor(name, help, unit.as_ref(), metric.metric_type())?;
            metric.encode(descriptor)
        };
        let (bytes, seconds) = (|| Some(Unit::Bytes), || Some(Unit::Seconds));
        let cpu = ConstCounter::new(numbers.cpu_seconds);
        tell("process_cpu", "User and system CPU time spent.", seconds(), &cpu)?;
        let start = ConstGauge::new(numbers.start_time_seconds);
        tell("process_start_time", "Start time of the process, in Unix time.", seconds(), &start)?;
        let resident = ConstGauge::new(numbers.resident_memory_bytes);
        tell("process_resident_memory", "Resident memory.", bytes(), &resident)?;
        let all = ConstGauge::new(numbers.virtual_memory_bytes);
        tell("process_virtual_memory", "Virtual memory.", bytes(), &all)?;
        tell("process_open_fds", "Open file descriptors.", None, &ConstGauge::new(numbers.open_fds))?;
        if let Some(most) = numbers.max_fds {
            tell(
                "process_max_fds",
                "Maximum number of open file descriptors.",
                None,
                &ConstGauge::new(most),
            )?;
        }
        tell("process_threads", "Threads.", None, &ConstGauge::new(numbers.threads))
    }
}

impl Numbers {
    fn read() -> ProcResult<Self> {
        let own = OwnProcess::myself()?;
        let stat = own.stat()?;
        let seconds = |ticks: u64| as_float(ticks) / as_float(procfs::ticks_per_second());
        let started = procfs::boot_time_secs()?;
        let max_fds = match own.limits()?.max_open_files.soft_limit {
            LimitValue::Value(most) => Some(count(most)),
            LimitValue::Unlimited => None,
        };
        Ok(Self {
            cpu_seconds: seconds(stat.utime + stat.stime),
            start_time_seconds: as_float(started) + seconds(stat.starttime),
            resident_memory_bytes: count(stat.rss_bytes().get()),
            virtual_memory_bytes: count(stat.vsize),
            open_fds: own.fd_count().map(|count| i64::try_from(count).unwrap_or(i64::MAX))?,
            max_fds,
            threads: stat.num_threads,
        })
    }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Exact up to 2^53: ticks of millions of years.
#[allow(clippy::cast_precision_loss, reason = "see above")]
fn as_float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_of_this_process() {
        let numbers = Numbers::read().unwrap();
        assert!(numbers.resident_memory_bytes > 1 << 20 && numbers.open_fds > 2 && numbers.threads > 0);
        assert!(numbers.virtual_memory_bytes >= numbers.resident_memory_bytes);
        let now = as_float(u64::try_from(vestibule_store::Clock::default().now_ms()).unwrap()) / 1000.0;
        assert!((0.0..3600.0).contains(&(now - numbers.start_time_seconds)), "{now}");
    }
}

//! The machine, and how busy others kept it meanwhile.

use std::{fs, thread};

/// Processor time of the whole machine, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    busy: u64,
    idle: u64,
}

impl Busy {
    /// The time so far; nothing where there is no `/proc`.
    pub fn now() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let fields: Vec<u64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
        // user nice system idle iowait irq softirq steal; guests' time is in user time already.
        let [_, _, _, idle, iowait, ..] = *fields.as_slice() else { return None };
        let all: u64 = fields.iter().take(8).sum();
        Some(Self { busy: all - idle - iowait, idle: idle + iowait })
    }

    /// The share of the machine, from 0 to 1, that was busy since then.
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub fn share_since(self, before: Self) -> f64 {
        let (busy, idle) = (self.busy - before.busy, self.idle - before.idle);
        busy as f64 / (busy + idle).max(1) as f64
    }
}

/// The processor's name and the number of processors.
pub fn description() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let name = name.map_or("unknown processor", |(_, name)| name);
    let count = thread::available_parallelism().map_or(1, usize::from);
    format!("{name}, {count} processors")
}

/// The load average of the last minute.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Busy;

    #[test]
    fn the_busy_share_leaves_out_waiting() {
        let before = Busy::parse("cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 1\n").expect("a line");
        let after = Busy::parse("cpu  10 5 5 50 20 4 3 3 9 9\n").expect("a line");
        assert_eq!(after, Busy { busy: 30, idle: 70 });
        assert!((after.share_since(before) - 0.3).abs() < 1e-9);
        assert_eq!(Busy::parse("intr 1\n"), None);
    }
}

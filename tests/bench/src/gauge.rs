//! What a server spends between two moments: processor time, or instructions where the kernel
//! counts none for us and the server runs under Valgrind.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// What was spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Processor time of all threads.
    Time {
        /// In user space.
        user: Duration,
        /// In the kernel.
        system: Duration,
    },
    /// Instructions in user space.
    Instructions(u64),
}

/// How a server is measured.
#[derive(Debug, Clone)]
pub enum Gauge {
    /// By its processor time, as proc(5) has it.
    Time,
    /// By Callgrind, which writes its counts into this folder.
    Callgrind(PathBuf),
}

/// A measurement that has begun.
#[derive(Debug)]
pub struct Begun<'a> {
    gauge: &'a Gauge,
    process: u32,
    before: Spent,
}

impl Gauge {
    /// Begins to measure a process.
    pub fn begin(&self, process: u32) -> io::Result<Begun<'_>> {
        let before = match self {
            Self::Time => Spent::of(process)?,
            // Callgrind counts anew after each dump.
            Self::Callgrind(folder) => {
                dump(process, folder)?;
                Spent::default()
            }
        };
        Ok(Begun { gauge: self, process, before })
    }

    /// Whether the server is emulated, and so does a fiftieth in the same time.
    pub fn is_slow(&self) -> bool {
        matches!(self, Self::Callgrind(_))
    }
}

impl Begun<'_> {
    /// Ends the measurement.
    pub fn end(self) -> io::Result<Cost> {
        match self.gauge {
            Gauge::Time => Ok(Spent::of(self.process)?.since(&self.before)),
            Gauge::Callgrind(folder) => dump(self.process, folder).map(Cost::Instructions),
        }
    }
}

/// The processor time that a process has spent so far.
#[derive(Debug, Default, Clone, Copy)]
struct Spent {
    /// In nanoseconds, exactly.
    total: u64,
    /// In ticks of 10 ms.
    user: u64,
    system: u64,
}

impl Spent {
    fn of(process: u32) -> io::Result<Self> {
        let folder = PathBuf::from(format!("/proc/{process}"));
        let stat = fs::read_to_string(folder.join("stat"))?;
        let (user, system) = ticks(&stat).ok_or(io::ErrorKind::InvalidData)?;
        let mut total = 0;
        for task in fs::read_dir(folder.join("task"))? {
            match fs::read_to_string(task?.path().join("schedstat")) {
                Ok(text) => total += nanoseconds(&text).ok_or(io::ErrorKind::InvalidData)?,
                // The thread has ended since the folder was listed.
                Err(error) if has_ended(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { total, user, system })
    }

    /// The exact total, divided between user space and kernel as the ticks are.
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    fn since(&self, before: &Self) -> Cost {
        let total = Duration::from_nanos(self.total.saturating_sub(before.total));
        let (user, system) = (self.user - before.user, self.system - before.system);
        let share = if user + system == 0 { 0.5 } else { user as f64 / (user + system) as f64 };
        let user = total.mul_f64(share);
        Cost::Time { user, system: total.saturating_sub(user) }
    }
}

/// The ticks in user space and in the kernel, of a line of `/proc/PID/stat`.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    // The name, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// The time on a processor, of a line of `/proc/PID/task/TID/schedstat`.
fn nanoseconds(schedstat: &str) -> Option<u64> {
    schedstat.split(' ').next()?.parse().ok()
}

/// Whether a file of `/proc/PID/task` cannot be read because its thread has ended: before the file
/// was opened, or between opening and reading it.
fn has_ended(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// Has Callgrind write down what it counted since the last time, and returns the sum.
fn dump(process: u32, folder: &Path) -> io::Result<u64> {
    let output = Command::new("vgdb").arg(format!("--pid={process}")).arg("dump").output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("vgdb: {}", String::from_utf8_lossy(&output.stderr))));
    }
    let mut newest = None;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // callgrind.PID.NUMBER
        let number = path.extension().and_then(|number| number.to_str()?.parse::<u32>().ok());
        newest = newest.max(number.map(|number| (number, path)));
    }
    let (_, path) = newest.ok_or_else(|| io::Error::other("Callgrind wrote nothing"))?;
    total(&fs::read_to_string(path)?).ok_or_else(|| io::Error::other("Callgrind wrote no total"))
}

/// The number of instructions in a file of Callgrind's.
fn total(dump: &str) -> Option<u64> {
    let line = dump.lines().find_map(|line| line.strip_prefix("totals:"))?;
    line.trim().split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{
        process,
        sync::atomic::{AtomicBool, Ordering},
        thread,
        time::Duration,
    };

    use super::{Cost, Gauge, Spent, ticks, total};

    #[test]
    fn times_are_those_of_user_space_and_kernel() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 94 0 0 0 12 34 0 0 20 0 1 0 1 2 3";
        assert_eq!(ticks(stat), Some((12, 34)));
        let before = Spent { total: 1000, user: 10, system: 20 };
        let cost = Spent { total: 5000, user: 11, system: 23 }.since(&before);
        let (user, system) = (Duration::from_micros(1), Duration::from_micros(3));
        assert_eq!(cost, Cost::Time { user, system });
    }

    #[test]
    fn the_own_process_is_measured() {
        let begun = Gauge::Time.begin(process::id()).expect("our own process");
        let sum: u64 = (0..3_000_000_u64).map(|number| number ^ 0x55).fold(0, u64::wrapping_add);
        let Cost::Time { user, system } = begun.end().expect("our own process") else { panic!() };
        assert!(user + system > Duration::from_micros(1), "{sum}");
    }

    #[test]
    fn threads_may_end_while_they_are_counted() {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    thread::scope(|short| (0..8).for_each(|_| drop(short.spawn(|| {}))));
                }
            });
            let counted = (0..2000).try_for_each(|_| Spent::of(process::id()).map(drop));
            done.store(true, Ordering::Relaxed);
            counted.expect("our own process");
        });
    }

    #[test]
    fn callgrinds_total_is_read() {
        assert_eq!(total("version: 1\nevents: Ir\n\nfn=(1)\n0 5\n\ntotals: 1234567\n"), Some(1_234_567));
        assert_eq!(total("events: Ir\n"), None);
    }
}

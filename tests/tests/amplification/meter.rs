//! A server's resources: its memory that is allocated and not freed, to the byte, and its processor
//! time.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use vestibule_tests::process::Launch;

/// How long it may take until memory is freed: long-poll sessions must time out first.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// The pause between two looks.
pub(crate) const GLANCE: Duration = Duration::from_millis(10);
/// How many equal looks in a row count as stable.
const LOOKS: usize = 3;
/// Memory that changes by itself, such as the time counters'.
const STILL: usize = 4096;

/// The counters of one server's memory.
pub(crate) struct Heap {
    library: PathBuf,
    path: PathBuf,
    counters: File,
}

impl Heap {
    /// Compiles the counting library, in this folder.
    pub(crate) fn build(folder: &Path) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/amplification/heap.c");
        let (library, path) = (folder.join("heap.so"), folder.join("counters"));
        let compiler = ["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"];
        let status =
            Command::new("cc").args(compiler).arg(&library).arg(source).status().expect("a C compiler");
        assert!(status.success(), "heap.c could not be built");
        fs::write(&path, [0; 16]).expect("a file");
        let counters = File::options().read(true).write(true).open(&path).expect("our own file");
        Self { library, path, counters }
    }

    /// Preloads the library into a server.
    pub(crate) fn count(&self, launch: Launch) -> Launch {
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        launch.env("LD_PRELOAD", &text(&self.library)).env("HEAP_COUNTERS", &text(&self.path))
    }

    /// The allocated bytes.
    pub(crate) fn live(&self) -> usize {
        self.counter(0)
    }

    /// The most bytes allocated since [`Heap::forget_peak`].
    pub(crate) fn peak(&self) -> usize {
        self.counter(8)
    }

    /// Restarts the measurement of the peak.
    pub(crate) fn forget_peak(&self) {
        self.counters.write_all_at(&[0; 8], 8).expect("our own file");
    }

    /// The allocated bytes, once they are stable: the last frames may still be being read.
    pub(crate) fn settled(&self) -> usize {
        let (mut live, mut still) = (self.live(), 0);
        let start = Instant::now();
        while still < LOOKS && start.elapsed() < PATIENCE {
            thread::sleep(GLANCE);
            let now = self.live();
            still = if now.abs_diff(live) < STILL { still + 1 } else { 0 };
            live = now;
        }
        live
    }

    /// Waits until at most `bound` bytes are allocated; returns the last value.
    pub(crate) fn down_to(&self, bound: usize) -> usize {
        let start = Instant::now();
        while self.live() > bound && start.elapsed() < PATIENCE {
            thread::sleep(GLANCE);
        }
        self.live()
    }

    fn counter(&self, offset: u64) -> usize {
        let mut bytes = [0; 8];
        self.counters.read_exact_at(&mut bytes, offset).expect("our own file");
        usize::try_from(i64::from_ne_bytes(bytes)).unwrap_or_default()
    }
}

/// How long the existing threads of a process have run (proc(5)): it falls when one ends.
pub(crate) fn time(process: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("a running process");
    let of_one = |folder: PathBuf| {
        // A thread may end meanwhile.
        let text = fs::read_to_string(folder.join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    };
    threads.filter_map(|thread| of_one(thread.ok()?.path())).sum()
}

/// The number of sockets that a process has open.
pub(crate) fn sockets(process: u32) -> usize {
    let descriptors = fs::read_dir(format!("/proc/{process}/fd")).expect("a running process");
    let targets = descriptors.filter_map(|descriptor| fs::read_link(descriptor.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

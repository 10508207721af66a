//! Some read nothing of what is said to all: what the server holds for them, and how long the
//! others wait.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use super::{
    DELIVERED, Scenario, Subject,
    admit::admit,
    traffic::{Kind, ROOMS, Traffic},
};
use crate::{
    candidate::Application,
    crowd::Crowd,
    measure::{Measure, Sample},
    memory,
};

/// The length of a payload in bytes: some hundred messages fill a connection's buffers.
const PAYLOAD: usize = 8192;

/// How many messages are sent: more than the system takes for a client that does not read, and an
/// outbox behind it.
const MESSAGES: u64 = 1500;

/// How many messages warm the server up.
const WARM_UP: u64 = 20;

/// How often it is looked at how much memory the server has.
const PERIOD: Duration = Duration::from_millis(20);

/// One client says something to all in a room, of whom some never read.
#[derive(Debug, Clone, Copy)]
pub struct SlowReaders {
    /// How many read.
    pub members: usize,
    /// How many do not.
    pub slow: usize,
}

impl Scenario for SlowReaders {
    fn key(&self) -> String {
        format!("slow-readers-{}", self.slow)
    }

    fn name(&self) -> String {
        format!("fan-out 1 × {} of 8 KiB, and {} who do not read", self.members, self.slow)
    }

    fn unit(&self) -> &'static str {
        DELIVERED
    }

    fn is_counted(&self) -> bool {
        false
    }

    fn application(&self) -> Application {
        Application::Playground
    }

    fn run(&self, subject: &mut Subject<'_>) -> io::Result<Sample> {
        let mut traffic =
            Traffic::join(subject.address(), Kind::Shout, ROOMS, 1, self.members)?.with_payload(PAYLOAD);
        traffic.run(WARM_UP, 1)?;
        let mut slow = Crowd::new(subject.address())?;
        admit(&mut slow, self.slow, |_| "room:0".to_owned())?;

        let process = subject.server.id();
        let before = memory::own(process)?;
        let is_over = AtomicBool::new(false);
        let (run, most) = thread::scope(|scope| {
            let most = scope.spawn(|| most_memory(process, &is_over));
            let run = subject.begin().and_then(|begun| {
                let times = traffic.run(WARM_UP + MESSAGES, 1)?;
                Ok((begun.end()?, times))
            });
            is_over.store(true, Ordering::Relaxed);
            (run, most.join().expect("a thread that reads"))
        });
        let (cost, times) = run?;
        let delivered = MESSAGES * self.members as u64;
        let mut sample = Sample::of_messages(delivered, cost, times, traffic.faults()?);
        if self.slow > 0 {
            #[expect(clippy::cast_precision_loss, reason = "figures of a few digits")]
            let held = most?.saturating_sub(before) as f64 / self.slow as f64;
            sample.figures.insert(Measure::Held, held);
        }
        Ok(sample)
    }
}

/// The most memory that a process had at any time until it is over.
fn most_memory(process: u32, is_over: &AtomicBool) -> io::Result<u64> {
    let mut most = 0;
    while !is_over.load(Ordering::Relaxed) {
        most = most.max(memory::own(process)?);
        thread::sleep(PERIOD);
    }
    Ok(most)
}

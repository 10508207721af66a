//! Users come and go for a long time: whether the server's memory grows.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use vestibule_tests::people::Device;

use super::{
    Scenario, Subject,
    people::{in_threads, members, rooms},
};
use crate::{
    candidate::Application,
    ledger::Faults,
    measure::{Figures, Measure, Sample},
    memory,
};

/// How long it is quiet each time when some have gone and others have come.
const PAUSE: Duration = Duration::from_secs(1);

/// Users of the product: some come as others go, again and again.
#[derive(Debug, Clone, Copy)]
pub struct Churn {
    /// How many.
    pub people: usize,
    /// How long it goes on.
    pub lasting: Duration,
}

impl Scenario for Churn {
    fn key(&self) -> String {
        "churn".to_owned()
    }

    fn name(&self) -> String {
        let minutes = self.lasting.as_secs().div_ceil(60);
        format!("{} users come and as many go, every other second, for {minutes} min", self.people / 2)
    }

    fn unit(&self) -> &'static str {
        "server"
    }

    fn is_counted(&self) -> bool {
        false
    }

    fn application(&self) -> Application {
        Application::Vestibule
    }

    fn rounds(&self, wanted: usize) -> usize {
        wanted.min(1)
    }

    fn run(&self, subject: &mut Subject<'_>) -> io::Result<Sample> {
        let server = subject.address();
        let rooms = rooms(self.people);
        let (some, others) = rooms.split_at(rooms.len() / 2);
        let mut there: Vec<Device> = Vec::new();
        let start = Instant::now();
        let mut memory = Vec::new();
        for turn in [some, others].into_iter().cycle() {
            if start.elapsed() >= self.lasting {
                break;
            }
            // They sign in anew: a session lasts for minutes.
            let people = members(server, turn);
            let came = in_threads(&people, |member| member.enter(server));
            // Those who were there go now.
            there = came;
            thread::sleep(PAUSE);
            memory.push(memory::own(subject.server.id())?);
        }
        drop(there);
        let growth = growth(&memory).ok_or_else(|| io::Error::other("too short"))?;
        Ok(Sample { figures: Figures::from([(Measure::Growth, growth)]), faults: Faults::default() })
    }
}

/// By how many percent the last quarter is above the second: the first is warming up.
fn growth(memory: &[u64]) -> Option<f64> {
    let quarter = (memory.len() / 4).max(1);
    let mut quarters = memory.chunks_exact(quarter);
    #[expect(clippy::cast_precision_loss, reason = "figures of a few digits")]
    let mean = |quarter: &[u64]| quarter.iter().sum::<u64>() as f64 / quarter.len() as f64;
    let (second, last) = (mean(quarters.nth(1)?), mean(quarters.nth(1)?));
    Some((last / second - 1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::growth;

    #[test]
    fn growth_is_that_of_the_last_quarter_over_the_second() {
        let memory = [10, 90, 100, 100, 500, 500, 104, 106, 7];
        assert_eq!(growth(&memory).map(f64::round), Some(5.0));
        assert_eq!(growth(&[100; 8]), Some(0.0));
        assert_eq!(growth(&[100; 3]), None);
    }
}

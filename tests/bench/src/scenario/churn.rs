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

/// Users of the product, half of whom go and come back again and again.
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
        format!("{} users, half of whom leave and come back every second, for {minutes} min", self.people)
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
        let people = members(server, &rooms);
        let (some, others) = people.split_at(self.people / 2);
        let mut there: Vec<Device> = in_threads(some, |member| member.enter(server));
        let start = Instant::now();
        let mut memory = Vec::new();
        for turn in [others, some].into_iter().cycle() {
            if start.elapsed() >= self.lasting {
                break;
            }
            let came = in_threads(turn, |member| member.enter(server));
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

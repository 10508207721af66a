//! From a token to a proven member, and what the server keeps for one.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use vestibule_tests::people::Device;

use super::{
    COUNTS_PRODUCT, Scenario, Subject,
    people::{Member, in_threads, members, rooms},
};
use crate::{
    candidate::Application,
    ledger::Faults,
    measure::{Figures, Measure, Sample},
    memory,
    statistics::Times,
};

/// How many are there before.
const WARM_UP: usize = 20;

/// How long the server may take to come to rest.
const REST: Duration = Duration::from_secs(1);

/// People who connect, join their inbox and a room of ten, and prove its key.
#[derive(Debug, Clone, Copy)]
pub struct Enter {
    /// How many.
    pub people: usize,
}

impl Scenario for Enter {
    fn key(&self) -> String {
        "member".to_owned()
    }

    fn name(&self) -> String {
        "connect, inbox, room of ten, proof".to_owned()
    }

    fn unit(&self) -> &'static str {
        "user"
    }

    fn is_counted(&self) -> bool {
        COUNTS_PRODUCT
    }

    fn application(&self) -> Application {
        Application::Vestibule
    }

    fn run(&self, subject: &mut Subject<'_>) -> io::Result<Sample> {
        let rooms = rooms(WARM_UP + self.people);
        let all = members(subject.address(), &rooms);
        let (first, others) = all.split_at(WARM_UP);
        let mut times = Times::default();
        let mut there = enter(first, subject, &mut times);
        times = Times::default();
        let begun = subject.begin()?;
        there.extend(enter(others, subject, &mut times));
        Ok(Sample::of_messages(others.len() as u64, begun.end()?, times, Faults::default()))
    }
}

/// The same people, who then do nothing.
#[derive(Debug, Clone, Copy)]
pub struct IdleMembers {
    /// How many.
    pub people: usize,
}

impl Scenario for IdleMembers {
    fn key(&self) -> String {
        "idle-members".to_owned()
    }

    fn name(&self) -> String {
        format!("idle, {} users with inbox, room of ten and proof", self.people)
    }

    fn unit(&self) -> &'static str {
        "user"
    }

    fn is_counted(&self) -> bool {
        false
    }

    fn application(&self) -> Application {
        Application::Vestibule
    }

    /// Memory hardly differs from round to round.
    fn rounds(&self, wanted: usize) -> usize {
        wanted.min(1)
    }

    fn run(&self, subject: &mut Subject<'_>) -> io::Result<Sample> {
        let rooms = rooms(WARM_UP + self.people);
        let all = members(subject.address(), &rooms);
        let (first, others) = all.split_at(WARM_UP);
        let process = subject.server.id();
        let memory = || {
            thread::sleep(REST);
            memory::own(process)
        };
        let mut times = Times::default();
        let mut there = enter(first, subject, &mut times);
        let before = memory()?;
        there.extend(enter(others, subject, &mut times));
        let grown = memory()?.saturating_sub(before);
        #[expect(clippy::cast_precision_loss, reason = "figures of a few digits")]
        let each = grown as f64 / others.len() as f64;
        Ok(Sample { figures: Figures::from([(Measure::Bytes, each)]), faults: Faults::default() })
    }
}

/// Has them come, several at a time: alone, each would spend most of the time waiting.
fn enter(members: &[Member<'_>], subject: &Subject<'_>, times: &mut Times) -> Vec<Device> {
    let server = subject.address();
    let entered = in_threads(members, |member| {
        let start = Instant::now();
        (member.enter(server), start.elapsed())
    });
    let keep_time = |(device, time)| {
        times.add(time);
        device
    };
    entered.into_iter().map(keep_time).collect()
}

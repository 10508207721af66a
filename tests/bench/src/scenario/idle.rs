//! Clients that have joined and do nothing, or little: what the server keeps for each.

use std::{io, thread, time::Duration};

use super::{
    Scenario, Subject,
    admit::admit,
    traffic::{Kind, ROOMS, Traffic},
};
use crate::{
    crowd::Crowd,
    measure::{Figures, Measure, Sample},
    memory,
};

/// How many stay all the time, so that what the server takes once is not counted.
const STAYING: usize = 200;

/// How many heartbeats each client sends: 85 minutes of phoenix.js.
const HEARTBEATS: u64 = 170;

/// How long the server may take to come to rest.
const REST: Duration = Duration::from_millis(500);

/// Clients in rooms of a few.
#[derive(Debug, Clone, Copy)]
pub struct Idle {
    /// How many.
    pub clients: usize,
    /// How many share a room.
    pub members: usize,
    /// How long after all have left it is looked at what the server has given back.
    pub after: Duration,
}

impl Scenario for Idle {
    fn key(&self) -> String {
        format!("idle-{}", self.clients)
    }

    fn name(&self) -> String {
        let Self { clients, members, after } = self;
        format!("idle, {clients} clients in {} rooms, gone for {} s", clients / members, after.as_secs())
    }

    fn unit(&self) -> &'static str {
        "connection"
    }

    fn is_counted(&self) -> bool {
        false
    }

    /// Memory hardly differs from round to round.
    fn rounds(&self, wanted: usize) -> usize {
        wanted.min(1)
    }

    fn run(&self, subject: &mut Subject<'_>) -> io::Result<Sample> {
        let process = subject.server.id();
        let memory = || {
            thread::sleep(REST);
            memory::own(process)
        };
        let mut staying = Crowd::new(subject.address())?;
        admit(&mut staying, STAYING, |client| format!("room:staying:{}", client / self.members))?;
        let before = memory()?;
        #[expect(clippy::cast_precision_loss, reason = "figures of a few digits")]
        let each = |bytes: u64| bytes.saturating_sub(before) as f64 / self.clients as f64;

        let mut crowd = Crowd::new(subject.address())?;
        admit(&mut crowd, self.clients, |client| format!("room:{}", client / self.members))?;
        let mut figures = Figures::new();
        figures.insert(Measure::Bytes, each(memory()?));
        let mut traffic = Traffic::of(crowd, Kind::Heartbeat, ROOMS, self.clients, 1);
        traffic.run(HEARTBEATS, 1)?;
        let most = memory()?;
        figures.insert(Measure::BytesAfterHeartbeats, each(most));
        let faults = traffic.faults()?;
        drop(traffic);

        thread::sleep(self.after);
        let kept = each(memory()?) / each(most).max(1.0);
        figures.insert(Measure::Kept, kept * 100.0);
        Ok(Sample { figures, faults })
    }
}

//! Clients of the product that have connected and joined nothing, over TCP and over TLS.

use std::{
    io::{self, ErrorKind},
    thread,
    time::{Duration, Instant},
};

use super::{
    PATIENCE, Scenario, Subject,
    traffic::{Kind, ROOMS, Traffic},
};
use crate::{
    candidate::Application,
    crowd::{Arrival, Crowd},
    measure::{Measure, Sample},
    memory,
    statistics::Times,
};

/// How many heartbeats each sends before it is measured.
const WARM_UP: u64 = 2;

/// How many clients are there before the others.
const STAYING: usize = 50;

/// How long the server may take to come to rest.
const REST: Duration = Duration::from_millis(500);

/// Clients that send heartbeats.
#[derive(Debug, Clone, Copy)]
pub struct Heartbeats {
    /// How many.
    pub clients: usize,
    /// How many heartbeats each sends.
    pub each: u64,
    /// Whether they connect over TLS.
    pub is_secured: bool,
}

impl Scenario for Heartbeats {
    fn key(&self) -> String {
        if self.is_secured { "heartbeats-tls" } else { "heartbeats-tcp" }.to_owned()
    }

    fn name(&self) -> String {
        let over = if self.is_secured { "TLS" } else { "TCP" };
        format!("heartbeats over {over}, {} clients, 1 under way each", self.clients)
    }

    fn unit(&self) -> &'static str {
        "heartbeat; connection"
    }

    fn is_counted(&self) -> bool {
        false
    }

    fn application(&self) -> Application {
        if self.is_secured { Application::VestibuleOverTls } else { Application::Vestibule }
    }

    fn run(&self, subject: &mut Subject<'_>) -> io::Result<Sample> {
        let mut staying = subject.crowd()?;
        connect(&mut staying, STAYING)?;
        let process = subject.server.id();
        let memory = || {
            thread::sleep(REST);
            memory::own(process)
        };
        let before = memory()?;
        let mut crowd = subject.crowd()?;
        connect(&mut crowd, self.clients)?;
        let grown = memory()?.saturating_sub(before);

        let mut traffic = Traffic::of(crowd, Kind::Heartbeat, ROOMS, self.clients, 1);
        traffic.run(WARM_UP, 1)?;
        let begun = subject.begin()?;
        let times: Times = traffic.run(WARM_UP + self.each, 1)?;
        let heartbeats = self.each * self.clients as u64;
        let mut sample = Sample::of_messages(heartbeats, begun.end()?, times, traffic.faults()?);
        #[expect(clippy::cast_precision_loss, reason = "figures of a few digits")]
        sample.figures.insert(Measure::Bytes, grown as f64 / self.clients as f64);
        Ok(sample)
    }
}

/// Connects clients one after the other, and waits until the server has accepted all.
fn connect(crowd: &mut Crowd, clients: usize) -> io::Result<()> {
    let mut accepted = 0;
    for _ in 0..clients {
        crowd.connect()?;
    }
    let start = Instant::now();
    while accepted < clients {
        if start.elapsed() > PATIENCE {
            return Err(ErrorKind::TimedOut.into());
        }
        crowd.receive(PATIENCE, |_, arrival| {
            accepted += usize::from(arrival == Arrival::Upgraded);
            Ok(())
        })?;
    }
    Ok(())
}

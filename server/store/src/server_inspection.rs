//! A look at a server of PostgreSQL from outside, while others may be using it.

use std::time::{Duration, Instant};

use vestibule_schema::{
    Database, Error, ServerUrl,
    connection::works,
    examine::{self, Facts},
};

use crate::Clock;

/// How often a round trip and a commit are timed.
const TRIES: usize = 9;

/// What there is to know of a server of PostgreSQL, and of a database on it.
#[derive(Debug)]
pub struct ServerInspection {
    /// How long it takes to connect.
    pub connect: Duration,
    /// How long a question and its answer take: the median of some.
    pub round_trip: Duration,
    /// How long a commit takes until it is durable: the median of some. A standby takes none.
    pub commit: Option<Duration>,
    /// How many microseconds the server's clock is ahead of this machine's.
    pub clock_ahead_us: i64,
    /// How many migrations the next start runs; `None` if it creates the tables.
    pub migrations: Result<Option<usize>, Error>,
    /// What the server says of itself.
    pub facts: Facts,
}

impl ServerInspection {
    /// Connects, and asks. Writes some bytes into the server's log, to time that.
    pub fn of(url: &ServerUrl) -> Result<Self, Error> {
        let begun = Instant::now();
        let mut conn = Database::on_server(url)?.writer()?;
        let connect = begun.elapsed();
        let facts = examine::facts(&mut conn)?;
        let round_trip = median(|| {
            works(&mut conn);
            Ok(())
        })?;
        let commit = if facts.is_standby { None } else { Some(median(|| examine::commit(&mut conn))?) };
        let before = Clock::default().now_us().0;
        let theirs = examine::time(&mut conn)?;
        let after = Clock::default().now_us().0;
        let migrations = if facts.is_standby { Ok(Some(0)) } else { examine::migrations(&mut conn, &facts) };
        let clock_ahead_us = theirs - i64::midpoint(before, after);
        Ok(Self { connect, round_trip, commit, clock_ahead_us, migrations, facts })
    }
}

fn median(mut work: impl FnMut() -> Result<(), Error>) -> Result<Duration, Error> {
    let mut times = Vec::new();
    for _ in 0..TRIES {
        let begun = Instant::now();
        work()?;
        times.push(begun.elapsed());
    }
    times.sort();
    Ok(times[TRIES / 2])
}

//! Clients connect and join, many at once.

use std::{
    io::{self, ErrorKind},
    time::Instant,
};

use super::PATIENCE;
use crate::{
    crowd::{Arrival, Crowd},
    statistics::Times,
    wire::message::{self, Parts},
};

/// The number of every client's only join.
pub(super) const JOIN: u64 = 1;

/// How many clients are about to come in at any time: fewer than a listener's queue holds.
const AT_ONCE: usize = 64;

/// Has this many further clients connect, and each join the topic of its number, without
/// parameters. Returns the times from connecting to the answer of the join.
pub(super) fn admit(crowd: &mut Crowd, clients: usize, topic: impl Fn(usize) -> String) -> io::Result<Times> {
    admit_with(crowd, clients, |client| (topic(client), "{}".to_owned()))
}

/// Like [`admit`], each with its topic and parameters.
pub(super) fn admit_with(
    crowd: &mut Crowd,
    clients: usize,
    join: impl Fn(usize) -> (String, String),
) -> io::Result<Times> {
    let mut times = Times::default();
    let (mut begun, mut joined) = (Vec::with_capacity(clients), 0);
    let mut first = None;
    let mut upgraded = Vec::new();
    while joined < clients {
        while begun.len() < clients && begun.len() - joined < AT_ONCE {
            begun.push(Instant::now());
            let number = crowd.connect()?;
            first.get_or_insert(number);
        }
        let first = first.unwrap_or_default();
        let is_any = crowd.receive(PATIENCE, |client, arrival| {
            match arrival {
                Arrival::Upgraded => upgraded.push(client),
                Arrival::Text(text) if is_reply(text) => {
                    if !is_ok(text) {
                        return Err(io::Error::other(String::from_utf8_lossy(text).into_owned()));
                    }
                    times.add(begun[client - first].elapsed());
                    joined += 1;
                }
                // What is said to all, as presence is.
                Arrival::Text(_) => {}
            }
            Ok(())
        })?;
        if !is_any {
            let what = format!("{joined} of {clients} clients have joined, and no further one does");
            return Err(io::Error::new(ErrorKind::TimedOut, what));
        }
        for client in upgraded.drain(..) {
            let (topic, params) = join(client - first);
            let text = message::text(Some(JOIN), JOIN, &topic, "phx_join", &params);
            crowd.send(client, [&*text])?;
        }
    }
    Ok(times)
}

fn is_reply(text: &[u8]) -> bool {
    Parts::split(text).is_some_and(|parts| parts.event == b"\"phx_reply\"")
}

/// Whether a reply says that all is well.
pub(super) fn is_ok(text: &[u8]) -> bool {
    const OK: &[u8] = b"\"status\":\"ok\"";
    text.windows(OK.len()).any(|window| window == OK)
}

//! What the people of a round do, each on a connection and a thread of their own.

use std::collections::HashMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use serde_json::json;
use vestibule_approve::frames::Request;

use super::log::{Log, Talk, Told};
use super::{Exchange, REQUESTS_EACH};
use crate::people::{Device, Message, PATIENCE, Person};

/// How often to look whether a round is over.
const LOOK: Duration = Duration::from_millis(20);

/// What all in a round share.
#[derive(Clone, Copy)]
pub(super) struct Party<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) start: &'a Barrier,
    /// Set once nothing more is interrupted.
    pub(super) is_over: &'a AtomicBool,
}

impl Party<'_> {
    /// A newcomer sends all requests at once, in turn to each room, and waits for the end.
    pub(super) fn ask(self, (person, token): &(Person, String), answered: Sender<()>) -> Log {
        let rooms = &self.exchange.rooms;
        let mut device = Device::with_token(self.exchange.address, person, Some(token));
        for room in rooms {
            device.visit(&room.rid());
        }
        let requests = rooms.iter().cycle().take(REQUESTS_EACH);
        let requests: Vec<_> =
            requests.map(|room| (room.topic(), json!(person.request(&room.rid())))).collect();
        let mut talk = Talk::new(answered);
        self.start.wait();
        for (topic, request) in requests {
            talk.send(&mut device, &topic, "request", request);
        }
        while let Some(message) = self.next(&mut device, &talk) {
            talk.note(message);
        }
        talk.end()
    }

    /// A member approves every request, until the end.
    pub(super) fn approve(self, (person, token): &(Person, String), answered: Sender<()>) -> Log {
        let rooms: HashMap<_, _> = self.exchange.rooms.iter().map(|room| (room.topic(), room)).collect();
        let mut device = Device::with_token(self.exchange.address, person, Some(token));
        for room in rooms.values() {
            device.enter(room);
        }
        let mut talk = Talk::new(answered);
        self.start.wait();
        while let Some(message) = self.next(&mut device, &talk) {
            if message.event == "request" {
                let request: Request = serde_json::from_value(message.payload.clone()).expect("a request");
                let to = message.payload["uid"].as_str().expect("a uid").parse().expect("32 bytes");
                let approve = rooms[&message.topic].approve(person, &to, &request);
                talk.send(&mut device, &message.topic, "approve", json!(approve));
            }
            talk.note(message);
        }
        talk.end()
    }

    /// A newcomer's other device, which is told of the approves of all rooms.
    pub(super) fn listen(self, (person, token): &(Person, String)) -> Told {
        let mut device = Device::with_token(self.exchange.address, person, Some(token));
        device.arrive(&person.inbox());
        let mut told = Told::default();
        self.start.wait();
        while let Some(message) = self.next_or_over(&mut device, true) {
            told.note(message);
        }
        told
    }

    /// The next message; nothing after the end of the connection, or once the round is over and
    /// everything is answered.
    fn next(self, device: &mut Device, talk: &Talk) -> Option<Message> {
        self.next_or_over(device, talk.is_done())
    }

    fn next_or_over(self, device: &mut Device, is_done: bool) -> Option<Message> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let was_over = self.is_over.load(Ordering::SeqCst);
            match device.next_within(LOOK) {
                Err(_) => return None,
                Ok(Some(message)) => return Some(message),
                Ok(None) if was_over && is_done => return None,
                Ok(None) => assert!(Instant::now() < deadline, "no answer, and no end"),
            }
        }
    }
}

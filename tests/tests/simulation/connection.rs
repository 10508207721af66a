//! A connection over a bad network: it breaks before a message, within it, or before its answer.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use vestibule_approve::frames::Id;
use vestibule_tests::people::{Device, Message, Reply};
use vestibule_tests::random::Random;

use crate::simulation::{Account, Simulation};

/// How many calls succeed for each that fails.
const LUCK: usize = 15;

/// The pause before a retry while the server is away.
const RETRY: Duration = Duration::from_millis(50);

/// The connection is gone, and another must be made.
#[derive(Debug)]
pub(crate) struct Broken;

pub(crate) struct FlakyConnection<'a> {
    simulation: &'a Simulation,
    device: Device,
    random: Random,
}

impl<'a> FlakyConnection<'a> {
    /// Connects, as soon as the server is there; nothing once the simulation is over.
    pub(crate) fn connect(
        simulation: &'a Simulation,
        Account { person, token }: &Account,
        id: Id,
        random: &mut Random,
    ) -> Option<Self> {
        while !simulation.is_over() {
            if let Ok(mut device) = Device::try_with_token(simulation.address, person, Some(token)) {
                device.id = id;
                // The number of attempts does not depend on the seed.
                let random = random.of(random.clone().below(usize::MAX));
                return Some(Self { simulation, device, random });
            }
            thread::sleep(RETRY);
        }
        None
    }

    /// Joins a topic. A refused join is a failure.
    pub(crate) fn join(&mut self, topic: &str) -> Result<Value, Broken> {
        let params = json!({ "v": 1, "device": self.device.id });
        self.call(topic, "phx_join", &params).map(Reply::ok)
    }

    /// Sends a message and waits for its answer.
    pub(crate) fn call(&mut self, topic: &str, event: &str, payload: &Value) -> Result<Reply, Broken> {
        if self.simulation.is_unlucky(&mut self.random, LUCK) {
            self.simulation.count("broken connections");
            match self.random.below(3) {
                0 => {}
                // The start of a frame that never comes. If it cannot be sent, the connection is
                // broken anyway.
                1 => drop(self.device.socket.send_raw(&[0x81, 0xfe, 0x01])),
                _ => drop(self.device.send(topic, event, payload)),
            }
            return Err(Broken);
        }
        self.device.try_call(topic, event, payload).ok_or(Broken)
    }

    /// The next message, if one comes within this time.
    pub(crate) fn next(&mut self, time: Duration) -> Result<Option<Message>, Broken> {
        self.device.next_within(time).map_err(|_| Broken)
    }
}

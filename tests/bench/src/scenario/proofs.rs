//! Many prove a room's key at once, in a room that has many members already.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::Value;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Message, PATIENCE, Person, Room};

use super::{COUNTS_PRODUCT, Scenario, Subject, people::in_threads};
use crate::{candidate::Application, ledger::Faults, measure::Sample, statistics::Times};

/// Guests who all prove the key at the same time, and are shown to all members.
#[derive(Debug, Clone, Copy)]
pub struct Proofs {
    /// How many members the room has.
    pub members: usize,
    /// How many prove.
    pub proofs: usize,
}

/// A guest with a signed proof.
struct Guest {
    device: Device,
    proof: Value,
}

impl Scenario for Proofs {
    fn key(&self) -> String {
        format!("proofs-{}", self.members)
    }

    fn name(&self) -> String {
        format!("{} proofs at once in a room of {}", self.proofs, self.members)
    }

    fn unit(&self) -> &'static str {
        "proof"
    }

    fn is_counted(&self) -> bool {
        COUNTS_PRODUCT
    }

    fn application(&self) -> Application {
        Application::Vestibule
    }

    fn run(&self, subject: &mut Subject<'_>) -> io::Result<Sample> {
        let server = subject.address();
        let room = Room::new(Alg::Ed25519);
        let mut members = arrive(server, self.members, |device| {
            device.enter(&room);
        });
        // They have heard of each other before the others come.
        members.iter_mut().try_for_each(|member| hear_of(member, self.members))?;
        let guests = arrive(server, self.proofs, |_| {});
        let mut guests: Vec<Guest> = guests.into_iter().map(|device| Guest::visit(device, &room)).collect();

        let mut times = Times::default();
        let begun = subject.begin()?;
        let start = Instant::now();
        let topic = room.topic();
        let sent: io::Result<Vec<String>> =
            guests.iter_mut().map(|guest| guest.device.send(&topic, "prove", &guest.proof)).collect();
        for (guest, reference) in guests.iter_mut().zip(sent?) {
            guest.device.answer(&reference).ok_or_else(|| io::Error::other("a proof has no answer"))?.ok();
            times.add(start.elapsed());
        }
        let all = self.members + self.proofs;
        members.iter_mut().try_for_each(|member| hear_of(member, all))?;
        Ok(Sample::of_messages(self.proofs as u64, begun.end()?, times, Faults::default()))
    }
}

impl Guest {
    fn visit(mut device: Device, room: &Room) -> Self {
        let nonce = device.visit(&room.rid())["nonce"].as_str().and_then(|nonce| nonce.parse().ok());
        let proof = room.prove(&device.server, &device.uid, &nonce.expect("a nonce"));
        Self { device, proof }
    }
}

/// New people, who connect and do something.
fn arrive(server: SocketAddr, count: usize, act: impl Fn(&mut Device) + Sync) -> Vec<Device> {
    let people: Vec<Person> = (0..count).map(|_| Person::new(Alg::Ed25519)).collect();
    in_threads(&people, |person| {
        let mut device = Device::connect(server, person);
        act(&mut device);
        device
    })
}

/// Reads until a member has heard that there are this many.
fn hear_of(member: &mut Device, members: usize) -> io::Result<()> {
    let heard = |message: &Message| match message.event.as_str() {
        "presence_diff" => message.payload["count"]["members"].as_u64(),
        "presence_count" => message.payload["members"].as_u64(),
        _ => None,
    };
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(message) = member.next_within(Duration::from_secs(1))?
            && heard(&message) == Some(members as u64)
        {
            return Ok(());
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "a member was not told of all"))
}

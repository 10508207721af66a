//! The flow: newcomers ask, a member approves, and they acknowledge; the store has each step.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use vestibule_approve::{frames::Policy, signed::Alg};
use vestibule_tests::people::{Device, Person, Room};

use super::{
    COUNTS_PRODUCT, Scenario, Subject,
    people::{THREADS, in_threads},
};
use crate::{candidate::Application, ledger::Faults, measure::Sample, statistics::Times};

/// Eight rooms, each with a member and newcomers who ask one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// How many ask in each room.
    pub newcomers: usize,
}

impl Scenario for Ask {
    fn key(&self) -> String {
        "ask".to_owned()
    }

    fn name(&self) -> String {
        format!("request, approve, ack, in {THREADS} rooms at once")
    }

    fn unit(&self) -> &'static str {
        "newcomer"
    }

    fn is_counted(&self) -> bool {
        COUNTS_PRODUCT
    }

    fn application(&self) -> Application {
        Application::Vestibule
    }

    fn run(&self, subject: &mut Subject<'_>) -> io::Result<Sample> {
        let server = subject.address();
        let mut scenes: Vec<Scene> = (0..THREADS).map(|_| Scene::new(server, 1 + self.newcomers)).collect();
        // The first newcomer of each is for warming up.
        ask(&mut scenes, |scene| vec![scene.admit()]);
        let begun = subject.begin()?;
        let measured = ask(&mut scenes, |scene| (0..self.newcomers).map(|_| scene.admit()).collect());
        let cost = begun.end()?;
        let mut times = Times::default();
        for time in &measured {
            times.add(*time);
        }
        let doubled = scenes.iter_mut().map(Scene::doubled).sum();
        let faults = Faults { doubled, ..Faults::default() };
        Ok(Sample::of_messages(measured.len() as u64, cost, times, faults))
    }
}

/// Lets all rooms work at once.
fn ask(scenes: &mut Vec<Scene>, work: impl Fn(&mut Scene) -> Vec<Duration> + Sync) -> Vec<Duration> {
    let locked: Vec<_> = scenes.drain(..).map(std::sync::Mutex::new).collect();
    let times = in_threads(&locked, |scene| work(&mut scene.lock().expect("a room that works")));
    scenes.extend(locked.into_iter().map(|scene| scene.into_inner().expect("a room that works")));
    times.into_iter().flatten().collect()
}

/// A room, its member, and newcomers who have joined it.
struct Scene {
    room: Room,
    alice: Person,
    member: Device,
    waiting: Vec<(Person, Device)>,
    admitted: Vec<Device>,
}

impl Scene {
    fn new(server: SocketAddr, newcomers: usize) -> Self {
        let alice = Person::new(Alg::Ed25519);
        let room = Room::created_by(server, &alice, Policy::Request);
        let mut member = Device::connect(server, &alice);
        member.enter(&room);
        let newcomer = |_| {
            let person = Person::new(Alg::Ed25519);
            let mut device = Device::connect(server, &person);
            device.visit(&room.rid());
            (person, device)
        };
        let waiting = (0..newcomers).map(newcomer).collect();
        Self { room, alice, member, waiting, admitted: Vec::new() }
    }

    /// Lets the next newcomer in; returns how long that took.
    fn admit(&mut self) -> Duration {
        let Self { room, alice, member, waiting, admitted } = self;
        let (bob, mut newcomer) = waiting.pop().expect("a newcomer");
        let (topic, request) = (room.topic(), bob.request(&room.rid()));
        let begin = Instant::now();
        newcomer.call(&topic, "request", &request).ok();
        member.push(&topic, "request");
        let approve = room.approve(alice, &bob.uid(), &request);
        member.call(&topic, "approve", &approve).ok();
        newcomer.push(&topic, "approve");
        newcomer.ack(&topic, &approve.approve_id).ok();
        let took = begin.elapsed();
        member.drain();
        admitted.push(newcomer);
        took
    }

    /// How many approves came again.
    fn doubled(&mut self) -> u64 {
        let topic = self.room.topic();
        let again = |newcomer: &mut Device| {
            newcomer.fence(&topic).iter().filter(|message| message.event == "approve").count() as u64
        };
        self.admitted.iter_mut().map(again).sum()
    }
}

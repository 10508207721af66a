//! The fixture of most tests: a room with a member in it, and a newcomer.

use std::net::SocketAddr;

use serde_json::{Value, json};
use vestibule_approve::frames::{Approve, Deny, Policy, Request};
use vestibule_approve::signed::Alg;

use crate::people::{Device, Person, Room};
use crate::process::Server;

/// A published room, Alice as its member, and Bob as its guest.
#[derive(Debug)]
pub struct Scene {
    /// The server.
    pub address: SocketAddr,
    /// The room.
    pub room: Room,
    /// Its topic.
    pub topic: String,
    /// The member, who is in the room already.
    pub alice: Person,
    /// Alice's device, which has proved the room key.
    pub member: Device,
    /// The newcomer.
    pub bob: Person,
    /// Bob's device, which has joined the room.
    pub guest: Device,
}

impl Scene {
    /// A new room with new people, so that tests can share a server.
    pub fn new(server: &Server) -> Self {
        Self::with(server, Alg::Ed25519)
    }

    /// Like [`Scene::new`], with keys of this algorithm.
    pub fn with(server: &Server, alg: Alg) -> Self {
        let room = Room::published(server.address(), Policy::Request);
        Self::of(server, room, Person::new(alg), Person::new(alg))
    }

    /// Like [`Scene::new`], in a room that Alice created.
    pub fn of_creator(server: &Server) -> Self {
        let alice = Person::new(Alg::Ed25519);
        let room = Room::created_by(server.address(), &alice, Policy::Request);
        Self::of(server, room, alice, Person::new(Alg::Ed25519))
    }

    fn of(server: &Server, room: Room, alice: Person, bob: Person) -> Self {
        let address = server.address();
        let mut member = Device::connect(address, &alice);
        let mut guest = Device::connect(address, &bob);
        member.enter(&room);
        guest.visit(&room.rid());
        Self { address, topic: room.topic(), room, alice, member, bob, guest }
    }

    /// Bob sends a request, which is stored and pushed to Alice.
    ///
    /// # Panics
    /// If the server refuses it or does not push it.
    #[track_caller]
    pub fn ask(&mut self) -> Request {
        let request = self.bob.request(&self.room.rid());
        let stored = self.guest.call(&self.topic, "request", &request).ok();
        assert_eq!((&stored["state"], &stored["dup"]), (&json!("pending"), &json!(false)));
        assert_eq!(self.member.push(&self.topic, "request")["request_id"], json!(request.request_id));
        request
    }

    /// Alice sends an approve, which is stored and pushed to Bob.
    ///
    /// # Panics
    /// If the server refuses it or does not push it.
    #[track_caller]
    pub fn approve(&mut self, request: &Request) -> Approve {
        let approve = self.room.approve(&self.alice, &self.bob.uid(), request);
        let stored = self.member.call(&self.topic, "approve", &approve).ok();
        assert_eq!((&stored["state"], &stored["dup"]), (&json!("approved"), &json!(false)));
        assert_eq!(self.guest.push(&self.topic, "approve")["approve_id"], json!(approve.approve_id));
        approve
    }

    /// Alice sends a denial, which is stored.
    ///
    /// # Panics
    /// If the server refuses it.
    #[track_caller]
    pub fn deny(&mut self, request: &Request, block: bool) -> Deny {
        let deny = self.room.deny(&self.alice, &self.bob.uid(), &request.request_id, block);
        let stored = self.member.call(&self.topic, "deny", &deny).ok();
        assert_eq!(stored, json!({ "state": "denied", "dup": false }));
        deny
    }

    /// The response to `status` for a request of Bob's.
    #[track_caller]
    pub fn status(&mut self, request: &Request) -> Value {
        let about = json!({ "request_id": request.request_id });
        self.guest.call(&self.topic, "status", about).ok()["state"].take()
    }

    /// Another member, and the pending requests that the member was shown.
    pub fn another_member(&self) -> (Person, Device, Vec<Value>) {
        let person = Person::new(Alg::Ed25519);
        let mut device = Device::connect(self.address, &person);
        let pending = list(&device.enter(&self.room)["pending"]);
        (person, device, pending)
    }

    /// The open requests that a new member is shown.
    pub fn pending(&self) -> Vec<Value> {
        self.another_member().2
    }

    /// Bob's requests and waiting approves, as a new connection of his is shown them.
    pub fn bobs(&self) -> (Vec<Value>, Vec<Value>) {
        let joined = Device::connect(self.address, &self.bob).visit(&self.room.rid());
        (list(&joined["mine"]), list(&joined["approves"]))
    }

    /// Asserts that nothing was stored and nobody was told anything.
    ///
    /// # Panics
    /// If something was.
    #[track_caller]
    pub fn assert_untouched(&mut self) {
        assert_eq!(self.pending(), [json!(null); 0], "a later member is shown a request");
        assert_eq!(self.bobs(), (vec![], vec![]), "the newcomer is shown something");
        let pushes = ["request", "request_gone", "approve", "receipt", "denied", "expired", "withdrawn"];
        for device in [&mut self.member, &mut self.guest] {
            let told: Vec<_> = device.fence(&self.topic).into_iter().map(|message| message.event).collect();
            assert!(!told.iter().any(|event| pushes.contains(&event.as_str())), "somebody was told {told:?}");
        }
    }
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().expect("a list").clone()
}

//! A room, as the holders of its key see it.

use std::net::SocketAddr;

use serde_json::{Value, json};
use vestibule_approve::base64url::{Blob, Fixed};
use vestibule_approve::frames::{Approve, Card, Deny, Id, Policy, Request};
use vestibule_approve::signed::{Alg, Rid, Uid, hand_over, prove, room_id};

use super::{Device, Key, Person, TEN_MINUTES, now_ms, random};

/// A room's key pair.
#[derive(Debug)]
pub struct Room {
    /// The room key.
    pub key: Key,
}

impl Room {
    /// A new room, unknown to the server.
    pub fn new(alg: Alg) -> Self {
        Self { key: Key::generate(alg) }
    }

    /// A new room whose card another user has just published.
    ///
    /// # Panics
    /// If the server refuses the card.
    pub fn published(server: SocketAddr, policy: Policy) -> Self {
        Self::created_by(server, &Person::new(Alg::Ed25519), policy)
    }

    /// A new room whose card this user has just published. The directory lists it.
    ///
    /// # Panics
    /// If the server refuses the card.
    pub fn created_by(server: SocketAddr, creator: &Person, policy: Policy) -> Self {
        let room = Self::new(Alg::Ed25519);
        let mut device = Device::connect(server, creator);
        device.enter(&room);
        let mut card = room.card(1, policy, None);
        card["listed"] = json!(true);
        let published = device.call(&room.topic(), "card", card).ok();
        assert_eq!(published["version"], 1);
        device.leave(&room.topic());
        room
    }

    /// The room's id.
    pub fn rid(&self) -> Rid {
        room_id(self.key.alg(), &self.key.public().0)
    }

    /// The room's topic.
    pub fn topic(&self) -> String {
        topic(&self.rid())
    }

    /// The payload of `prove` for a join of `uid` at the server with this name.
    pub fn prove(&self, server: &str, uid: &Uid, nonce: &Fixed<32>) -> Value {
        json!({
            "room_pub": self.key.public(),
            "alg": self.key.alg(),
            "nonce": nonce,
            "sig": self.key.sign(&prove(server, &self.rid(), uid, nonce.as_bytes())),
        })
    }

    /// The payload of `hand_over` to the user `to`, at the server with this name, for the join that
    /// was given this nonce.
    pub fn hand_over(&self, from: &Person, to: &Uid, server: &str, nonce: &Fixed<32>) -> Value {
        let bytes = hand_over(server, &self.rid(), &from.uid(), to, nonce.as_bytes());
        json!({
            "to": to,
            "nonce": nonce,
            "sign_pub": from.key.public(),
            "sign_alg": from.key.alg(),
            "sig": from.key.sign(&bytes),
        })
    }

    /// The payload of `card`.
    pub fn card(&self, version: u64, policy: Policy, name: Option<&str>) -> Value {
        let sig = self.key.sign(&Card::signed_bytes(&self.rid(), version, policy, name));
        let mut card = json!({ "version": version, "policy": policy, "sig": sig });
        if let Some(name) = name {
            card["name"] = name.into();
        }
        card
    }

    /// A valid approve by a member for a request of `to`, with a random ciphertext.
    pub fn approve(&self, by: &Person, to: &Uid, request: &Request) -> Approve {
        let mut approve = Approve {
            approve_id: random(),
            request_id: request.request_id,
            to: *to,
            sign_pub: by.key.public(),
            sign_alg: by.key.alg(),
            r#box: request.box_hash(),
            alg: "hpke-p256-sha256-aes128gcm".to_owned(),
            ct: Blob(random::<113>().0.to_vec()),
            exp: now_ms() + TEN_MINUTES,
            room_sig: random(),
            user_sig: random(),
        };
        self.sign_approve(by, &mut approve);
        approve
    }

    /// A valid denial by a member of a request of `to`.
    pub fn deny(&self, by: &Person, to: &Uid, request_id: &Id, block: bool) -> Deny {
        let mut deny =
            Deny { request_id: *request_id, to: *to, code: "not_now".to_owned(), block, room_sig: random() };
        self.sign_deny(by, &mut deny);
        deny
    }

    /// Signs a denial, as it is, with the room key.
    pub fn sign_deny(&self, by: &Person, deny: &mut Deny) {
        deny.room_sig = self.key.sign(&deny.signed_bytes(&self.rid(), &by.uid()));
    }

    /// Signs an approve, as it is, with the room key and the approver's key.
    pub fn sign_approve(&self, by: &Person, approve: &mut Approve) {
        let bytes = approve.signed_bytes(&self.rid(), &by.uid());
        approve.room_sig = self.key.sign(&bytes);
        approve.user_sig = by.key.sign(&bytes);
    }
}

pub(super) fn topic(rid: &Rid) -> String {
    format!("room:{rid}")
}

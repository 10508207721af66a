//! A device: one connection of one user.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vestibule_approve::base64url::Fixed;
use vestibule_approve::frames::Id;
use vestibule_approve::signed::{Rid, Uid};

use super::{Message, Person, Reply, Room, person, random, room};
use crate::source::connect_from;
use crate::ws::{Close, Frame, Handshake, Received, Socket, opcode};

/// How long a server may take to send something before a test fails. Long, because a machine that
/// builds is busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A user's connection, which speaks Phoenix's V2 messages. Messages that arrive while an answer is
/// awaited are kept in order.
#[derive(Debug)]
pub struct Device {
    /// The socket itself, for tests that send malformed messages.
    pub socket: Socket,
    /// The device's id in joins and acks.
    pub id: Id,
    /// The id of the user.
    pub uid: Uid,
    /// The name by which the server is addressed.
    pub server: String,
    next_ref: u64,
    /// The `join_ref` of each topic.
    joins: HashMap<String, String>,
    kept: VecDeque<Message>,
}

impl Device {
    /// Signs in and connects.
    pub fn connect(server: SocketAddr, person: &Person) -> Self {
        Self::with_token(server, person, Some(&person.sign_in(server)))
    }

    /// Signs in and connects from another installation of the user's.
    pub fn another(server: SocketAddr, person: &Person) -> Self {
        Self { id: random(), ..Self::connect(server, person) }
    }

    /// Connects with a token as phoenix.js 1.8 sends it, or without one.
    ///
    /// # Panics
    /// If the server refuses the connection, which it does not do for lack of a token.
    pub fn with_token(server: SocketAddr, person: &Person, token: Option<&str>) -> Self {
        Self::try_with_token(server, person, token).expect("a response")
    }

    /// Like [`Device::with_token`]; returns an error if the server goes away meanwhile.
    ///
    /// # Panics
    /// If the server refuses the connection.
    pub fn try_with_token(server: SocketAddr, person: &Person, token: Option<&str>) -> io::Result<Self> {
        let opened = Self::handshake(token).open(server)?;
        Ok(Self::over(opened.accepted(), server, person))
    }

    /// Connects without a token through a relay, which it addresses by the server's name. An error
    /// means that the relay or the server goes away meanwhile.
    ///
    /// # Panics
    /// If the server refuses the connection.
    pub fn try_through(relay: SocketAddr, server: SocketAddr, person: &Person) -> io::Result<Self> {
        let opened = Self::handshake(None).header("host", &server.to_string()).open(relay)?;
        Ok(Self::over(opened.accepted(), server, person))
    }

    /// Signs in and connects from this source address.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn connect_from(source: IpAddr, server: SocketAddr, person: &Person) -> Self {
        Self::try_connect_from(source, server, person).expect("a connection")
    }

    /// Like [`Device::connect_from`]; returns nothing if the server refuses.
    pub fn try_connect_from(source: IpAddr, server: SocketAddr, person: &Person) -> Option<Self> {
        let connect = || connect_from(source, server);
        let token = person.try_sign_in_over(server, connect)?;
        let opened = Self::handshake(Some(&token)).open_over(connect().ok()?).ok()?;
        Some(Self::over(opened.socket?, server, person))
    }

    fn handshake(token: Option<&str>) -> Handshake {
        let handshake = Handshake::new("/socket/websocket").query("vsn=2.0.0");
        match token {
            Some(token) => {
                let token = STANDARD.encode(token);
                handshake.protocol(&format!("phoenix, base64url.bearer.phx.{token}"))
            }
            None => handshake,
        }
    }

    fn over(socket: Socket, server: SocketAddr, person: &Person) -> Self {
        Self {
            socket,
            id: person.device,
            uid: person.uid(),
            server: server.to_string(),
            next_ref: 0,
            joins: HashMap::new(),
            kept: VecDeque::new(),
        }
    }

    /// Sends a message without waiting and returns its ref. An error means that the connection is
    /// gone.
    pub fn send(&mut self, topic: &str, event: &str, payload: &Value) -> io::Result<String> {
        self.next_ref += 1;
        let reference = self.next_ref.to_string();
        if event == "phx_join" {
            self.joins.insert(topic.to_owned(), reference.clone());
        }
        let message = json!([self.joins.get(topic), reference, topic, event, payload]);
        self.socket.send_text(&message.to_string())?;
        Ok(reference)
    }

    /// Sends a message and waits for its reply. The payload may be a frame.
    ///
    /// # Panics
    /// If there is no answer.
    #[track_caller]
    pub fn call(&mut self, topic: &str, event: &str, payload: impl serde::Serialize) -> Reply {
        let payload = serde_json::to_value(payload).expect("a payload is JSON");
        let reference = self.send(topic, event, &payload).expect("an open connection");
        self.answer(&reference).unwrap_or_else(|| panic!("the connection ended without an answer to {event}"))
    }

    /// Sends a message and waits for its reply; returns nothing if the connection is gone or ends
    /// first.
    ///
    /// # Panics
    /// If the server is there and does not reply.
    pub fn try_call(&mut self, topic: &str, event: &str, payload: &Value) -> Option<Reply> {
        let reference = self.send(topic, event, payload).ok()?;
        self.answer(&reference)
    }

    /// Waits for the reply to the message with this ref; returns nothing if the connection ends
    /// first.
    pub fn answer(&mut self, reference: &str) -> Option<Reply> {
        self.take(|message| message.event == "phx_reply" && message.reference.as_deref() == Some(reference))
            .map(Reply::of)
    }

    /// Waits for the next push of this event on this topic and keeps everything else for later.
    ///
    /// # Panics
    /// If the connection ends first.
    #[track_caller]
    pub fn push(&mut self, topic: &str, event: &str) -> Value {
        self.take(|message| message.event == event && message.topic == topic)
            .unwrap_or_else(|| panic!("the connection ended before a push {event}"))
            .payload
    }

    /// All messages that were received and not taken.
    pub fn drain(&mut self) -> Vec<Message> {
        self.kept.drain(..).collect()
    }

    /// Waits until the topic's channel has handled a message of this device, and returns all
    /// messages that were received up to then and not taken. Everything that the channel sent
    /// before is among them.
    ///
    /// A heartbeat would not do, since the connection answers it without the channel.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn fence(&mut self, topic: &str) -> Vec<Message> {
        let fence = self.raise_fence(topic);
        self.reach_fence(&fence);
        self.drain()
    }

    /// The first half of [`Device::fence`]: a test can wait for several at once.
    ///
    /// # Panics
    /// If the connection is gone.
    pub fn raise_fence(&mut self, topic: &str) -> String {
        // A status of an unknown request is answered to everybody, and shown to nobody else.
        let nothing = json!({ "rid": random::<32>(), "request_id": random::<16>() });
        self.send(topic, "status", &nothing).expect("an open connection")
    }

    /// The second half of [`Device::fence`]. Messages received up to then can still be taken.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn reach_fence(&mut self, fence: &str) {
        let reply = self.answer(fence).expect("an answer before the connection ends");
        assert_eq!(reply.ok(), json!({ "state": null }));
    }

    /// Like [`Device::fence`], without presence messages.
    pub fn news(&mut self, topic: &str) -> Vec<Message> {
        let mut told = self.fence(topic);
        told.retain(|message| !message.event.starts_with("presence_"));
        told
    }

    /// The event names of [`Device::news`].
    pub fn events(&mut self, topic: &str) -> Vec<String> {
        self.news(topic).into_iter().map(|message| message.event).collect()
    }

    /// Joins a topic with this `last`, the notices that the client has seen.
    #[track_caller]
    pub fn join_after(&mut self, topic: &str, last: &Value) -> Reply {
        let params = json!({ "v": 1, "device": self.id, "last": last });
        self.call(topic, "phx_join", params)
    }

    /// Joins a topic and returns the reply, once everything stored before has arrived.
    #[track_caller]
    pub fn arrive(&mut self, topic: &str) -> Value {
        let joined = self.join(topic).ok();
        self.push(topic, "caught_up");
        joined
    }

    /// Joins a topic and returns the reply.
    #[track_caller]
    pub fn join(&mut self, topic: &str) -> Reply {
        let params = json!({ "v": 1, "device": self.id });
        self.call(topic, "phx_join", params)
    }

    /// Leaves a topic.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn leave(&mut self, topic: &str) {
        self.call(topic, "phx_leave", json!({})).ok();
        self.push(topic, "phx_close");
        self.joins.remove(topic);
    }

    /// Joins a room as a guest and returns the response.
    #[track_caller]
    pub fn visit(&mut self, rid: &Rid) -> Value {
        let topic = room::topic(rid);
        let joined = self.join(&topic).ok();
        if joined["more"] == false {
            self.push(&topic, "caught_up");
        }
        joined
    }

    /// Joins a room, proves its key, and returns the response to the proof.
    #[track_caller]
    pub fn enter(&mut self, room: &Room) -> Value {
        let nonce = nonce(&self.visit(&room.rid()));
        self.prove(room, &nonce).ok()
    }

    /// Proves a room's key for the join that was given this nonce.
    #[track_caller]
    pub fn prove(&mut self, room: &Room, nonce: &Fixed<32>) -> Reply {
        let proof = room.prove(&self.server, &self.uid, nonce);
        self.call(&room.topic(), "prove", proof)
    }

    /// Acks an approve on a room's topic.
    #[track_caller]
    pub fn ack(&mut self, topic: &str, approve_id: &Id) -> Reply {
        let ack = person::ack(approve_id, &self.id);
        self.call(topic, "ack", ack)
    }

    /// Nacks an approve on a room's topic.
    #[track_caller]
    pub fn nack(&mut self, topic: &str, approve_id: &Id, code: &str) -> Reply {
        let nack = json!({ "approve_id": approve_id, "device": self.id, "code": code });
        self.call(topic, "nack", nack)
    }

    /// Waits for the next message; returns nothing once the connection has ended.
    ///
    /// # Panics
    /// If nothing arrives within [`PATIENCE`], or something other than a text message does.
    pub fn receive(&mut self) -> Option<Message> {
        match self.socket.receive(PATIENCE) {
            Ok(Received::Frame(Frame { opcode: opcode::TEXT, payload, .. })) => Some(Message::parse(payload)),
            Ok(Received::Close(_) | Received::Eof | Received::Reset) | Err(_) => None,
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// The next message, already received or within this time, if there is one. An error means that
    /// the connection has ended.
    ///
    /// # Panics
    /// If something other than a text message arrives.
    pub fn next_within(&mut self, time: Duration) -> io::Result<Option<Message>> {
        if let Some(message) = self.kept.pop_front() {
            return Ok(Some(message));
        }
        match self.socket.receive(time)? {
            Received::Frame(Frame { opcode: opcode::TEXT, payload, .. }) => Ok(Some(Message::parse(payload))),
            Received::Nothing => Ok(None),
            Received::Close(_) | Received::Eof | Received::Reset => {
                Err(io::ErrorKind::ConnectionReset.into())
            }
            other @ Received::Frame(_) => panic!("expected a message, got {other:?}"),
        }
    }

    /// The payloads of all pushes of this event that were not taken, up to the end of the
    /// connection.
    ///
    /// # Panics
    /// If the connection does not end.
    pub fn remaining(&mut self, event: &str) -> Vec<Value> {
        while let Some(message) = self.receive() {
            self.kept.push_back(message);
        }
        self.drain()
            .into_iter()
            .filter(|message| message.event == event)
            .map(|message| message.payload)
            .collect()
    }

    /// Reads up to the server's close frame and answers it; returns nothing if the connection ends
    /// without one.
    ///
    /// # Panics
    /// If the server sends nothing for [`PATIENCE`].
    pub fn closed(&mut self) -> Option<Close> {
        loop {
            match self.socket.receive(PATIENCE) {
                Ok(Received::Frame(_)) => {}
                Ok(Received::Close(close)) => {
                    self.socket.answer_close(&close);
                    return Some(close);
                }
                Ok(Received::Eof | Received::Reset) | Err(_) => return None,
                Ok(Received::Nothing) => panic!("the connection stays open"),
            }
        }
    }

    /// The first matching message, already received or yet to come.
    fn take(&mut self, fits: impl Fn(&Message) -> bool) -> Option<Message> {
        if let Some(place) = self.kept.iter().position(&fits) {
            return self.kept.remove(place);
        }
        loop {
            let message = self.receive()?;
            if fits(&message) {
                return Some(message);
            }
            self.kept.push_back(message);
        }
    }
}

/// The nonce in the response to a join.
fn nonce(joined: &Value) -> Fixed<32> {
    joined["nonce"].as_str().expect("a nonce").parse().expect("32 bytes")
}

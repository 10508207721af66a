//! A user.

use std::io;
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};
use vestibule_approve::base64url::{self, Blob};
use vestibule_approve::frames::{Id, Request};
use vestibule_approve::signed::{Alg, Rid, Uid, session, user_id};

use super::{Key, TEN_MINUTES, now_ms, random};
use crate::http;

/// A user with a signing key.
#[derive(Debug)]
pub struct Person {
    /// The signing key.
    pub key: Key,
    /// The user's installation: the same one, however often it reconnects.
    pub device: Id,
}

impl Person {
    /// A new user.
    pub fn new(alg: Alg) -> Self {
        Self { key: Key::generate(alg), device: random() }
    }

    /// The user's id.
    pub fn uid(&self) -> Uid {
        user_id(self.key.alg(), &self.key.public().0)
    }

    /// The topic of the user's inbox.
    pub fn inbox(&self) -> String {
        format!("user:{}", self.uid())
    }

    /// Requests a challenge and returns its nonce.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn challenge(&self, server: SocketAddr) -> Vec<u8> {
        let request = self.challenge_request();
        challenge_in(&request.send(server).expect("a response")).expect("a challenge")
    }

    fn challenge_request(&self) -> http::Request {
        http::Request::post("/v1/challenge").json(&json!({ "uid": self.uid() }))
    }

    /// The body of `POST /v1/session` that answers a challenge of the server with this name.
    pub fn session(&self, server: &str, nonce: &[u8]) -> Value {
        json!({
            "sign_pub": self.key.public(),
            "alg": self.key.alg(),
            "nonce": Blob(nonce.to_vec()),
            "sig": self.key.sign(&session(server, &self.uid(), nonce)),
        })
    }

    /// Signs in and returns the token.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn sign_in(&self, server: SocketAddr) -> String {
        self.try_sign_in_over(server, || TcpStream::connect(server)).expect("a token")
    }

    /// Signs in over connections that `connect` opens and returns the token; nothing if the server
    /// refuses.
    ///
    /// # Panics
    /// If the token names another user.
    pub fn try_sign_in_over(
        &self,
        server: SocketAddr,
        connect: impl Fn() -> io::Result<TcpStream>,
    ) -> Option<String> {
        let ask = |request: http::Request| request.send_over(connect().ok()?).ok();
        let nonce = challenge_in(&ask(self.challenge_request())?)?;
        let body = self.session(&server.to_string(), &nonce);
        let response = ask(http::Request::post("/v1/session").json(&body))?;
        if response.status != 200 {
            return None;
        }
        let session = response.json();
        assert_eq!(session["uid"], json!(self.uid()));
        session["token"].as_str().map(str::to_owned)
    }

    /// A valid request for a room's key, with a fresh id and box key.
    pub fn request(&self, rid: &Rid) -> Request {
        let mut request = Request {
            request_id: random(),
            sign_pub: self.key.public(),
            sign_alg: self.key.alg(),
            box_pub: Blob(random::<65>().0.to_vec()),
            box_alg: "hpke-p256-sha256-aes128gcm".to_owned(),
            note: Some("Möchte dazu".to_owned()),
            exp: now_ms() + TEN_MINUTES,
            sig: random(),
        };
        self.sign_request(rid, &mut request);
        request
    }

    /// Signs a request, as it is, in this user's name.
    pub fn sign_request(&self, rid: &Rid, request: &mut Request) {
        request.sig = self.key.sign(&request.signed_bytes(rid, &self.uid()));
    }
}

/// The nonce of a challenge; nothing if the server refused.
fn challenge_in(response: &http::Response) -> Option<Vec<u8>> {
    if response.status != 200 {
        return None;
    }
    base64url::decode(response.json()["nonce"].as_str()?).ok()
}

/// The payload of `ack`.
pub(super) fn ack(approve_id: &Id, device: &Id) -> Value {
    json!({ "approve_id": approve_id, "device": device })
}

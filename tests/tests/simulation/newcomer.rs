//! A newcomer with several devices, which share a box key and each want the room key for
//! themselves.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vestibule_approve::base64url::Fixed;
use vestibule_approve::frames::{Approve, Card, Id, Request};
use vestibule_approve::limits::FieldLimits;
use vestibule_approve::signed::{Uid, user_id};
use vestibule_tests::people::{self, Key};
use vestibule_tests::random::Random;

use crate::connection::{Broken, FlakyConnection};
use crate::member::{expect_refused, list};
use crate::sealed::{ALG, BoxKey};
use crate::simulation::{Account, FailureGuard, SimulatedRoom, Simulation, locked};

/// Refusals that are nobody's mistake: caused by a hostile member, or by the server's restart.
const PATIENTLY_TAKEN: [&str; 5] = ["cooldown", "blocked", "unknown_room", "quota", "unavailable"];

/// The milliseconds within which all devices appear.
const ARRIVALS_MS: usize = 9_000;

pub(crate) struct Newcomer<'a> {
    simulation: &'a Simulation,
    simulated: &'a SimulatedRoom,
    account: Account,
    box_key: BoxKey,
    is_guest: bool,
    devices: Vec<Installation>,
}

/// One device, with what outlives its crashes.
pub(crate) struct Installation {
    id: Id,
    random: Random,
    saved: Mutex<Saved>,
}

#[derive(Clone, Copy, Default)]
struct Saved {
    key: Option<Fixed<32>>,
    /// Whether the server knows that the key is saved.
    is_acked: bool,
}

impl<'a> Newcomer<'a> {
    pub(crate) fn new(
        simulation: &'a Simulation,
        simulated: &'a SimulatedRoom,
        mut random: Random,
        is_guest: bool,
    ) -> Self {
        let device = |number| Installation {
            id: people::random(),
            random: random.of(number),
            saved: Mutex::default(),
        };
        let devices = (0..3).map(device).collect::<Vec<_>>();
        let devices = devices.into_iter().take(1 + random.below(3)).collect();
        let account = simulation.account();
        if is_guest {
            locked(&simulated.guests).insert(account.person.uid());
        }
        Self { simulation, simulated, account, box_key: BoxKey::generate(), is_guest, devices }
    }

    pub(crate) fn devices(&self) -> &[Installation] {
        &self.devices
    }

    /// How many devices should have the key and are not done.
    pub(crate) fn missing(&self) -> usize {
        let is_missing = |device: &&Installation| self.is_guest && !device.is_done();
        self.devices.iter().filter(is_missing).count()
    }

    /// Asserts that guests have the key, and others do not.
    pub(crate) fn check(&self) {
        let right = self.is_guest.then_some(self.simulated.private);
        for (number, device) in self.devices.iter().enumerate() {
            let Saved { key, .. } = *locked(&device.saved);
            assert_eq!(
                key,
                right,
                "device {number} of {} in {}",
                self.account.person.uid(),
                self.simulated.topic
            );
        }
    }

    /// What a device does until it is done.
    pub(crate) fn run(&self, device: &Installation) {
        let _guard = FailureGuard(self.simulation);
        let mut random = device.random.clone();
        // Not all at once, so that somebody arrives whenever the server crashes.
        thread::sleep(random.millis(0, ARRIVALS_MS));
        while !device.is_done()
            && let Some(connection) =
                FlakyConnection::connect(self.simulation, &self.account, device.id, &mut random)
        {
            let mut visit = Visit { newcomer: self, device, connection, random: &mut random, card: None };
            // A visit ends early with a broken connection, or a crash of the device.
            let _ = visit.run();
            thread::sleep(random.millis(0, 200));
        }
    }

    fn request(&self) -> Request {
        let mut request = self.account.person.request(&self.simulated.rid);
        request.box_pub = self.box_key.public();
        ALG.clone_into(&mut request.box_alg);
        self.account.person.sign_request(&self.simulated.rid, &mut request);
        request
    }
}

impl Installation {
    fn is_done(&self) -> bool {
        let Saved { key, is_acked } = *locked(&self.saved);
        key.is_some() && is_acked
    }
}

/// One connection of a device.
struct Visit<'a> {
    newcomer: &'a Newcomer<'a>,
    device: &'a Installation,
    connection: FlakyConnection<'a>,
    random: &'a mut Random,
    /// The room's card, once it is shown.
    card: Option<Card>,
}

impl Visit<'_> {
    fn run(&mut self) -> Result<(), Broken> {
        let Newcomer { simulation, simulated, .. } = *self.newcomer;
        let joined = self.connection.join(&simulated.topic)?;
        self.see(&joined["card"]);
        if list(&joined["approves"]).is_empty() {
            // A saved approve that is no longer shown needs no ack.
            let mut saved = locked(&self.device.saved);
            saved.is_acked = saved.key.is_some();
        }
        for item in list(&joined["approves"]) {
            self.consider(item)?;
        }
        let (mut asked, mut ask_at) = (None, Instant::now());
        while !self.device.is_done() && !simulation.is_over() {
            if simulation.is_unlucky(self.random, 25) {
                return Err(Broken);
            }
            if Instant::now() >= ask_at {
                asked = self.ask(asked)?;
                ask_at = Instant::now() + self.random.millis(300, 1500);
            }
            let Some(message) = self.connection.next(Duration::from_millis(100))? else { continue };
            match &*message.event {
                "card" => self.see(&message.payload),
                "approve" => self.consider(&message.payload)?,
                "denied" | "expired" | "withdrawn" => asked = None,
                _ => {}
            }
        }
        Ok(())
    }

    /// Accepts a card that is the room's own.
    fn see(&mut self, card: &Value) {
        let card: Option<Card> = serde_json::from_value(card.clone()).ok();
        let is_right = |card: &Card| {
            card.rid == self.newcomer.simulated.rid && card.check(&FieldLimits::default()).is_ok()
        };
        self.card = card.filter(is_right).or(self.card.take());
    }

    /// Asks, or asks again; returns the request that waits, if any.
    fn ask(&mut self, asked: Option<Request>) -> Result<Option<Request>, Broken> {
        let Newcomer { simulation, simulated, .. } = *self.newcomer;
        let request = asked.unwrap_or_else(|| self.newcomer.request());
        let reply = self.connection.call(&simulated.topic, "request", &json!(request))?;
        if reply.status != "ok" {
            expect_refused(&reply, &PATIENTLY_TAKEN);
            return Ok(Some(request));
        }
        if simulation.is_unlucky(self.random, 20) {
            let about = json!({ "request_id": request.request_id });
            self.connection.call(&simulated.topic, "withdraw", &about)?.ok();
            simulation.count("withdrawn");
            return Ok(None);
        }
        let waits = ["pending", "approved"].iter().any(|state| reply.response["state"] == *state);
        Ok(waits.then_some(request))
    }

    /// Saves the key in this approve, if it is valid, and acks it.
    fn consider(&mut self, item: &Value) -> Result<(), Broken> {
        let Newcomer { simulation, simulated, .. } = *self.newcomer;
        let approve: Approve = serde_json::from_value(item.clone()).expect("an approve");
        assert_eq!(approve.to, self.newcomer.account.person.uid(), "an approve for somebody else");
        let by = item["by"].as_str().and_then(|by| by.parse().ok()).expect("a uid");
        let Some(card) = &self.card else { return Ok(()) };
        let (approve_id, device) = (approve.approve_id, self.device.id);
        let key = match self.newcomer.open(card, &approve, &by) {
            Ok(key) => key,
            Err(code) => {
                let nack = json!({ "approve_id": approve_id, "device": device, "code": code });
                self.connection.call(&simulated.topic, "nack", &nack)?.ok();
                simulation.count("nacks");
                return Ok(());
            }
        };
        if simulation.is_unlucky(self.random, 6) {
            simulation.count("crashes before saving");
            return Err(Broken);
        }
        locked(&self.device.saved).key = Some(key);
        if simulation.is_unlucky(self.random, 6) {
            simulation.count("crashes after saving");
            return Err(Broken);
        }
        let ack = json!({ "approve_id": approve_id, "device": device });
        self.connection.call(&simulated.topic, "ack", &ack)?.ok();
        locked(&self.device.saved).is_acked = true;
        Ok(())
    }
}

impl Newcomer<'_> {
    /// The room key, or the reason why an approve is bad: everything that a client must check.
    fn open(&self, card: &Card, approve: &Approve, by: &Uid) -> Result<Fixed<32>, &'static str> {
        let bytes = approve.signed_bytes(&self.simulated.rid, by);
        let is_theirs = user_id(approve.sign_alg, &approve.sign_pub.0) == *by
            && approve.sign_alg.verify(&approve.sign_pub.0, &bytes, &approve.user_sig).is_ok()
            && card.alg.verify(&card.room_pub.0, &bytes, &approve.room_sig).is_ok();
        if !is_theirs {
            return Err("bad_sig");
        }
        let info = approve.request_id.as_bytes();
        let opened = self.box_key.open(&approve.ct.0, info).ok_or("undecryptable")?;
        Key::from_private(card.alg, &opened, &card.room_pub.0).ok_or("wrong_key")?;
        Fixed::try_from(&*opened).map_err(|_| "wrong_key")
    }
}

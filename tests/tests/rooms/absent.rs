//! Rooms that do not exist, and secret ones, as guests see them: once a guest is answered no actor
//! runs for either, and nobody can tell one from the other.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::admin::AdminServer;
use vestibule_tests::people::{Device, PATIENCE, Person, Room, random};

fn running(admin: &AdminServer) -> u64 {
    admin.read("server")["counts"]["running_rooms"].as_u64().expect("a number")
}

/// Waits until this many rooms run.
#[track_caller]
fn until_running(admin: &AdminServer, rooms: u64) {
    let deadline = Instant::now() + PATIENCE;
    while running(admin) != rooms {
        assert!(Instant::now() < deadline, "{} rooms run, not {rooms}", running(admin));
        thread::sleep(Duration::from_millis(5));
    }
}

fn device(admin: &AdminServer) -> Device {
    Device::connect(admin.server.address(), &Person::new(Alg::Ed25519))
}

fn topic() -> String {
    format!("room:{}", random::<32>())
}

/// A secret room, and its member.
fn secret(admin: &AdminServer) -> (Room, Device) {
    let room = Room::new(Alg::Ed25519);
    let mut member = device(admin);
    member.enter(&room);
    member.call(&room.topic(), "card", room.card(1, Policy::Secret, None)).ok();
    (room, member)
}

#[test]
fn guests_do_not_start_a_room_that_does_not_exist() {
    let admin = AdminServer::start(&[]);
    let (room, member) = secret(&admin);
    let mut guest = device(&admin);
    guest.visit(&room.rid());
    until_running(&admin, 1);
    drop(member);
    // Without its member, the secret room looks to a guest like the others.
    until_running(&admin, 0);
    for _ in 0..20 {
        guest.arrive(&topic());
    }
    until_running(&admin, 0);
    // An answer runs a room only for its own duration.
    let unknown = topic();
    guest.arrive(&unknown);
    for _ in 0..3 {
        guest.fence(&unknown);
    }
    until_running(&admin, 0);
}

#[test]
fn a_refused_join_starts_no_topic() {
    let admin = AdminServer::start(&[]);
    let person = Person::new(Alg::Ed25519);
    let mut devices: Vec<_> =
        (0..20).map(|_| Device::with_token(admin.server.address(), &person, None)).collect();
    // These wait for their answer, for 300 ms.
    for device in &mut devices {
        device.send(&topic(), "phx_join", &json!({ "v": 1, "device": device.id })).expect("a connection");
        device
            .send(&person.inbox(), "phx_join", &json!({ "v": 1, "device": device.id }))
            .expect("a connection");
    }
    let asked = Instant::now();
    let running = running(&admin);
    assert!(asked.elapsed() < Duration::from_millis(200), "too late to see anything");
    assert_eq!(running, 0);
    for device in &mut devices {
        assert_eq!(device.answer("1").expect("an answer").status, "error");
        assert_eq!(device.answer("2").expect("an answer").response, json!({ "reason": "unauthorized" }));
    }
}

#[test]
fn a_guest_can_wait_for_a_room_created_later() {
    let admin = AdminServer::start(&[]);
    let room = Room::new(Alg::Ed25519);
    let bob = Person::new(Alg::Ed25519);
    let mut guest = Device::connect(admin.server.address(), &bob);
    let mut other = device(&admin);
    guest.visit(&room.rid());
    other.visit(&room.rid());
    until_running(&admin, 0);
    assert_eq!(guest.call(&room.topic(), "request", bob.request(&room.rid())).refused(), "unknown_room");

    let mut member = device(&admin);
    member.enter(&room);
    // Waiting guests are counted.
    while member.push(&room.topic(), "presence_count") != json!({ "members": 1, "guests": 2 }) {}
    let card = room.card(1, Policy::Request, Some("Garden"));
    member.call(&room.topic(), "card", &card).ok();
    for waiting in [&mut guest, &mut other] {
        let shown = waiting.push(&room.topic(), "card");
        assert_eq!((&shown["sig"], &shown["name"]), (&card["sig"], &json!("Garden")));
        assert_eq!(waiting.drain(), [], "once, and nothing else");
    }
    let request = bob.request(&room.rid());
    guest.call(&room.topic(), "request", &request).ok();
    let asked = member.push(&room.topic(), "request");
    assert_eq!((&asked["request_id"], &asked["online"]), (&json!(request.request_id), &json!(true)));
    until_running(&admin, 1);
}

#[test]
fn two_members_who_prove_at_once_meet() {
    let admin = AdminServer::start(&[]);
    for _ in 0..10 {
        let room = Room::new(Alg::Ed25519);
        let mut devices = [device(&admin), device(&admin)];
        let nonces = devices.each_mut().map(|device| {
            let nonce = device.visit(&room.rid())["nonce"].clone();
            nonce.as_str().expect("a nonce").parse().expect("32 bytes")
        });
        let proofs: Vec<_> = devices
            .iter_mut()
            .zip(&nonces)
            .map(|(device, nonce)| {
                let proof = room.prove(&device.server, &device.uid, nonce);
                device.send(&room.topic(), "prove", &proof).expect("a connection")
            })
            .collect();
        for (device, proof) in devices.iter_mut().zip(&proofs) {
            device.answer(proof).expect("an answer").ok();
        }
        let [one, two] = &mut devices;
        one.call(&room.topic(), "hello", json!({ "n": 1 })).ok();
        assert_eq!(two.push(&room.topic(), "hello"), json!({ "n": 1 }));
    }
}

/// The events that a guest may send, and some that nobody may.
fn events(guest: &Person, rid: &vestibule_approve::signed::Rid) -> Vec<(&'static str, Value)> {
    let id = json!(random::<16>());
    let request = json!(guest.request(rid));
    let mut bad_signature = request.clone();
    bad_signature["note"] = json!("another");
    let mut too_large = request.clone();
    too_large["note"] = json!("x".repeat(281));
    let proof = json!({
        "room_pub": random::<32>(), "alg": "ed25519", "nonce": random::<32>(), "sig": random::<64>()
    });
    vec![
        ("request", request),
        ("request", bad_signature),
        ("request", too_large),
        ("request", json!({})),
        ("prove", proof),
        ("prove", json!(7)),
        ("card", json!({ "version": 1, "policy": "open", "sig": random::<64>() })),
        ("card", json!({ "version": -1 })),
        ("hand_over", json!({})),
        ("approve", json!({})),
        ("deny", json!({ "request_id": id, "to": random::<32>(), "code": "no", "room_sig": random::<64>() })),
        ("unblock", json!({ "uid": random::<32>() })),
        ("pending", json!({})),
        ("denials", json!({ "limit": 1 })),
        ("denials", json!({ "limit": "x" })),
        ("withdraw", json!({ "request_id": id })),
        ("ack", json!({ "approve_id": id, "device": guest.device })),
        ("nack", json!({ "approve_id": id, "device": guest.device, "code": "wrong_key" })),
        ("nack", json!({ "approve_id": id, "device": guest.device, "code": "ugly" })),
        ("status", json!({ "request_id": id })),
        ("status", json!([])),
        ("mine", json!({})),
        ("approved", json!({})),
        ("notices", json!({ "limit": 50 })),
        ("hello", json!({ "any": "thing" })),
        ("presence_state", json!({})),
        ("phx_close", json!({})),
    ]
}

/// A join's answer without what differs every time.
fn anonymous(mut joined: Value) -> Value {
    for field in ["nonce", "now"] {
        if let Some(value) = joined.get_mut(field) {
            *value = json!(value.to_string().len());
        }
    }
    joined
}

#[test]
fn secret_and_absent_rooms_answer_every_event_alike() {
    let admin = AdminServer::start(&[]);
    let (inhabited, member) = secret(&admin);
    let (deserted, _) = secret(&admin);
    until_running(&admin, 1);
    let rooms = [inhabited, deserted, Room::new(Alg::Ed25519)];
    let person = Person::new(Alg::Ed25519);
    let mut heard = rooms.iter().map(|room| {
        let mut guest = Device::connect(admin.server.address(), &person);
        let mut heard = vec![("phx_join", anonymous(guest.visit(&room.rid())), Duration::ZERO)];
        for (event, payload) in events(&person, &room.rid()) {
            let asked = Instant::now();
            let reply = guest.call(&room.topic(), event, payload);
            heard.push((event, json!([reply.status, reply.response]), asked.elapsed()));
        }
        guest.leave(&room.topic());
        let told = guest.drain();
        assert_eq!(told, [], "a guest is told nothing unasked");
        heard
    });
    let unknown = heard.next_back().expect("three rooms");
    for secret in heard {
        for ((event, one, soon), (_, other, after)) in secret.into_iter().zip(&unknown).skip(1) {
            assert_eq!(one, *other, "{event}");
            // In neither case sooner than a look-up takes.
            let least = Duration::from_millis(50);
            assert!(soon >= least && *after >= least, "{event}: {soon:?} {after:?}");
        }
    }
    drop(member);
}

#[test]
fn a_waiting_guest_can_leave_rejoin_and_disconnect() {
    let admin = AdminServer::start(&[]);
    let room = Room::new(Alg::Ed25519);
    let mut guest = device(&admin);
    let first = guest.visit(&room.rid());
    let again = guest.visit(&room.rid());
    assert_ne!(first["nonce"], again["nonce"]);
    let told: Vec<_> = guest.fence(&room.topic()).into_iter().map(|message| message.event).collect();
    assert_eq!(told, ["phx_close"], "the first join's end");
    guest.leave(&room.topic());
    assert_eq!(guest.call(&room.topic(), "status", json!({})).refused(), "unmatched topic");

    // At rest it is gone: a later guest finds nobody.
    guest.visit(&room.rid());
    until_running(&admin, 0);
    drop(guest);
    let deadline = Instant::now() + PATIENCE;
    let mut present = BTreeSet::new();
    while present.len() != 1 {
        assert!(Instant::now() < deadline, "{present:?}");
        let mut member = device(&admin);
        member.enter(&room);
        let shown = member.push(&room.topic(), "presence_state");
        present = shown.as_object().expect("an object").keys().cloned().collect();
    }
}

#[test]
fn a_waiting_guest_gets_what_concerns_them() {
    let admin = AdminServer::start(&[]);
    let alice = Person::new(Alg::Ed25519);
    let room = Room::created_by(admin.server.address(), &alice, Policy::Request);
    let bob = Person::new(Alg::Ed25519);
    let mut phone = Device::connect(admin.server.address(), &bob);
    phone.visit(&room.rid());
    let request = bob.request(&room.rid());
    phone.call(&room.topic(), "request", &request).ok();
    phone.leave(&room.topic());
    let mut member = Device::connect(admin.server.address(), &alice);
    member.enter(&room);
    member.call(&room.topic(), "card", room.card(2, Policy::Secret, None)).ok();
    drop(member);

    // Both of Bob's devices rejoin the room, which no longer shows a card, and rest.
    let mut laptop = Device::another(admin.server.address(), &bob);
    for device in [&mut phone, &mut laptop] {
        assert_eq!(device.visit(&room.rid())["mine"][0]["request_id"], json!(request.request_id));
    }
    until_running(&admin, 0);
    let withdraw = json!({ "request_id": request.request_id });
    assert_eq!(phone.call(&room.topic(), "withdraw", withdraw).ok(), json!({ "dup": false }));
    for device in [&mut phone, &mut laptop] {
        assert_eq!(device.push(&room.topic(), "withdrawn")["request_id"], json!(request.request_id));
    }
    until_running(&admin, 0);
    // Operators see them, and operators' acts reach them.
    let online = admin.read(&format!("rooms/{}/members", room.rid()));
    assert_eq!(online["items"].as_array().map(Vec::len), Some(2), "{online}");
    let removed = admin.act("DELETE", &format!("rooms/{}", room.rid()));
    assert!(removed.status < 300, "{}", removed.text());
    for device in [&mut phone, &mut laptop] {
        device.push(&room.topic(), "phx_close");
    }
    until_running(&admin, 0);
}

/// Connections, each in as many absent rooms as it may join.
const CONNECTIONS: usize = 16;
const JOINS: usize = 100;
/// The first connections, which are not measured: they include what connections, threads and the
/// allocator take by themselves.
const FIRST: usize = 20;
/// How much of the server's memory one such join may keep, including its share of the connection.
const BYTES: u64 = 3072;

#[test]
fn a_join_of_an_absent_room_keeps_little_memory() {
    let admin = AdminServer::start(&[]);
    let mut devices: Vec<_> = (0..CONNECTIONS).map(|_| device(&admin)).collect();
    let mut join = |times: usize| {
        thread::scope(|scope| {
            for device in &mut devices {
                scope.spawn(move || (0..times).for_each(|_| _ = device.arrive(&topic())));
            }
        });
        until_running(&admin, 0);
        admin.server.resident() * 1024
    };
    let before = join(FIRST);
    let kept = join(JOINS - FIRST).saturating_sub(before);
    let joins = u64::try_from(CONNECTIONS * (JOINS - FIRST)).expect("a number");
    println!("absent: {} bytes a join, {joins} joins of {CONNECTIONS} connections", kept / joins);
    assert!(kept / joins <= BYTES, "{} bytes a join", kept / joins);
}

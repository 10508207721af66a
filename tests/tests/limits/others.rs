//! One member's rate does not affect others.

use serde_json::json;
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person, Room};

use crate::{retry, server};

/// A member whose frames are not being read still receives what others say, and they get answers.
#[test]
fn a_paused_reader_still_gets_pushes() {
    // Four, because publishing a room takes four frames: join, prove, publish and leave.
    let server = server(&[("--max-frames-per-second", "1"), ("--max-frames-at-once", "4")]);
    let address = server.address();
    let room = Room::published(address, Policy::Open);
    let topic = room.topic();
    let mut loud = Device::connect(address, &Person::new(Alg::Ed25519));
    let mut quiet = Device::connect(address, &Person::new(Alg::Ed25519));
    loud.enter(&room);
    quiet.enter(&room);
    let sent: Vec<_> =
        (0..4).map(|n| loud.send(&topic, "loud", &json!(n)).expect("an open connection")).collect();
    let answers: Vec<_> =
        sent[..3].iter().map(|reference| loud.answer(reference).expect("an answer")).collect();
    assert_eq!((&*answers[0].status, &*answers[1].status), ("ok", "ok"));
    retry(&answers[2].response);

    // The fourth waits in the socket. Meanwhile the other member speaks.
    quiet.call(&topic, "quiet", json!({})).ok();
    loud.push(&topic, "quiet");
    assert!(loud.drain().iter().all(|message| message.reference.as_deref() != Some(&sent[3])), "it was read");
    assert_eq!(loud.answer(&sent[3]).expect("an answer").status, "ok");
}

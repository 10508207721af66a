//! A member who wants nobody else in: sends boxes that do not open and wrong keys, denies and
//! blocks, and would hide the room if the server let anybody but its creator do so.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use vestibule_approve::base64url::Blob;
use vestibule_approve::frames::Policy;
use vestibule_tests::people::random;

use crate::keeper::deny;
use crate::member::{self, Waiting, expect_refused, list};
use crate::wire::{Broken, Wire};
use crate::world::{Place, Somebody, Watch, World};

pub(crate) fn run(world: &World, place: &Place, who: &mut Somebody) {
    let _watch = Watch(world);
    while let Some(mut wire) = who.connect(world) {
        // A broken connection is made anew.
        let _ = stay(world, &mut wire, place, who);
        thread::sleep(who.random.millis(0, 300));
    }
}

fn stay(world: &World, wire: &mut Wire<'_>, place: &Place, who: &mut Somebody) -> Result<(), Broken> {
    let proved = member::enter(world, wire, place, who)?;
    for item in list(&proved["pending"]) {
        harm(world, wire, place, who, item)?;
    }
    while !world.is_over() && !world.is_unlucky(&mut who.random, 40) {
        if world.is_unlucky(&mut who.random, 30) {
            hide(world, wire, place, &proved["card"])?;
        }
        let Some(message) = wire.next(Duration::from_millis(300))? else { continue };
        if message.event == "request" {
            harm(world, wire, place, who, &message.payload)?;
        }
    }
    Ok(())
}

fn harm(
    world: &World,
    wire: &mut Wire<'_>,
    place: &Place,
    who: &mut Somebody,
    item: &Value,
) -> Result<(), Broken> {
    let waiting = Waiting::read(place, item);
    match who.random.below(6) {
        0 => {
            let wrong = waiting.approve(place, &who.account.person, random::<32>().as_bytes());
            member::approve(world, wire, place, &wrong)
        }
        1 | 2 => {
            let ct = Blob(random::<80>().0.to_vec());
            let noise = waiting.approve_with(place, &who.account.person, ct);
            member::approve(world, wire, place, &noise)
        }
        3 => {
            let mut unsigned = waiting.approve(place, &who.account.person, place.private.as_bytes());
            unsigned.user_sig = random();
            let reply = wire.call(&place.topic, "approve", &json!(unsigned))?;
            expect_refused(&reply, &["bad_sig"]);
            Ok(())
        }
        number => deny(world, wire, place, who, &waiting, number == 5),
    }
}

/// Tries to make the room secret.
fn hide(world: &World, wire: &mut Wire<'_>, place: &Place, card: &Value) -> Result<(), Broken> {
    let version = card["version"].as_u64().expect("a version") + 1;
    let reply = wire.call(&place.topic, "card", &place.room.card(version, Policy::Secret, None))?;
    expect_refused(&reply, &["not_creator"]);
    world.count("rooms not hidden");
    Ok(())
}

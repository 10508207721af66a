//! A person with a guest list, who comes now and then and lets in those on it, whoever else denied
//! them.

use std::thread;

use serde_json::{Value, json};
use vestibule_approve::frames::Deny;
use vestibule_approve::signed::Uid;
use vestibule_tests::people::{Reply, random};

use crate::member::{self, Waiting, expect_refused, list};
use crate::wire::{Broken, Wire};
use crate::world::{Place, Somebody, Watch, World};

pub(crate) fn run(world: &World, place: &Place, who: &mut Somebody) {
    let _watch = Watch(world);
    while let Some(mut wire) = who.connect(world) {
        // A broken connection ends a visit early; there will be another.
        let _ = look_after(world, &mut wire, place, who);
        thread::sleep(who.random.millis(50, 700));
    }
}

fn look_after(world: &World, wire: &mut Wire<'_>, place: &Place, who: &mut Somebody) -> Result<(), Broken> {
    let proved = member::enter(world, wire, place, who)?;
    for item in list(&proved["pending"]) {
        consider(world, wire, place, who, item)?;
    }
    let denials = wire.call(&place.topic, "denials", &json!({})).map(Reply::ok)?;
    for denial in list(&denials["items"]) {
        let uid: Uid = denial["uid"].as_str().and_then(|uid| uid.parse().ok()).expect("a uid");
        if !place.is_guest(&uid) {
            continue;
        }
        let held_back = list(&denial["requests"]);
        if held_back.is_empty() {
            wire.call(&place.topic, "unblock", &json!({ "uid": uid })).map(Reply::ok)?;
            world.count("unblocked");
        }
        for request in held_back {
            consider(world, wire, place, who, request)?;
            world.count("overruled");
        }
    }
    Ok(())
}

/// Lets a guest in, and now and then denies somebody else.
fn consider(
    world: &World,
    wire: &mut Wire<'_>,
    place: &Place,
    who: &mut Somebody,
    item: &Value,
) -> Result<(), Broken> {
    let waiting = Waiting::read(place, item);
    if place.is_guest(&waiting.uid) {
        let approve = waiting.approve(place, &who.account.person, place.private.as_bytes());
        return member::approve(world, wire, place, &approve);
    }
    if who.random.one_in(4) {
        deny(world, wire, place, who, &waiting, false)?;
    }
    Ok(())
}

pub(crate) fn deny(
    world: &World,
    wire: &mut Wire<'_>,
    place: &Place,
    who: &Somebody,
    waiting: &Waiting,
    block: bool,
) -> Result<(), Broken> {
    let (request_id, to) = (waiting.request.request_id, waiting.uid);
    let mut deny = Deny { request_id, to, code: "no".to_owned(), block, room_sig: random() };
    deny.room_sig = place.room.key.sign(&deny.signed_bytes(&place.rid, &who.account.person.uid()));
    let reply = wire.call(&place.topic, "deny", &json!(deny))?;
    if reply.status == "ok" {
        world.count("denied");
    } else {
        expect_refused(&reply, &["closed", "no_request"]);
    }
    Ok(())
}

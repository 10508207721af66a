//! A member's client that approves automatically in an open room, after the delay that it is given.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::member::{self, Waiting, list};
use crate::wire::{Broken, Wire};
use crate::world::{Place, Somebody, Watch, World};

/// How long it waits at most for a message.
const LOOK: Duration = Duration::from_millis(300);

pub(crate) fn run(world: &World, place: &Place, who: &mut Somebody) {
    let _watch = Watch(world);
    while let Some(mut wire) = who.connect(world) {
        // A visit ends with a broken connection, or when the person goes offline.
        let _ = stay(world, &mut wire, place, who);
        let offline = if world.is_calm() { 50 } else { 1500 };
        thread::sleep(who.random.millis(0, offline));
    }
}

fn stay(world: &World, wire: &mut Wire<'_>, place: &Place, who: &mut Somebody) -> Result<(), Broken> {
    let proved = member::enter(world, wire, place, who)?;
    let mut due = BTreeMap::new();
    for item in list(&proved["pending"]) {
        note(&mut due, item, &proved["after_ms"]);
    }
    while !world.is_over() && !world.is_unlucky(&mut who.random, 40) {
        let soon: Vec<_> =
            due.iter().filter(|(_, (at, _))| *at <= Instant::now()).map(|(id, _)| id.clone()).collect();
        for id in soon {
            let Some((_, item)) = due.remove(&id) else { continue };
            let waiting = Waiting::read(place, &item);
            let approve = waiting.approve(place, &who.account.person, place.private.as_bytes());
            member::approve(world, wire, place, &approve)?;
        }
        let Some(message) = wire.next(LOOK)? else { continue };
        match &*message.event {
            "request" => note(&mut due, &message.payload, &message.payload["after_ms"]),
            "request_gone" => drop(due.remove(&message.payload["request_id"].to_string())),
            _ => {}
        }
    }
    Ok(())
}

/// Plans to approve a request that nobody has approved.
fn note(due: &mut BTreeMap<String, (Instant, Value)>, item: &Value, after_ms: &Value) {
    if item["state"] == "pending" {
        let after = Duration::from_millis(after_ms.as_u64().expect("a time"));
        due.insert(item["request_id"].to_string(), (Instant::now() + after, item.clone()));
    }
}

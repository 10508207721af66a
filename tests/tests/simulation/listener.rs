//! A user who is signed in and in the room, asks for nothing, and listens.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::member::list;
use crate::wire::{Broken, Wire};
use crate::world::{Place, Somebody, Watch, World};

/// The events that a guest without a request may receive.
const HARMLESS: [&str; 3] = ["card", "caught_up", "phx_reply"];

pub(crate) fn run(world: &World, place: &Place, who: &mut Somebody) {
    let _watch = Watch(world);
    while let Some(mut wire) = who.connect(world) {
        // A broken connection is made anew.
        let _ = listen(world, &mut wire, place, who);
        thread::sleep(who.random.millis(0, 300));
    }
}

fn listen(world: &World, wire: &mut Wire<'_>, place: &Place, who: &mut Somebody) -> Result<(), Broken> {
    let joined = wire.join(&place.topic)?;
    for own in ["mine", "approves", "notices"] {
        assert!(list(&joined[own]).is_empty(), "a listener is shown {joined}");
    }
    for event in ["pending", "denials", "chat"] {
        let reply = wire.call(&place.topic, event, &json!({}))?;
        assert_eq!(reply.refused(), "not_member", "{event}: {}", reply.text);
    }
    while !world.is_over() && !world.is_unlucky(&mut who.random, 60) {
        let Some(message) = wire.next(Duration::from_millis(300))? else { continue };
        assert!(HARMLESS.contains(&&*message.event), "a listener is told {}", message.text);
    }
    Ok(())
}

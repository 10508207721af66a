//! What an actor is shown at a moment when nothing is in flight.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::actor::Role;
use crate::moves::Player;

/// The lists, and the status of the actor's own requests.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) mine: Vec<Value>,
    pub(crate) approves: Vec<Value>,
    pub(crate) pending: Vec<Value>,
    pub(crate) denials: Vec<Value>,
    pub(crate) status: HashMap<String, Value>,
}

/// Requests everything that the actor may see; nothing if the connection ends.
pub(crate) fn look(player: &mut Player<'_>) -> Option<Shown> {
    let mut shown = Shown::default();
    match player.actor.role {
        Role::Asker { .. } => {
            shown.mine = list(player, "mine")?;
            shown.approves = list(player, "approved")?;
            let asked = player.actor.log.iter().filter(|entry| entry.event == "request" && !entry.is_settled);
            let ids: Vec<String> = asked.map(|entry| entry.text("request_id").to_owned()).collect();
            for id in ids {
                let status = player.ask(&player.topic(), "status", &json!({ "request_id": id }))?;
                shown.status.insert(id, status["state"].clone());
            }
        }
        Role::Desk => {
            shown.mine = list(player, "mine")?;
            shown.approves = list(player, "approved")?;
        }
        Role::Member => {
            shown.pending = list(player, "pending")?;
            shown.denials = list(player, "denials")?;
        }
        Role::Bystander => {
            let lists = ["mine", "approved", "notices"].map(|event| list(player, event));
            for items in lists {
                assert_eq!(items?, [json!(null); 0], "a bystander is shown something");
            }
        }
    }
    Some(shown)
}

/// All pages of a list.
pub(crate) fn list(player: &mut Player<'_>, event: &str) -> Option<Vec<Value>> {
    let (mut items, mut cursor) = (Vec::new(), json!(null));
    loop {
        let page = player.ask(&player.topic(), event, &json!({ "cursor": cursor }))?;
        items.extend(page["items"].as_array().expect("a list").iter().cloned());
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            return Some(items);
        }
    }
}

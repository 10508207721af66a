//! What an actor is shown at a moment when nothing is in flight.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::actions::Driver;
use crate::actor::Role;

/// The lists, and the status of the actor's own requests.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) mine: Vec<Value>,
    pub(crate) approves: Vec<Value>,
    pub(crate) pending: Vec<Value>,
    pub(crate) denials: Vec<Value>,
    pub(crate) status: HashMap<String, Value>,
}

/// Requests everything that the actor may see; nothing if the connection ends.
pub(crate) fn take(driver: &mut Driver<'_>) -> Option<Snapshot> {
    let mut snapshot = Snapshot::default();
    match driver.actor.role {
        Role::Asker { .. } => {
            snapshot.mine = list(driver, "mine")?;
            snapshot.approves = list(driver, "approved")?;
            let asked = driver.actor.log.iter().filter(|entry| entry.event == "request" && !entry.is_settled);
            let ids: Vec<String> = asked.map(|entry| entry.text("request_id").to_owned()).collect();
            for id in ids {
                let status = driver.ask(&driver.topic(), "status", &json!({ "request_id": id }))?;
                snapshot.status.insert(id, status["state"].clone());
            }
        }
        Role::Inbox => {
            snapshot.mine = list(driver, "mine")?;
            snapshot.approves = list(driver, "approved")?;
        }
        Role::Member => {
            snapshot.pending = list(driver, "pending")?;
            snapshot.denials = list(driver, "denials")?;
        }
        Role::Bystander => {
            let lists = ["mine", "approved", "notices"].map(|event| list(driver, event));
            for items in lists {
                assert_eq!(items?, [json!(null); 0], "a bystander is shown something");
            }
        }
    }
    Some(snapshot)
}

/// All pages of a list.
pub(crate) fn list(driver: &mut Driver<'_>, event: &str) -> Option<Vec<Value>> {
    let (mut items, mut cursor) = (Vec::new(), json!(null));
    loop {
        let page = driver.ask(&driver.topic(), event, &json!({ "cursor": cursor }))?;
        items.extend(page["items"].as_array().expect("a list").iter().cloned());
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            return Some(items);
        }
    }
}

//! The tables of `docs/threats.md`: how they are written, and whether they have these rows.

use std::collections::BTreeSet;

use serde_json::Value;
use vestibule_tests::repository;

use crate::fixed::{COSTS, Fixed};
use crate::measurement::{Cost, slack};
use crate::row::{Row, Sends, Topic};
use crate::rows::ROWS;

/// The headers of the tables.
pub(crate) struct Table;

impl Table {
    pub(crate) const HEAD: &str = "\
| way in | who | kept | of a further one | after the close | while handled | back | to each other | CPU, short | CPU, a byte |
|---|---|---|---|---|---|---|---|---|---|";
    pub(crate) const FIXED_HEAD: &str = "\
| what | memory | bounded by |
|---|---|---|";
}

/// A row as the document shows it.
pub(crate) fn line(row: &Row, cost: &Cost) -> String {
    let Cost { kept, further, handled, back, each, .. } = cost;
    let left = if cost.left > slack(row) { format!("{} B", cost.left) } else { "0".to_owned() };
    let (short, byte) = (cost.frame.as_micros(), cost.byte.as_nanos());
    format!(
        "| {} | {} | {kept:.2} | {further:.2} | {left} | {handled:.1} | {back:.1} | {each:.2} | {short} µs | {byte} ns |",
        row.way,
        row.role.name()
    )
}

/// A fixed cost as the document shows it.
pub(crate) fn fixed_line(cost: &Fixed, bytes: usize) -> String {
    format!("| {} | {bytes} B | {} |", cost.of, cost.bounded_by)
}

/// The first cells of the rows of the table with this header, each with its second cell.
fn cells(text: &str, head: &str) -> Vec<(String, String)> {
    let (_, rows) = text.split_once(head).expect("the table's head");
    let lines = rows.lines().skip(1).take_while(|line| line.starts_with('|'));
    let cell = |line: &str, place: usize| line.split(" | ").nth(place).unwrap_or_default().to_owned();
    lines.map(|line| (cell(line, 0).trim_start_matches("| ").to_owned(), cell(line, 1))).collect()
}

#[test]
fn the_threat_model_shows_these_rows() {
    let text = repository::read("docs/threats.md");
    let rows = ROWS.iter().map(|row| (row.way.to_owned(), row.role.name().to_owned()));
    assert_eq!(cells(&text, Table::HEAD), rows.collect::<Vec<_>>());
    let shown = cells(&text, Table::FIXED_HEAD).into_iter().map(|(of, _)| of);
    assert_eq!(shown.collect::<Vec<_>>(), COSTS.iter().map(|cost| cost.of).collect::<Vec<_>>());
}

/// The events of a topic that have rows.
fn events(of: fn(Topic) -> Option<&'static [&'static str]>) -> BTreeSet<String> {
    let topics = ROWS.iter().filter_map(|row| match row.sends {
        Sends::Events(topic, _) => of(topic),
        _ => None,
    });
    topics.flatten().filter(|event| !event.starts_with("phx_")).map(|event| (*event).to_owned()).collect()
}

#[test]
fn every_event_has_a_row() {
    let text = repository::read("docs/protocol.md");
    let (_, client) = text.split_once("## Client → server").expect("a section");
    let (client, _) = client.split_once("\n## ").expect("a next section");
    let first_cell =
        |line: &str| line.strip_prefix("| ")?.split(" |").next().map(|cell| cell.replace('`', ""));
    let in_rooms: BTreeSet<_> =
        client.lines().filter_map(first_cell).filter(|cell| cell != "event").collect();
    assert!(in_rooms.len() > 15, "{in_rooms:?}");
    let of_rooms = events(|topic| if let Topic::Room(names) = topic { Some(names) } else { None });
    assert_eq!(of_rooms, in_rooms);
    let inboxes = client.lines().find(|line| line.starts_with("On `user:<uid>`")).expect("a line");
    let named = inboxes.split('`').skip(3).step_by(2).filter(|name| *name != "rid");
    let of_inboxes = events(|topic| if let Topic::Inbox(names) = topic { Some(names) } else { None });
    assert_eq!(of_inboxes, named.map(str::to_owned).collect());
}

#[test]
fn every_endpoint_has_a_row() {
    let text = repository::read("docs/protocol.md");
    let endpoint = |code: &str| {
        let (method, rest) = code.split_once(" /v1/")?;
        let path = rest.split([' ', '?', '"']).next()?;
        (["GET", "POST"].contains(&method)).then(|| format!("`{method} /v1/{path}`"))
    };
    let of_clients: BTreeSet<_> = text.split('`').skip(1).step_by(2).filter_map(endpoint).collect();
    assert!(of_clients.len() >= 5, "{of_clients:?}");
    let description: Value =
        serde_json::from_str(&repository::read("docs/admin-openapi.json")).expect("JSON");
    let of_operators = description["paths"].as_object().expect("paths").iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("operations").keys();
        methods.map(move |method| format!("`{} {path}`", method.to_uppercase()))
    });
    // It shuts the server down.
    let of_operators = of_operators.filter(|endpoint| !endpoint.ends_with("/drain`"));
    for endpoint in of_clients.into_iter().chain(of_operators) {
        assert!(ROWS.iter().any(|row| row.way == endpoint), "{endpoint} has no row");
    }
}

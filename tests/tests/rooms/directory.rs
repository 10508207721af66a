//! Rooms over HTTP.

use serde_json::{Value, json};
use vestibule_approve::base64url;
use vestibule_approve::frames::{Card, Policy};
use vestibule_approve::limits::FieldLimits;
use vestibule_approve::signed::{Alg, room_id};
use vestibule_tests::http::{Request, Response};
use vestibule_tests::people::{Device, Key, Person, Room};
use vestibule_tests::process::{Launch, Server};

use crate::server;

fn create(server: &Server, token: &str, room: &Value) -> Response {
    let request = Request::post("/v1/rooms").header("authorization", &format!("Bearer {token}")).json(room);
    let response = request.send(server.address()).expect("a response");
    assert_eq!(response.status, 201, "{}", response.text());
    response
}

fn get(server: &Server, target: &str) -> Value {
    let response = Request::get(target).send(server.address()).expect("a response");
    assert_eq!(response.status, 200, "{target}: {}", response.text());
    response.json()
}

#[test]
fn a_room_created_over_http_belongs_to_its_creator() {
    let server = server();
    for alg in [Alg::Ed25519, Alg::P256, Alg::Secp256k1] {
        let alice = Person::new(alg);
        let token = alice.sign_in(server.address());
        let response = create(&server, &token, &json!({ "alg": alg, "policy": "request", "name": "Gärten" }));
        assert_eq!(response.header("cache-control"), Some("no-store"));
        let made = response.json();
        let binary = |field: &str| base64url::decode(made[field].as_str().expect("text")).expect("base64url");
        let card: Card = serde_json::from_value(made["card"].clone()).expect("a card");
        assert!(card.check(&FieldLimits::default()).is_ok());
        assert_eq!((card.version, card.policy, card.name.as_deref()), (1, Policy::Request, Some("Gärten")));
        assert_eq!(json!(card.rid), made["rid"]);
        assert_eq!(card.rid, room_id(alg, &binary("room_pub")));
        assert_eq!(get(&server, &format!("/v1/rooms/{}", card.rid)), made["card"]);
        let key = Key::from_private(alg, &binary("room_key"), &binary("room_pub"));
        let room = Room { key: key.expect("the private key belongs to the public one") };
        let mut device = Device::connect(server.address(), &alice);
        assert_eq!(device.enter(&room)["card"], made["card"]);
        // And any holder of the key may change the card.
        let newer = device.call(&room.topic(), "card", room.card(2, Policy::Open, None)).ok();
        assert_eq!(newer["dup"], false);
        let shown = get(&server, &format!("/v1/rooms/{}", card.rid));
        assert_eq!(
            (&shown["version"], &shown["policy"], shown.get("name")),
            (&json!(2), &json!("open"), None)
        );
    }
}

/// All pages of the directory: the ids, and how many each page had.
fn pages(server: &Server, query: &str) -> (Vec<String>, Vec<usize>) {
    let (mut ids, mut sizes) = (Vec::new(), Vec::new());
    let mut after = String::new();
    loop {
        let page = get(server, &format!("/v1/rooms?{query}{after}"));
        let cards = page["rooms"].as_array().expect("cards");
        sizes.push(cards.len());
        ids.extend(cards.iter().map(|card| card["rid"].as_str().expect("an id").to_owned()));
        match page["after"].as_str() {
            Some(last) => after = format!("&after={last}"),
            None => return (ids, sizes),
        }
    }
}

#[test]
fn the_directory_is_paged() {
    let server = Server::start(Launch::vestibule().options(&[("--max-rooms-per-user", "1000")]));
    assert_eq!(get(&server, "/v1/rooms"), json!({ "rooms": [], "after": null }));
    let token = Person::new(Alg::Ed25519).sign_in(server.address());
    let make = |policy: &str, count: usize| {
        let room = json!({ "alg": "ed25519", "policy": policy, "listed": true });
        let ids =
            (0..count).map(|_| create(&server, &token, &room).json()["rid"].as_str().map(str::to_owned));
        ids.collect::<Option<Vec<_>>>().expect("ids")
    };
    let sorted = |mut ids: Vec<String>| {
        ids.sort_unstable();
        ids
    };
    let (open, on_request) = (make("open", 51), make("request", 51));
    make("secret", 3);
    let (ids, sizes) = pages(&server, "");
    assert_eq!(sizes, [100, 2]);
    assert_eq!(sorted(ids), sorted([open.clone(), on_request.clone()].concat()), "each once");
    let (ids, sizes) = pages(&server, "policy=open&limit=17");
    assert_eq!((sizes, sorted(ids)), (vec![17, 17, 17], sorted(open)));
    let (ids, sizes) = pages(&server, "limit=25&policy=request");
    assert_eq!((sizes, sorted(ids)), (vec![25, 25, 1], sorted(on_request)));
    assert_eq!(pages(&server, "limit=1000").1, [100, 2], "at most 100 a page");
}

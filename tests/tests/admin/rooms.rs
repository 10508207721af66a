//! Rooms: listed, searched, inspected, deleted.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::{Value, json};
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::admin::{AdminServer, OPERATOR};
use vestibule_tests::http::Request;
use vestibule_tests::people::{Device, Person, Room};
use vestibule_tests::scene::Scene;

use crate::{each, pages};

/// Publishes a room with this name and policy.
fn publish(admin: &AdminServer, policy: Policy, name: &str) -> Room {
    let room = Room::new(Alg::Ed25519);
    let mut device = Device::connect(admin.server.address(), &Person::new(Alg::Ed25519));
    device.enter(&room);
    device.call(&room.topic(), "card", room.card(1, policy, Some(name))).ok();
    room
}

#[test]
fn paging_lists_every_room_while_others_are_created() {
    let admin = AdminServer::start(&[]);
    let mut there: Vec<String> =
        (0..7).map(|n| publish(&admin, Policy::Secret, &format!("Room {n}")).rid().to_string()).collect();
    let listed = pages(&admin, "rooms", || {
        publish(&admin, Policy::Open, "Late");
    });
    let rids: Vec<&str> = listed.iter().filter_map(|room| room["rid"].as_str()).collect();
    there.sort();
    let found = there.iter().filter(|rid| rids.contains(&&***rid)).count();
    assert_eq!(found, there.len());
    let mut once = rids.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), rids.len(), "twice in the list");
}

#[test]
fn rooms_are_found_by_partial_name_and_by_policy() {
    let admin = AdminServer::start(&[]);
    let book = publish(&admin, Policy::Secret, "Book Club");
    publish(&admin, Policy::Open, "Chess club");
    publish(&admin, Policy::Open, "Garden");
    let names = |path: &str| {
        let mut names: Vec<String> =
            pages(&admin, path, || {}).iter().map(|room| room["name"].to_string()).collect();
        names.sort();
        names
    };
    assert_eq!(names("rooms?name=CLUB"), ["\"Book Club\"", "\"Chess club\""]);
    assert_eq!(names("rooms?name=club&policy=secret"), ["\"Book Club\""]);
    assert_eq!(names("rooms?policy=open"), ["\"Chess club\"", "\"Garden\""]);
    assert!(names("rooms?name=cellar").is_empty());
    let one = admin.read(&format!("rooms/{}", book.rid()));
    assert_eq!(
        (&one["name"], &one["policy"], &one["version"]),
        (&json!("Book Club"), &json!("secret"), &json!(1))
    );
    assert!(one["created_by"].is_string() && one["created"].is_i64());
}

#[test]
fn a_rooms_occupants_are_listed_with_their_roles() {
    let admin = AdminServer::start(&[]);
    let scene = Scene::new(&admin.server);
    let members = pages(&admin, &format!("rooms/{}/members", scene.room.rid()), || {});
    let roles = |uid| {
        let of_user = members.iter().filter(|member| member["uid"] == json!(uid));
        of_user.map(|member| member["role"].as_str().expect("a role")).collect::<Vec<_>>()
    };
    assert_eq!((roles(scene.alice.uid()), roles(scene.bob.uid())), (vec!["member"], vec!["guest"]));
}

/// The number of rows of a table that concern a room.
#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// The number of rows that concern a room, in each table with a column for its id.
fn rows(admin: &AdminServer, room: &Room) -> Vec<i64> {
    let path = admin.server.data().join("vestibule.db");
    let mut conn = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("the database");
    let rid = room.rid();
    let count = |table: &str| {
        let query = format!("SELECT count(*) AS count FROM {table} WHERE rid = ?");
        let query = diesel::sql_query(query).bind::<diesel::sql_types::Binary, _>(rid.as_bytes());
        query.get_result::<Count>(&mut conn).expect("a count").count
    };
    ["rooms", "requests", "approves", "denials", "notices"].map(count).to_vec()
}

#[test]
fn deleting_a_room_deletes_its_content_and_tells_everyone() {
    let admin = AdminServer::start(&[]);
    let mut scene = Scene::new(&admin.server);
    let other = publish(&admin, Policy::Open, "Another");
    let denied = scene.ask();
    scene.deny(&denied, false);
    scene.guest.push(&scene.topic, "denied");
    let (carol, mut inbox) = (Person::new(Alg::Ed25519), None);
    {
        let mut guest = Device::connect(admin.server.address(), &carol);
        guest.visit(&scene.room.rid());
        let request = carol.request(&scene.room.rid());
        guest.call(&scene.topic, "request", &request).ok();
        let mut device = Device::connect(admin.server.address(), &carol);
        device.arrive(&carol.inbox());
        inbox.replace((device, request));
    }
    assert!(rows(&admin, &scene.room).iter().sum::<i64>() >= 5, "{:?}", rows(&admin, &scene.room));

    let path = format!("rooms/{}", scene.room.rid());
    let response = admin.act("DELETE", &path);
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.json()["requests"], 2);
    // Waiting newcomers are told, even outside the room; everybody is sent out.
    let (mut device, request) = inbox.expect("Carol");
    assert_eq!(device.push(&carol.inbox(), "expired")["request_id"], json!(request.request_id));
    scene.member.push(&scene.topic, "phx_close");
    scene.guest.push(&scene.topic, "phx_close");

    // All that is left is the notice for Carol, in case she missed the push.
    assert_eq!(rows(&admin, &scene.room), [0, 0, 0, 0, 1]);
    assert_eq!(rows(&admin, &other)[0], 1);
    assert_eq!(admin.act("GET", &path).status, 404);
    assert_eq!(admin.act("DELETE", &path).status, 404);
    assert_eq!(each(&pages(&admin, "rooms", || {}), "rid"), [&json!(other.rid())]);
    let (dora, rid) = (Person::new(Alg::Ed25519), scene.room.rid());
    let mut guest = Device::connect(admin.server.address(), &dora);
    assert_eq!(guest.visit(&rid)["card"], json!(null));
    assert_eq!(guest.call(&scene.topic, "request", dora.request(&rid)).refused(), "unknown_room");
}

#[test]
fn an_operator_can_set_a_missing_or_lost_creator() {
    let admin = AdminServer::start(&[]);
    let mut scene = Scene::new(&admin.server);
    let path = format!("rooms/{}", scene.room.rid());
    let alice = json!(scene.alice.uid());
    assert_ne!(admin.read(&path)["created_by"], alice);
    let set = |path: &str, body: Value| {
        let request = Request::new("PUT", &format!("/admin/v1/{path}/creator"));
        admin.ask(request.json(&body), OPERATOR)
    };
    let body = json!({ "uid": alice });
    let answered = set(&path, body.clone());
    assert_eq!((answered.status, &answered.json()["created_by"]), (200, &alice));
    let told = scene.member.push(&scene.topic, "creator_changed");
    assert_eq!(told["creator"], alice);
    let card = scene.room.card(2, Policy::Open, None);
    scene.member.call(&scene.topic, "card", card).ok();
    // A second time changes nothing, and nobody is told.
    assert_eq!(set(&path, body.clone()).status, 200);
    assert!(!scene.member.events(&scene.topic).contains(&"creator_changed".to_owned()));
    assert_eq!(set(&format!("rooms/{}", scene.alice.uid()), body).status, 404);
    for bad in [json!({}), json!({ "uid": "x" }), json!({ "uid": alice, "more": 1 })] {
        assert_eq!(set(&path, bad).status, 422);
    }
    let acts = admin.read("audit")["items"].to_string();
    assert!(acts.contains("PUT /admin/v1/rooms/{rid}/creator") && acts.contains(&path), "{acts}");
}

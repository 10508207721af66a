//! Requests: listed, and ended early.

use serde_json::json;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person};
use vestibule_tests::scene::Scene;

use crate::{Stage, each};

#[test]
fn paging_lists_every_request_while_others_arrive() {
    let stage = Stage::new();
    let scene = Scene::new(&stage.server);
    let rid = scene.room.rid();
    let ask = || {
        let person = Person::new(Alg::Ed25519);
        let mut device = Device::connect(stage.server.address(), &person);
        device.visit(&rid);
        device.call(&scene.topic, "request", person.request(&rid)).ok();
        person
    };
    let there: Vec<Person> = (0..5).map(|_| ask()).collect();
    let mut late = 0;
    let listed = stage.pages("requests", || {
        late += 1;
        if late < 3 {
            ask();
        }
    });
    let uids = each(&listed, "uid");
    assert_eq!(
        uids[..5],
        there.iter().map(|person| json!(person.uid())).collect::<Vec<_>>().iter().collect::<Vec<_>>()[..]
    );
    assert_eq!(uids.len(), 7);
    let of_one = stage.pages(&format!("requests?uid={}&rid={rid}", there[2].uid()), || {});
    assert_eq!(each(&of_one, "uid"), [&json!(there[2].uid())]);
    assert!(stage.pages("requests?created_before=1", || {}).is_empty());
    assert!(stage.pages("requests?state=approved", || {}).is_empty());
}

#[test]
fn an_operator_can_end_a_request_and_everyone_is_told() {
    let stage = Stage::new();
    let mut scene = Scene::new(&stage.server);
    let request = scene.ask();
    let path = format!("requests/{}/{}/{}/expire", scene.room.rid(), scene.bob.uid(), request.request_id);
    for _ in 0..2 {
        let response = stage.act("POST", &path);
        assert_eq!((response.status, &response.json()["state"]), (200, &json!("expired")));
        assert!(response.json()["closed"].is_i64());
    }
    assert_eq!(scene.guest.push(&scene.topic, "expired")["request_id"], json!(request.request_id));
    let gone = scene.member.push(&scene.topic, "request_gone");
    assert_eq!((&gone["request_id"], &gone["state"]), (&json!(request.request_id), &json!("expired")));
    assert!(stage.pages("requests", || {}).is_empty());
    assert_eq!(stage.pages("requests?state=expired", || {}).len(), 1);
    assert!(scene.guest.events(&scene.topic).is_empty(), "told once");
}

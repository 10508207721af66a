//! Requests: listed, and ended early.

use serde_json::json;
use vestibule_approve::signed::Alg;
use vestibule_tests::admin::AdminServer;
use vestibule_tests::people::{Device, Person};
use vestibule_tests::scene::Scene;

use crate::{each, pages};

#[test]
fn paging_lists_every_request_while_others_arrive() {
    let admin = AdminServer::start(&[]);
    let scene = Scene::new(&admin.server);
    let rid = scene.room.rid();
    let ask = || {
        let person = Person::new(Alg::Ed25519);
        let mut device = Device::connect(admin.server.address(), &person);
        device.visit(&rid);
        device.call(&scene.topic, "request", person.request(&rid)).ok();
        person
    };
    let there: Vec<Person> = (0..5).map(|_| ask()).collect();
    let mut late = 0;
    let listed = pages(&admin, "requests", || {
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
    let of_one = pages(&admin, &format!("requests?uid={}&rid={rid}", there[2].uid()), || {});
    assert_eq!(each(&of_one, "uid"), [&json!(there[2].uid())]);
    assert!(pages(&admin, "requests?created_before=1", || {}).is_empty());
    assert!(pages(&admin, "requests?state=approved", || {}).is_empty());
}

#[test]
fn an_operator_can_end_a_request_and_everyone_is_told() {
    let admin = AdminServer::start(&[]);
    let mut scene = Scene::new(&admin.server);
    let request = scene.ask();
    let path = format!("requests/{}/{}/{}/expire", scene.room.rid(), scene.bob.uid(), request.request_id);
    for _ in 0..2 {
        let response = admin.act("POST", &path);
        assert_eq!((response.status, &response.json()["state"]), (200, &json!("expired")));
        assert!(response.json()["closed"].is_i64());
    }
    assert_eq!(scene.guest.push(&scene.topic, "expired")["request_id"], json!(request.request_id));
    let gone = scene.member.push(&scene.topic, "request_gone");
    assert_eq!((&gone["request_id"], &gone["state"]), (&json!(request.request_id), &json!("expired")));
    assert!(pages(&admin, "requests", || {}).is_empty());
    assert_eq!(pages(&admin, "requests?state=expired", || {}).len(), 1);
    assert!(scene.guest.events(&scene.topic).is_empty(), "told once");
}

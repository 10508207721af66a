//! No answer to an operator contains a key, a ciphertext, a signature or a note.

use vestibule_approve::base64url;
use vestibule_tests::admin::AdminServer;
use vestibule_tests::scene::Scene;

#[test]
fn answers_contain_nothing_that_clients_exchange() {
    let admin = AdminServer::start(&[]);
    let mut scene = Scene::new(&admin.server);
    let request = scene.ask();
    let approve = scene.approve(&request);
    let note = request.note.clone().expect("a note");
    let canaries = [
        ("the note", note),
        ("the box key", base64url::encode(&request.box_pub.0)),
        ("the user's key", base64url::encode(&request.sign_pub.0)),
        ("a signature", request.sig.to_string()),
        ("the ciphertext", base64url::encode(&approve.ct.0)),
        ("the room's signature", approve.room_sig.to_string()),
        ("the room's key", base64url::encode(&scene.room.key.public().0)),
    ];
    let (rid, uid) = (scene.room.rid(), scene.bob.uid());
    let paths = [
        "rooms".to_owned(),
        format!("rooms/{rid}"),
        format!("rooms/{rid}/members"),
        "requests".to_owned(),
        "users".to_owned(),
        format!("users/{uid}"),
        "server".to_owned(),
        "disconnects".to_owned(),
        "audit".to_owned(),
    ];
    let mut answers: Vec<String> = paths.iter().map(|path| admin.read(path).to_string()).collect();
    assert!(answers[3].contains(&request.request_id.to_string()), "{}", answers[3]);
    for (method, path) in [
        ("POST", format!("requests/{rid}/{uid}/{}/expire", request.request_id)),
        ("POST", format!("users/{uid}/disconnect")),
        ("POST", format!("users/{uid}/token")),
        ("DELETE", format!("rooms/{rid}")),
    ] {
        answers.push(admin.act(method, &path).text());
    }
    for answer in answers {
        for (what, canary) in &canaries {
            assert!(!answer.contains(canary), "{what} is in {answer}");
        }
    }
}

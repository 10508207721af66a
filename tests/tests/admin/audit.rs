//! The audit log: by whom, when, and that nothing changes it.

use serde_json::json;
use vestibule_tests::people::now_ms;

use crate::Stage;

#[test]
fn it_says_who_did_what_to_what_and_when_and_outlives_the_server() {
    let mut stage = Stage::new();
    let before = now_ms();
    let target = "users/Zx3nL3ycWlDlsCvwwoHLHRtMHqkbbHVHDm6mBmkxLSA/disconnect";
    assert_eq!(stage.act("POST", target).status, 200);
    // Who only looks is not in it, nor who asks for what there is nothing of.
    stage.read("rooms");
    stage.read("audit");
    assert_eq!(stage.act("POST", "nothing").status, 404);
    let lines = stage.read("audit")["items"].clone();
    let at = lines[0]["at"].as_i64().expect("a time");
    assert!((before..=now_ms()).contains(&at));
    let expected = json!([{
        "number": 1, "at": at, "operator": "alice", "act": "POST /admin/v1/users/{uid}/disconnect", "target": target,
        "result": 200,
    }]);
    assert_eq!(lines, expected);

    stage.server.kill();
    stage.server.restart();
    let output = stage.server.output();
    let (_, address) = output.rsplit_once("is administered at http://").expect("an announcement");
    stage.admin = address.trim().parse().expect("an address");
    assert_eq!(stage.read("audit")["items"], expected);
}

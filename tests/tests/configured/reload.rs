//! SIGHUP changes channels without ending the joins of those who may stay.

use serde_json::json;

use crate::site::Site;

const OPEN: &str = "[channels.\"chat:*\"]\njoin = \"anyone\"\npublish = [\"old\"]\n";
const CLOSED: &str =
    "[channels.\"chat:*\"]\njoin = \"account\"\npublish = [\"new\"]\npresence = true\n[channels.other]\n";

#[test]
fn those_who_may_stay_stay() {
    let site = Site::new(OPEN);
    let (mut stranger, mut user, mut other) = (site.stranger(), site.user(), site.user());
    for device in [&mut stranger, &mut user] {
        device.join("chat:1").ok();
    }
    user.call("chat:1", "old", json!({})).ok();
    assert_eq!(other.join("other").status, "error");

    site.reload(CLOSED);
    stranger.push("chat:1", "phx_close");
    assert_eq!(user.push("chat:1", "presence_state").as_object().map(serde_json::Map::len), Some(1));
    user.call("chat:1", "new", json!({})).ok();
    assert_eq!(user.call("chat:1", "old", json!({})).refused(), "not_allowed");
    assert_eq!(stranger.join("chat:1").refused(), "unauthorized");
    other.join("other").ok();

    site.reload("");
    user.push("chat:1", "phx_close");
    other.push("other", "phx_close");
    let refused = user.join("chat:1");
    assert_eq!(refused.response, json!({ "reason": "unmatched topic" }));
}

#[test]
fn a_wrong_file_changes_nothing() {
    let site = Site::new(OPEN);
    let mut device = site.stranger();
    device.join("chat:1").ok();
    site.reload("[channels.\"chat:*\"]\njion = \"account\"\n");
    while !site.server().log().contains("keeping the current configuration") {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(site.server().log().contains("vestibule.toml:2: channels.\"chat:*\": unknown key jion"));
    device.call("chat:1", "old", json!({})).ok();
}

use super::*;
use crate::message::{Broadcast, Json, Outgoing, Reply, Status};

fn encoded(message: impl Into<Outgoing>) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&(&message.into()).into(), &mut out).unwrap();
    out
}

#[test]
fn decodes_the_array() {
    let frame = b"\x95\xa11\x02\xa1t\xa1e\x82\xa1a\x93\x01\xc0\xcb\x3f\xf8\0\0\0\0\0\0\xa1b\xc4\x02\xff\xef";
    let message = decode(frame).unwrap();
    assert_eq!(message.join_ref, "1".into());
    assert_eq!(message.reference, Term::Other("2".into()));
    assert_eq!(message.payload, Payload::Json(Json::trusted(r#"{"a":[1,null,1.5],"b":"_-8"}"#.into())));
}

#[test]
fn a_map_keeps_order_and_duplicates() {
    let message = decode(b"\x95\xc0\xc0\xa1t\xa1e\x83\xa1b\x01\xa1a\x90\xa1b\x80").unwrap();
    assert_eq!(message.payload, Payload::Json(Json::trusted(r#"{"b":1,"a":[],"b":{}}"#.into())));
}

#[test]
fn refs_of_any_type_become_json() {
    for (element, term) in [
        (&b"\xa0"[..], Term::from("")),
        (b"\xc4\x01\xff", "_w".into()),
        (b"\xc2", Term::Other("false".into())),
        (b"\xcb\x3f\xf8\0\0\0\0\0\0", Term::Other("1.5".into())),
        (b"\x92\xc0\xa1\"", Term::Other(r#"[null,"\""]"#.into())),
        (b"\x81\xa1k\xff", Term::Other(r#"{"k":-1}"#.into())),
    ] {
        let frame = [b"\x96\xc0", element, b"\xa1t\xa1e\xc0\xc1"].concat();
        assert!(decode(&frame).is_err(), "what comes behind the fifth is looked at");
        let frame = [b"\x96\xc0", element, b"\xa1t\xa1e\xc0\xc0"].concat();
        assert_eq!(decode(&frame).unwrap().reference, term);
    }
}

#[test]
fn the_growth_of_a_payload_is_bounded() {
    let decoded = |element: u8, count: usize| {
        let head =
            [&b"\x95\xc0\xc0\xa1t\xa1e\xdd"[..], &u32::try_from(count).unwrap().to_be_bytes()].concat();
        decode(&[head, vec![element; count]].concat())
    };
    // `false,` is six bytes; `10,` is three.
    let few = SMALL / 6;
    assert!(decoded(0xC2, few).is_ok(), "what is small may grow");
    assert!(decoded(0xC2, few + 1).is_err());
    assert_eq!(decoded(10, 100_000).unwrap().payload.size(), 300_001);
}

#[test]
fn a_payload_of_bytes_is_bin() {
    let message = decode(b"\x95\xc0\xc0\xa1t\xa1e\xc4\x01\x07").unwrap();
    assert_eq!(message.payload, Payload::Binary(Bytes::from_static(&[7])));
}

#[test]
fn refuses_malformed_messages() {
    let nan = b"\x95\xc0\xc0\xa1t\xa1e\xcb\x7f\xf8\0\0\0\0\0\0";
    let deep = [b"\x95\xc0\xc0\xa1t\xa1e".to_vec(), vec![0x91; 100_000], vec![0xc0]].concat();
    let ext = b"\x95\xc0\xc0\xa1t\xa1e\xd4\x01\x00";
    let key = b"\x95\xc0\xc0\xa1t\xa1e\x81\x01\x02";
    for bad in [&b""[..], b"\xc0", b"\x94\xc0\xc0\xa1t\xa1e", b"\x95\xc0", nan, &deep, ext, key, b"\xc1"] {
        assert!(decode(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn encodes_replies_and_broadcasts() {
    let reply = Reply {
        join_ref: Term::Null,
        reference: Term::Other("7".into()),
        topic: "t".into(),
        status: Status::Ok,
        response: Payload::of(&serde_json::json!({ "a": [1.5] })),
    };
    let head = b"\x95\xc0\x07\xa1t\xa9phx_reply\x82\xa8response\x81\xa1a\x91\xcb\x3f\xf8\0\0\0\0\0\0";
    assert_eq!(encoded(reply), [&head[..], b"\xa6status\xa2ok"].concat());
    let payload = Payload::Json(Json::trusted(format!("[{}]", "9".repeat(400)).into()));
    let long = Broadcast { topic: "t".into(), event: "e".into(), payload };
    let text = [&b"\x91\xda\x01\x90"[..], "9".repeat(400).as_bytes()].concat();
    assert_eq!(encoded(long), [&b"\x95\xc0\xc0\xa1t\xa1e"[..], &text].concat());
    let payload = Payload::Binary(Bytes::from_static(&[7]));
    let broadcast = Broadcast { topic: "t".into(), event: "e".into(), payload };
    assert_eq!(encoded(broadcast), b"\x95\xc0\xc0\xa1t\xa1e\xc4\x01\x07");
}

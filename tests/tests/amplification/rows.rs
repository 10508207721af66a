//! The table: every input, its sender, and the most that one byte may cause.
//!
//! `back` and `each` are for the shortest frames and requests, relative to which answers are
//! largest: an answer has a minimum size. The totals are bounded by rates, per connection, member
//! and address. Memory that is kept is the same for all: [`KEPT`](crate::row::KEPT).

use serde_json::json;
use vestibule_tests::ws::{Frame, MASK, opcode};

use crate::events;
use crate::participants::Role::{self, Guest, Member, Operator, SignedIn, Stranger};
use crate::requests::{
    authorized, bearer, deep, large_body, nested, padding, plain, posted, session, somebody, upgrade,
};
use crate::row::{Events, Frames, Most, Row, Sends, Topic};

const WEBSOCKET: &str = "/socket/websocket?vsn=2.0.0";
const MSGPACK: &str = "/msgpack/websocket";

/// While a message is handled: its text, the answer's, and its parsed form.
const HANDLED: f64 = 16.0;

const fn most(back: f64, each: f64) -> Most {
    Most { back, each, handled: HANDLED }
}

/// An operator's request. Operators are trusted: an answer is as large as what they ask for.
const fn admin(way: &'static str, method: &'static str, path: &'static str) -> Row {
    Row { way, role: Operator, sends: Sends::Admin(method, path), most: most(500.0, 0.0) }
}

const fn room(
    way: &'static str,
    role: Role,
    names: &'static [&'static str],
    events: Events,
    most: Most,
) -> Row {
    Row { way, role, sends: Sends::Events(Topic::Room(names), events), most }
}

const fn inbox(
    way: &'static str,
    role: Role,
    names: &'static [&'static str],
    events: Events,
    most: Most,
) -> Row {
    Row { way, role, sends: Sends::Events(Topic::Inbox(names), events), most }
}

const fn frames(
    way: &'static str,
    path: &'static str,
    bytes: fn(Option<usize>) -> Vec<u8>,
    most: Most,
) -> Row {
    Row {
        way,
        role: Stranger,
        sends: Sends::Frames(Frames { path, bytes, is_answered: true, is_open: false }),
        most,
    }
}

const fn unanswered(way: &'static str, is_open: bool, bytes: fn(Option<usize>) -> Vec<u8>) -> Row {
    let frames = Frames { path: WEBSOCKET, bytes, is_answered: false, is_open };
    Row { way, role: Stranger, sends: Sends::Frames(frames), most: most(1.0, 0.0) }
}

fn text(message: &str) -> Vec<u8> {
    Frame::text(message).to_bytes(Some(MASK))
}

/// A text of this length, or an empty one.
fn long(size: Option<usize>) -> String {
    "x".repeat(size.unwrap_or_default())
}

/// A MessagePack message to a topic that is not joined, with a payload of `size` bytes made of this
/// value.
fn packed(size: Option<usize>, value: &[u8]) -> Vec<u8> {
    let count = size.unwrap_or_default() / value.len();
    let length = u32::try_from(count).expect("not so many").to_be_bytes();
    let head = [b"\x95\xc0\xa11\xa1t\xa1e\xdd".as_slice(), &length].concat();
    Frame::binary([head, value.repeat(count)].concat()).to_bytes(Some(MASK))
}

/// A message's first frames, without the last: one of this size, or as many as it takes.
fn fragments(of: usize, count: usize) -> Vec<u8> {
    let fragment = |opcode| Frame { fin: false, ..Frame::new(opcode, "x".repeat(of)) }.to_bytes(Some(MASK));
    let rest = (1..count).flat_map(|_| fragment(opcode::CONTINUATION));
    fragment(opcode::TEXT).into_iter().chain(rest).collect()
}

/// All rows.
pub(crate) const ROWS: &[Row] = &[
    // Heads: a WebSocket's lives as long as the connection.
    Row {
        way: "`/socket/websocket`: parameters",
        role: Stranger,
        sends: Sends::Request(|measured, size| {
            upgrade(measured, &format!("{WEBSOCKET}&x={}", long(size)), "")
        }),
        most: most(4.0, 0.0),
    },
    Row {
        way: "`/socket/websocket`: nested parameters",
        role: Stranger,
        sends: Sends::Request(|measured, size| {
            upgrade(measured, &format!("{WEBSOCKET}&{}", nested(size)), "")
        }),
        most: most(4.0, 0.0),
    },
    Row {
        way: "`/socket/websocket`: deep parameters",
        role: Stranger,
        sends: Sends::Request(|measured, size| upgrade(measured, &format!("{WEBSOCKET}&{}", deep(size)), "")),
        most: most(4.0, 0.0),
    },
    Row {
        way: "`/socket/websocket`: headers",
        role: Stranger,
        sends: Sends::Request(|measured, size| upgrade(measured, WEBSOCKET, &padding(size))),
        most: most(4.0, 0.0),
    },
    Row {
        way: "`/socket/websocket`: token",
        role: Stranger,
        sends: Sends::Request(|measured, size| {
            let token = "eHh4".repeat(size.unwrap_or(4) / 4);
            upgrade(
                measured,
                WEBSOCKET,
                &format!("sec-websocket-protocol: phoenix, base64url.bearer.phx.{token}\r\n"),
            )
        }),
        most: most(4.0, 0.0),
    },
    Row {
        way: "`/msgpack/websocket`: nested parameters",
        role: Stranger,
        sends: Sends::Request(|measured, size| upgrade(measured, &format!("{MSGPACK}?{}", nested(size)), "")),
        most: most(4.0, 0.0),
    },
    Row {
        way: "`/socket/longpoll`: parameters",
        role: Stranger,
        sends: Sends::Request(|measured, size| {
            let target = format!("/socket/longpoll?vsn=2.0.0&x={}", long(size));
            plain(measured, "GET", &target, None)
        }),
        most: most(10.0, 0.0),
    },
    Row {
        way: "`/socket/longpoll`: nested parameters",
        role: Stranger,
        sends: Sends::Request(|measured, size| {
            plain(measured, "GET", &format!("/socket/longpoll?vsn=2.0.0&{}", nested(size)), None)
        }),
        most: most(10.0, 0.0),
    },
    Row {
        way: "`/socket/longpoll`: token",
        role: Stranger,
        sends: Sends::Request(|measured, size| {
            plain(measured, "GET", "/socket/longpoll?vsn=2.0.0", None)
                .strip_suffix(b"\r\n")
                .map(|head| {
                    [head, format!("x-phoenix-authtoken: {}\r\n\r\n", long(size)).as_bytes()].concat()
                })
                .expect("a head")
        }),
        most: most(10.0, 0.0),
    },
    Row {
        way: "`/socket/longpoll`: POST without a session",
        role: Stranger,
        sends: Sends::Request(|measured, size| {
            posted(measured, "/socket/longpoll?vsn=2.0.0", &json!([]), size)
        }),
        most: most(6.0, 0.0),
    },
    // Frames.
    frames(
        "heartbeat",
        WEBSOCKET,
        |size| text(&json!([null, "1", "phoenix", "heartbeat", { "pad": long(size) }]).to_string()),
        most(2.0, 0.0),
    ),
    frames(
        "heartbeat with a long `ref`",
        WEBSOCKET,
        |size| text(&json!([null, long(size), "phoenix", "heartbeat", {}]).to_string()),
        most(2.0, 0.0),
    ),
    frames(
        "heartbeat in V1",
        "/socket/websocket",
        |size| {
            text(&json!({ "topic": "phoenix", "event": "heartbeat", "ref": "1", "payload": { "pad": long(size) } }).to_string())
        },
        most(2.0, 0.0),
    ),
    frames(
        "event on a topic that was not joined",
        WEBSOCKET,
        |size| text(&json!([null, "1", long(size), "e", {}]).to_string()),
        most(3.5, 0.0),
    ),
    frames(
        "event that has a long name",
        WEBSOCKET,
        |size| text(&json!([null, "1", "t", long(size), {}]).to_string()),
        most(3.5, 0.0),
    ),
    frames(
        "event whose `ref` is an array",
        WEBSOCKET,
        |size| text(&format!("[null,[1{}],\"t\",\"e\",{{}}]", ",1".repeat(size.unwrap_or_default() / 2))),
        most(3.5, 0.0),
    ),
    Row {
        way: "text that is no message",
        role: Stranger,
        sends: Sends::Frames(Frames {
            path: WEBSOCKET,
            bytes: |size| text(&format!("[{}]", "[],".repeat(size.unwrap_or_default() / 3))),
            is_answered: true,
            // The connection ends.
            is_open: true,
        }),
        most: most(2.0, 0.0),
    },
    frames(
        "binary message",
        WEBSOCKET,
        |size| {
            let head = b"\x00\x01\x01\x01\x0111te".as_slice();
            Frame::binary([head, long(size).as_bytes()].concat()).to_bytes(Some(MASK))
        },
        most(6.0, 0.0),
    ),
    frames("MessagePack of small values", MSGPACK, |size| packed(size, b"\xc0"), most(6.0, 0.0)),
    frames("MessagePack of maps", MSGPACK, |size| packed(size, b"\x81\xa0\xc0"), most(6.0, 0.0)),
    unanswered("message that does not end", true, |size| fragments(size.unwrap_or(1), 1)),
    unanswered("small fragments that do not end", true, |_| fragments(1, 1000)),
    unanswered("ping", false, |_| Frame::new(opcode::PING, "x".repeat(125)).to_bytes(Some(MASK))),
    unanswered("pong", false, |_| Frame::new(opcode::PONG, "x".repeat(125)).to_bytes(Some(MASK))),
    // Events of rooms.
    room("room: `phx_join`", Stranger, &["phx_join"], events::join_refused, most(2.0, 0.0)),
    room("room: `phx_join`", SignedIn, &["phx_join"], events::join, most(10.0, 3.0)),
    room(
        "room: `phx_join` of an unknown room",
        SignedIn,
        &["phx_join"],
        events::join_unknown,
        most(10.0, 0.0),
    ),
    room("room: `phx_join` of no room", SignedIn, &["phx_join"], events::join_no_room, most(3.0, 0.0)),
    room(
        "room: `phx_join`, `phx_leave`",
        Guest,
        &["phx_join", "phx_leave"],
        events::come_and_go,
        most(10.0, 3.0),
    ),
    room("room: `phx_join` while much waits", Guest, &["phx_join"], events::join_to_much, most(4000.0, 5.0)),
    room("room: an event before the join", SignedIn, &[], events::stray, most(2.0, 0.0)),
    room("room: a payload that is wrong", Guest, &[], events::wrong, most(1.0, 0.0)),
    room("room: `prove`", Guest, &["prove"], events::prove, most(12.0, 1.5)),
    room("room: `prove` again", Member, &["prove"], events::prove_again, most(2.0, 0.1)),
    room("room: `card`", Member, &["card"], events::card, most(3.0, 2.0)),
    room("room: `hand_over`", Member, &["hand_over"], events::hand_over, most(1.0, 0.1)),
    room("room: `request`", Guest, &["request"], events::request, most(1.0, 2.0)),
    room("room: `approve`", Member, &["approve"], events::approve, most(1.0, 2.0)),
    room("room: `deny`, `unblock`", Member, &["deny", "unblock"], events::deny_and_unblock, most(25.0, 25.0)),
    room("room: `withdraw`", Guest, &["withdraw"], events::withdraw, most(3.5, 5.0)),
    room("room: `ack`", Guest, &["ack"], events::ack, most(2.0, 7.0)),
    room("room: `nack`", Guest, &["nack"], events::nack, most(2.0, 45.0)),
    room("room: `pending`", Member, &["pending"], events::pending, most(2500.0, 0.5)),
    room("room: `denials`", Member, &["denials"], events::denials, most(700.0, 0.5)),
    room("room: `mine`", Guest, &["mine"], events::mine, most(700.0, 0.0)),
    room("room: `approved`", Guest, &["approved"], events::approved, most(3000.0, 0.5)),
    room("room: `notices`", Guest, &["notices"], events::notices, most(12.0, 0.0)),
    room("room: `status`", Guest, &["status"], events::status, most(1.5, 0.0)),
    room("room: any other name", Member, &["any other name"], events::talk, most(2.0, 1.0)),
    room("room: any other name", Guest, &["any other name"], events::talk, most(2.0, 0.0)),
    // Events of inboxes.
    inbox("inbox: `phx_join` while much waits", Guest, &["phx_join"], events::join_inbox, most(4000.0, 5.0)),
    inbox(
        "inbox: `ack`, `nack`, `withdraw`, `status`",
        SignedIn,
        &["ack", "nack", "withdraw", "status"],
        events::about_nothing,
        most(1.5, 0.0),
    ),
    inbox(
        "inbox: `mine`, `approved`, `notices`",
        Guest,
        &["mine", "approved", "notices"],
        events::inbox_lists,
        most(1200.0, 1.0),
    ),
    // Endpoints.
    Row {
        way: "`POST /v1/challenge`",
        role: Stranger,
        sends: Sends::Request(|measured, size| match size {
            Some(_) => large_body(measured, "/v1/challenge", "", json!({ "uid": somebody() })),
            None => posted(measured, "/v1/challenge", &json!({ "uid": somebody() }), None),
        }),
        most: most(6.0, 0.0),
    },
    Row {
        way: "`POST /v1/session`",
        role: Stranger,
        sends: Sends::Request(|measured, size| match size {
            Some(_) => large_body(measured, "/v1/session", "", session(measured)),
            None => posted(measured, "/v1/session", &session(measured), None),
        }),
        most: most(4.0, 0.0),
    },
    Row {
        way: "`POST /v1/rooms`",
        role: SignedIn,
        sends: Sends::Request(|measured, size| {
            let body = json!({ "policy": "request" });
            match size {
                Some(_) => large_body(measured, "/v1/rooms", &bearer(measured), body),
                None => authorized(measured, "/v1/rooms", &body),
            }
        }),
        most: most(4.0, 0.0),
    },
    Row {
        way: "`GET /v1/rooms`",
        role: Stranger,
        sends: Sends::Request(|measured, size| plain(measured, "GET", "/v1/rooms", size)),
        most: most(1000.0, 0.0),
    },
    Row {
        way: "`GET /v1/rooms/{rid}`",
        role: Stranger,
        sends: Sends::Request(|measured, size| plain(measured, "GET", "/v1/rooms/x", size)),
        most: most(12.0, 0.0),
    },
    Row {
        way: "`GET /health`",
        role: Stranger,
        sends: Sends::Request(|measured, size| plain(measured, "GET", "/health/ready", size)),
        most: most(10.0, 0.0),
    },
    Row {
        way: "`GET /`",
        role: Stranger,
        sends: Sends::Request(|measured, size| plain(measured, "GET", "/", size)),
        most: most(40.0, 0.0),
    },
    Row {
        way: "a file of the page",
        role: Stranger,
        sends: Sends::Request(|measured, size| plain(measured, "GET", &measured.largest_file, size)),
        most: most(3500.0, 0.0),
    },
    Row {
        way: "a path of nothing",
        role: Stranger,
        sends: Sends::Request(|measured, size| plain(measured, "GET", &format!("/{}", long(size)), None)),
        most: most(40.0, 0.0),
    },
    // Admin endpoints. Those that delete come last.
    admin("`GET /admin/v1/rooms`", "GET", "/admin/v1/rooms"),
    admin("`GET /admin/v1/rooms/{rid}`", "GET", "/admin/v1/rooms/{rid}"),
    admin("`GET /admin/v1/rooms/{rid}/members`", "GET", "/admin/v1/rooms/{rid}/members"),
    admin("`PUT /admin/v1/rooms/{rid}/creator`", "PUT", "/admin/v1/rooms/{rid}/creator"),
    admin("`GET /admin/v1/requests`", "GET", "/admin/v1/requests"),
    admin(
        "`POST /admin/v1/requests/{rid}/{uid}/{request_id}/expire`",
        "POST",
        "/admin/v1/requests/{rid}/{uid}/{request_id}/expire",
    ),
    admin("`GET /admin/v1/users`", "GET", "/admin/v1/users"),
    admin("`GET /admin/v1/users/{uid}`", "GET", "/admin/v1/users/{uid}"),
    admin("`POST /admin/v1/users/{uid}/disconnect`", "POST", "/admin/v1/users/{uid}/disconnect"),
    admin("`POST /admin/v1/users/{uid}/token`", "POST", "/admin/v1/users/{uid}/token"),
    admin("`POST /admin/v1/topics/{topic}/broadcast`", "POST", "/admin/v1/topics/{topic}/broadcast"),
    admin("`POST /admin/v1/publish`", "POST", "/admin/v1/publish"),
    admin("`GET /admin/v1/topics/{topic}/presence`", "GET", "/admin/v1/topics/{topic}/presence"),
    admin(
        "`POST /admin/v1/topics/{topic}/accounts/{account}/unsubscribe`",
        "POST",
        "/admin/v1/topics/{topic}/accounts/{account}/unsubscribe",
    ),
    admin(
        "`POST /admin/v1/accounts/{account}/disconnect`",
        "POST",
        "/admin/v1/accounts/{account}/disconnect",
    ),
    admin("`GET /admin/v1/server`", "GET", "/admin/v1/server"),
    admin("`GET /admin/v1/disconnects`", "GET", "/admin/v1/disconnects"),
    admin("`GET /admin/v1/audit`", "GET", "/admin/v1/audit"),
    admin("`GET /admin/v1/openapi.json`", "GET", "/admin/v1/openapi.json"),
    admin("`DELETE /admin/v1/rooms/{rid}`", "DELETE", "/admin/v1/rooms/{rid}"),
    admin("`DELETE /admin/v1/users/{uid}`", "DELETE", "/admin/v1/users/{uid}"),
];

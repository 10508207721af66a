//! A refused connection: 403, or as the socket's handler decides, as Phoenix's `error_handler` may.

use vestibule_tests::ws::Handshake;

use super::playground;

#[test]
fn a_refused_connect_may_set_status_and_body() {
    let server = playground();
    let refused =
        |query| Handshake::new("/socket/websocket").query(query).open(server.address()).expect("an answer");
    let busy = refused("vsn=2.0.0&reject=busy").response;
    assert_eq!((busy.status, busy.header("retry-after"), &*busy.text()), (429, Some("5"), "come back later"));
    let plain = refused("vsn=2.0.0&reject=reason").response;
    assert_eq!((plain.status, plain.header("retry-after"), &*plain.text()), (403, None, ""));
}

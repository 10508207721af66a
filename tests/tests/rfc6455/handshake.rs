//! The opening handshake (RFC 6455, section 4), which is not among the suite's cases.

use vestibule_tests::{
    process::{Launch, Server},
    ws::Handshake,
};

#[test]
fn other_versions_get_426_with_version_13() {
    for launch in [Launch::playground(), Launch::vestibule()] {
        let server = Server::start(launch);
        let answer = |handshake: Handshake| handshake.open(server.address()).expect("an answer").response;
        let handshake = || Handshake::new("/socket/websocket").query("vsn=2.0.0");
        assert_eq!(answer(handshake()).status, 101);
        let others = ["8", "7", "0", "14", "013", "13, 8", "x"]
            .map(|version| handshake().header("sec-websocket-version", version));
        for other in others.into_iter().chain([handshake().omit("sec-websocket-version")]) {
            let refused = answer(other.clone());
            let told = ["sec-websocket-version", "upgrade"].map(|name| refused.header(name));
            assert_eq!((refused.status, told), (426, [Some("13"), Some("websocket")]), "{other:?}");
        }
        let plain = handshake().omit("upgrade").omit("connection").omit("sec-websocket-version");
        assert_eq!(answer(plain).status, 400, "no WebSocket is asked for");
    }
}

use std::{
    future::ready,
    io::{Read as _, Write as _},
    net,
    thread::{self, JoinHandle},
};

use actix_http::HttpService;
use actix_service::{ServiceFactory as _, fn_factory, fn_service};
use actix_web::HttpResponse;
use tokio::{
    io::AsyncReadExt as _,
    time::{sleep, timeout},
};

use super::*;
use crate::transport::{
    ConnectionCounter, ConnectionLimits,
    tcp::stream::{Stream, tests::stream},
};

const UPGRADE: &str = "GET /s HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

fn codec() -> Codec {
    Codec::new(ServiceConfig::default())
}

#[actix_web::test]
async fn only_requests_for_a_websocket_are_kept() {
    let with = |field: &str| format!("GET / HTTP/1.1\r\nHost: h\r\n{field}\r\n\r\n");
    for (head, is_kept) in [
        (UPGRADE.to_owned(), true),
        (UPGRADE.to_ascii_uppercase(), true),
        (UPGRADE.replace("\r\n", "\n"), true),
        (UPGRADE.replace("GET", "POST"), true),
        (UPGRADE.replace("HTTP/1.1", "HTTP/1.0"), true),
        (UPGRADE.replace("Upgrade: websocket", "upgrade:websocket "), true),
        (UPGRADE.replace("Upgrade: websocket", "Upgrade: h2c\r\nUpgrade: websocket"), true),
        (UPGRADE.replace("Upgrade: websocket", "Upgrade: websocket, h2c"), false),
        (UPGRADE.replace("Upgrade: websocket", "Upgrades: websocket"), false),
        (UPGRADE.replace("Upgrade: websocket", "Upgrade: websocket\r\nTransfer-Encoding: chunked"), false),
        (UPGRADE.replace("Host: h\r\n", ""), false),
        (UPGRADE.replace("Host: h", "Host: h\r\nHost: h"), false),
        (format!("\r\n{UPGRADE}"), true),
        (with("Accept: upgrade"), false),
        (with("Upgrade"), false),
        ("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), false),
        ("\x16\x03\x01 no HTTP\r\n\r\n".to_owned(), false),
        ("GET / HTTP/3\r\n".to_owned(), false),
    ] {
        let look = look(format!("{head}rest").as_bytes(), &mut codec());
        assert!(!matches!(look, Look::Incomplete), "{head}");
        let unread = if let Look::Upgrade(_, unread) = &look { Some(&unread[..]) } else { None };
        assert_eq!(unread, is_kept.then_some(&b"rest"[..]), "{head}");
    }
}

#[actix_web::test]
async fn a_part_of_a_head_is_incomplete() {
    for head in [UPGRADE, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"] {
        let start = head.len() - head.trim_start().len() + 1;
        for length in start..head.len() {
            let look = look(&head.as_bytes()[..length], &mut codec());
            assert!(matches!(look, Look::Incomplete), "{:?}", &head[..length]);
        }
    }
}

/// What becomes of the connections: an `application` says `websocket`, the HTTP library answers
/// others with `http`.
fn service(request_time: Duration) -> (impl AsyncFn(Stream), Arc<TcpConnections>) {
    let limits = ConnectionLimits { per_address: 1, per_user: 1 };
    let timeouts = HttpTimeouts { request: request_time, ..HttpTimeouts::default() };
    let policy = Arc::default();
    let connections = TcpConnections::new(ConnectionCounter::new(limits), policy, Arc::default(), timeouts);
    let to_serve = Arc::clone(&connections);
    let serve = async move |stream: Stream| {
        let answers = |with: &'static str| {
            fn_service(move |_: Request| {
                ready(Ok::<_, actix_web::Error>(Response::<BoxBody>::from(HttpResponse::Ok().body(with))))
            })
        };
        let http = HttpService::build()
            .client_request_timeout(request_time)
            .client_disconnect_timeout(GOODBYE)
            .h1(fn_factory(move || answers("http").new_service(())));
        let application = answers("websocket").new_service(()).await.unwrap();
        let http = http.new_service(()).await.unwrap();
        let connections = Arc::clone(&to_serve);
        let service = FirstRequest::<_, _, BoxBody>::new(Rc::new(application), http, timeouts, connections);
        let _ = service.call(stream).await;
    };
    (serve, connections)
}

/// Sends these pieces, and returns what the server answers until it ends the connection.
fn send(mut client: net::TcpStream, pieces: Vec<String>) -> JoinHandle<String> {
    thread::spawn(move || {
        client.set_nodelay(true).unwrap();
        for piece in pieces {
            client.write_all(piece.as_bytes()).unwrap();
            thread::sleep(Duration::from_millis(5));
        }
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer
    })
}

/// The first line of an answer, and its body.
fn parts(answer: &str) -> (&str, &str) {
    (answer.split("\r\n").next().unwrap(), answer.rsplit("\r\n").next().unwrap())
}

#[actix_web::test]
async fn a_request_in_pieces_is_answered_as_a_whole() {
    let plain = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    for (head, by) in [(UPGRADE, "websocket"), (plain, "http")] {
        for size in [1, 20, head.len()] {
            let (serve, _) = service(Duration::from_secs(10));
            let (stream, client) = stream().await;
            let pieces = head.as_bytes().chunks(size).map(|piece| String::from_utf8_lossy(piece).into());
            let client = send(client, pieces.collect());
            serve(stream).await;
            assert_eq!(parts(&client.join().unwrap()), ("HTTP/1.1 200 OK", by), "pieces of {size}");
        }
    }
}

#[actix_web::test]
async fn requests_behind_the_first_are_answered() {
    let first = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let (serve, _) = service(Duration::from_secs(10));
    let (stream, client) = stream().await;
    let last = first.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let client = send(client, vec![format!("{first}{first}{last}")]);
    serve(stream).await;
    assert_eq!(client.join().unwrap().matches("200 OK").count(), 3);
}

#[actix_web::test]
async fn a_late_client_hears_what_the_library_says() {
    let without_date = |answer: String| {
        let lines: Vec<_> = answer.split("\r\n").map(str::to_owned).collect();
        lines.into_iter().filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>()
    };
    let request_time = Duration::from_millis(50);
    for beginning in [vec![], vec!["GET / HT".to_owned()]] {
        let (serve, _) = service(request_time);
        let (ours, client) = stream().await;
        let client = send(client, beginning.clone());
        serve(ours).await;
        let ours = client.join().unwrap();

        let http = HttpService::build()
            .client_request_timeout(request_time)
            .h1(fn_service(|_: Request| ready(Ok::<_, actix_web::Error>(Response::ok()))));
        let http = http.new_service(()).await.unwrap();
        let (theirs, client) = stream().await;
        let client = send(client, beginning);
        http.call((theirs, None)).await.unwrap();
        let theirs = client.join().unwrap();

        assert!(ours.starts_with("HTTP/1.1 408 "), "{ours}");
        assert_eq!(without_date(ours), without_date(theirs));
    }
}

#[actix_web::test]
async fn a_stop_ends_connections_without_a_request() {
    let (serve, connections) = service(Duration::from_secs(10));
    let (stream, client) = stream().await;
    connections.open.insert(0, Arc::clone(stream.conn()));
    let stop = async {
        sleep(Duration::from_millis(20)).await;
        connections.stop();
    };
    let ended = timeout(Duration::from_secs(5), futures_util::future::join(serve(stream), stop));
    assert!(ended.await.is_ok(), "one that waits");
    assert_eq!(send(client, vec![]).join().unwrap(), "");
}

#[actix_web::test]
async fn a_connection_after_a_stop_is_ended() {
    let (serve, connections) = service(Duration::from_secs(10));
    connections.stop();
    let (stream, client) = stream().await;
    assert!(timeout(Duration::from_secs(5), serve(stream)).await.is_ok());
    assert_eq!(send(client, vec![]).join().unwrap(), "");
}

#[tokio::test]
async fn what_was_read_is_read_again() {
    let (client, connection) = tokio::io::duplex(64);
    let (_, mut client) = tokio::io::split(client);
    client.write_all(b"def").await.unwrap();
    client.shutdown().await.unwrap();
    let mut replay = Replay { read: BytesMut::from("abc"), connection };
    let mut read = [0; 2];
    assert_eq!((replay.read(&mut read).await.unwrap(), read), (2, *b"ab"));
    let mut rest = String::new();
    replay.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "cdef");
}

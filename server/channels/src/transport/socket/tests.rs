use std::{
    io::Write as _,
    net,
    sync::{Arc, mpsc},
    time::Duration,
};

use actix_web::{App, HttpServer, rt, web};
use rcgen::generate_simple_self_signed;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned, crypto::ring,
    pki_types::PrivatePkcs8KeyDer,
};

use super::*;

fn certified() -> (ServerConfig, ClientConfig) {
    let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key.into())
        })
        .unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (server, client)
}

/// What a client that speaks both is asked to speak, after a request to `address`.
fn call(address: net::SocketAddr, mut config: ClientConfig) -> Option<Vec<u8>> {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, net::TcpStream::connect(address).unwrap());
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    stream.conn.alpn_protocol().map(<[u8]>::to_vec)
}

#[actix_web::test]
async fn a_tls_connection_gets_the_same_options_and_http_1() {
    let (server, client) = certified();
    let (prepared, heard) = mpsc::channel();
    let server = HttpServer::new(App::new)
        .workers(1)
        .on_connect(move |connection, extensions| {
            prepare_socket(connection, extensions);
            let stream = connection.downcast_ref::<TlsStream<TcpStream>>().unwrap().get_ref().0;
            let timeout = SockRef::from(stream).tcp_user_timeout().unwrap();
            prepared.send((stream.nodelay().unwrap(), timeout)).unwrap();
        })
        .disable_signals()
        .bind_rustls_0_23("127.0.0.1:0", server)
        .unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    rt::spawn(server);

    let protocol = web::block(move || call(address, client)).await.unwrap();
    assert_eq!(protocol.as_deref(), Some(&b"http/1.1"[..]));
    let socket = web::block(move || heard.recv_timeout(Duration::from_secs(5))).await.unwrap();
    assert_eq!(socket, Ok((true, Some(STALL))));
    handle.stop(false).await;
}

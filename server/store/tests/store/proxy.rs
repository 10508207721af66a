//! A link to a server that breaks at a chosen moment: while a transaction is committed.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread,
};

/// What a client sends to commit.
const COMMIT: &[u8] = b"COMMIT\0";

/// What becomes of the next commit.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Next {
    Passes,
    /// It does not arrive.
    IsLost,
    /// It arrives, and its answer does not.
    IsNotAnswered,
}

/// A proxy between a store and its server.
#[derive(Clone)]
pub(crate) struct Proxy {
    next: Arc<AtomicU8>,
    pub(crate) port: u16,
}

impl Proxy {
    pub(crate) fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let proxy = Self { next: Arc::new(AtomicU8::new(Next::Passes as u8)), port };
        let accepting = proxy.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(&server).expect("a server");
                accepting.connect(client, server);
            }
        });
        proxy
    }

    /// Decides what becomes of the next commit; later ones pass.
    pub(crate) fn set(&self, next: Next) {
        self.next.store(next as u8, Ordering::SeqCst);
    }

    fn connect(&self, mut client: TcpStream, mut server: TcpStream) {
        let (mut to_client, mut from_server) =
            (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
        thread::spawn(move || {
            let _ = std::io::copy(&mut from_server, &mut to_client);
            let _ = to_client.shutdown(Shutdown::Both);
        });
        let next = Arc::clone(&self.next);
        thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok(count @ 1..) = client.read(&mut buffer) {
                let sent = &buffer[..count];
                let is_commit = sent.windows(COMMIT.len()).any(|part| part == COMMIT);
                let fate = if is_commit { next.swap(Next::Passes as u8, Ordering::SeqCst) } else { 0 };
                if fate != Next::Passes as u8 {
                    // The client is gone before the server can answer it.
                    let _ = client.shutdown(Shutdown::Both);
                    if fate == Next::IsNotAnswered as u8 {
                        let _ = server.write_all(sent);
                    }
                    break;
                }
                if server.write_all(sent).is_err() {
                    break;
                }
            }
            // What was sent arrives before the end.
            let _ = server.shutdown(Shutdown::Write);
        });
    }
}

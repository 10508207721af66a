//! A relay in the middle: it listens at an address of its own and passes everything on, unchanged.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Starts a relay to a server and returns the address that its victims take for the server's. It
/// runs until the test process ends.
///
/// # Panics
/// If the system has no free port.
pub fn relay_to(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for victim in listener.incoming().map_while(Result::ok) {
            // If the server is gone, the victim's connection ends, as it would without a relay.
            let Ok(server) = TcpStream::connect(server) else { continue };
            let ways = [(&victim, &server), (&server, &victim)];
            for (from, to) in ways.map(|(from, to)| (from.try_clone(), to.try_clone())) {
                thread::spawn(move || pass(&from.expect("a descriptor"), &to.expect("a descriptor")));
            }
        }
    });
    address
}

/// Passes bytes on until the end of the stream.
fn pass(mut from: &TcpStream, mut to: &TcpStream) {
    // When one side ends, end the other.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

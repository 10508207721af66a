//! A relay that changes nothing: it takes connections at an address of its own, and what it hears it says to the server.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Starts a relay to a server; gives the address that its victims take for the server's. It ends with the test's process.
///
/// # Panics
/// When the system gives no port.
pub fn relay_to(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for victim in listener.incoming().map_while(Result::ok) {
            // A server that is gone ends its victims' connections, as it would without a relay.
            let Ok(server) = TcpStream::connect(server) else { continue };
            let ways = [(&victim, &server), (&server, &victim)];
            for (from, to) in ways.map(|(from, to)| (from.try_clone(), to.try_clone())) {
                thread::spawn(move || pass(&from.expect("a descriptor"), &to.expect("a descriptor")));
            }
        }
    });
    address
}

/// Passes on what comes, up to its end.
fn pass(mut from: &TcpStream, mut to: &TcpStream) {
    // Whichever side is gone, the other one is told.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

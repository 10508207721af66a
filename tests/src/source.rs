//! Source addresses: limits by address need clients with different ones.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

/// A loopback address, all of which belong to this machine: 127.BLOCK.NUMBER.
pub fn loopback(block: u16, number: u8) -> IpAddr {
    let [high, low] = block.to_be_bytes();
    Ipv4Addr::new(127, high, low, number).into()
}

/// Connects from a source address of this machine.
pub fn connect_from(source: IpAddr, server: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
    // Otherwise the system would reserve the port for this connection, whatever its destination.
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    socket.connect(&server.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_server_sees_the_source_address() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let source = loopback(0x0102, 3);
        let _client = connect_from(source, listener.local_addr().expect("an address")).expect("a connection");
        assert_eq!(listener.accept().expect("a connection").1.ip(), IpAddr::from([127, 1, 2, 3]));
    }
}

//! The floor: the least work that a Rust server can do for the scenarios on the playground's
//! channels: upgrade, join, leave, heartbeat, echo, and shout to everybody in the topic.
//!
//! One thread waits in epoll, reads, encodes a message once and writes the shared bytes to each
//! recipient without blocking. What came in together goes out together: all shouts of one turn
//! reach a recipient in one write. There are no limits, timeouts, routes, other serializers,
//! presence, or order between a reply and a shout, all of which a real server must pay for.
//!
//! ```text
//! PORT=4200 cargo run --release -p vestibule-bench --bin floor
//! ```

mod connection;
mod floor;
mod topics;

use std::{env, io, net::TcpListener};

use floor::Floor;

fn main() -> io::Result<()> {
    let port = env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(4200);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    listener.set_nonblocking(true)?;
    println!("floor listens on http://{}", listener.local_addr()?);
    Floor::new(listener)?.run()
}

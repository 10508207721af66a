//! Serves the chat until SIGTERM: `cargo run -p vestibule-channels --example chat`, then connect
//! phoenix.js to `ws://127.0.0.1:4000/socket`.

mod chat;

use std::{env, io};

use vestibule_channels::Server;

#[actix_web::main]
async fn main() -> io::Result<()> {
    let port = env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(4000);
    let server = Server::new(chat::endpoint()).bind(("127.0.0.1", port))?;
    println!("chat listens on http://{}", server.address());
    server.run().await
}

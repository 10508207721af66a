//! A playground for Phoenix clients: echo, shout, presence and a few ways to misbehave.
//!
//! The recorded transcripts in `tests/golden` were made against a Phoenix application with the same
//! channels; the tests in `tests/tests/as_phoenix` replay them against this one.
//!
//! ```text
//! PORT=4100 cargo run --release -p vestibule-channels --example playground
//! ```

mod absinthe;
mod admin;
mod channels;
mod edges;
mod mounts;
mod presences;
mod realtime;

use std::{env, io, sync::Arc, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
};
use vestibule_channels::Server;

use mounts::Mounts;

#[actix_web::main]
async fn main() -> io::Result<()> {
    let port = env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(4100);
    let Mounts { main, others } = Mounts::new();
    let stop = Arc::new(Notify::new());
    let (endpoint, asked_to_stop) = (Arc::clone(&main), Arc::clone(&stop));
    let server = Server::new(main)
        .routes(move |config| {
            for mount in &others {
                mount.configure(config);
            }
            admin::mount(config, Arc::clone(&endpoint), Arc::clone(&stop));
        })
        .drain_timeout(Duration::from_secs(5))
        .bind(("127.0.0.1", port))?;
    println!("playground listens on http://{}", server.address());

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    server
        .run_until(async {
            tokio::select! {
                () = asked_to_stop.notified() => {}
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await
}

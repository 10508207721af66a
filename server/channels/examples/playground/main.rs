//! A playground for Phoenix clients: echo, shout, presence and a few ways to misbehave.
//!
//! This is also the channel framework's documentation running: a channel is a type with a `join` and a `handle_in`, mounted
//! on a topic pattern. The recorded transcripts in `tests/golden` were made against a Phoenix application with these same
//! channels.
//!
//! ```text
//! PORT=4100 cargo run --release -p vestibule --example playground
//! ```

mod absinthe;
mod admin;
mod channels;
mod edges;
mod mounts;
mod presences;
mod realtime;

use std::{env, io, sync::Arc, time::Duration};

use actix_web::{App, HttpServer, middleware::NormalizePath};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
};
use vestibule_channels::transport::prepare_socket;

use mounts::Mounts;

/// How long clients may take to go when the server stops.
const PATIENCE: Duration = Duration::from_secs(5);

#[actix_web::main]
async fn main() -> io::Result<()> {
    let port = env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(4100);
    let mounts = Arc::new(Mounts::new());
    let endpoint = Arc::clone(mounts.endpoint());
    let stop = Arc::new(Notify::new());
    let asked_to_stop = Arc::clone(&stop);
    let server = HttpServer::new(move || {
        App::new()
            .wrap(NormalizePath::trim())
            .configure(|config| mounts.configure(config))
            .configure(|config| admin::mount(config, Arc::clone(mounts.endpoint()), Arc::clone(&stop)))
    })
    .on_connect(prepare_socket)
    .disable_signals()
    .workers(2)
    .bind(("127.0.0.1", port))?
    .run();
    let handle = server.handle();
    let server = actix_web::rt::spawn(server);
    println!("playground listens on http://127.0.0.1:{port}");

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        () = asked_to_stop.notified() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tokio::join!(endpoint.connections.drain(PATIENCE), handle.stop(true));
    server.await.map_err(io::Error::other)?
}

//! Web pages that are part of the program. Each is a folder built before the server, embedded, and
//! served from memory: `index.html` at one path, the other files below it.
//!
//! Their requests do not count as calls: an answer costs nothing but its bytes, and whoever opens
//! the page keeps all calls for using it.

mod file;
mod policy;
#[cfg(test)]
mod tests;

use std::{future::ready, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse, Resource, Route, guard,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, ContentType},
    },
    web,
};
use rust_embed::RustEmbed;
use vestibule_channels::transport::other_methods;

use self::file::File;

/// The page to try the server with.
#[derive(Debug, RustEmbed)]
#[folder = "web/dist/demo"]
#[allow_missing = true]
pub struct Demo;

/// The page for operators.
#[derive(Debug, RustEmbed)]
#[folder = "web/dist/dashboard"]
#[allow_missing = true]
pub struct Dashboard;

/// The file that is the page itself; it names the others.
const INDEX: &str = "index.html";

/// A page: its name, and its files by theirs.
#[derive(Debug)]
pub struct Page {
    name: &'static str,
    files: Vec<(String, Arc<File>)>,
}

impl Page {
    /// The page of that name, of which `E` is the built folder.
    pub fn embedded<E: RustEmbed>(name: &'static str) -> Self {
        let file = |name: &str| File::embedded::<E>(name).map(|file| (name.to_owned(), Arc::new(file)));
        Self { name, files: E::iter().filter_map(|name| file(&name)).collect() }
    }

    /// Whether the folder was built before the server.
    pub fn is_built(&self) -> bool {
        self.files.iter().any(|(name, _)| name == INDEX)
    }

    /// Mounts the page at a path that ends with a slash. A page that was not built is replaced by a
    /// hint how to build it.
    pub fn mount(&self, config: &mut web::ServiceConfig, path: &str) {
        if self.is_built() {
            self.mount_files(config, path);
        } else {
            let text = how_to_build(self.name);
            config.service(resource(path).route(reading().to(move || ready(not_built(&text)))));
        }
    }

    /// Each file has a route of its own, so all other paths are unknown.
    fn mount_files(&self, config: &mut web::ServiceConfig, path: &str) {
        for (name, file) in &self.files {
            let file = Arc::clone(file);
            let name = if name == INDEX { "" } else { name };
            let answer = move |request: HttpRequest| ready(file.answer(&request));
            config.service(resource(&format!("{path}{name}")).route(reading().to(answer)));
        }
    }
}

/// A resource that has GET and HEAD alone.
fn resource(path: &str) -> Resource {
    web::resource(path).default_service(other_methods("GET, HEAD, OPTIONS"))
}

/// A route of GET and HEAD.
fn reading() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// 404 rather than 503: retrying does not help, and a proxy must not believe that the whole server
/// is down.
fn not_built(text: &str) -> HttpResponse {
    let mut answer = policy::answer(StatusCode::NOT_FOUND);
    answer.insert_header((CACHE_CONTROL, "no-store")).insert_header(ContentType::plaintext());
    answer.body(text.to_owned())
}

fn how_to_build(name: &str) -> String {
    format!(
        "This server was built without its {name} page. Everything else works.\n\n\
         In the folder of its sources, `make run` builds and starts it with the page. By hand:\n\n  \
         npm --prefix server/web/client ci\n  \
         npm --prefix server/web/{name} ci\n  \
         npm --prefix server/web/{name} run build\n  \
         cargo build --release --package vestibule\n"
    )
}

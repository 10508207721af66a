use actix_web::{
    App,
    dev::ServiceResponse,
    http::header::{
        ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName,
        IF_NONE_MATCH, VARY,
    },
    test::{TestRequest, call_service, init_service, read_body},
};
use bytes::Bytes;
use rust_embed::RustEmbed;

use super::{policy::HEADERS, *};

const SCRIPT: &str = "/assets/index-Dx3kQ.js";

/// A page as Vite builds it.
#[derive(RustEmbed)]
#[folder = "src/pages/built"]
struct Built;

/// The folder of a page that was never built.
#[derive(RustEmbed)]
#[folder = "src/pages/none"]
#[allow_missing = true]
struct Missing;

async fn ask<E: RustEmbed>(path: &str, request: TestRequest) -> ServiceResponse {
    let page = Page::embedded::<E>("demo");
    let app = init_service(App::new().configure(|config| page.mount(config, path))).await;
    call_service(&app, request.to_request()).await
}

async fn get(path: &str) -> ServiceResponse {
    ask::<Built>("/", TestRequest::get().uri(path)).await
}

fn header(answer: &ServiceResponse, name: HeaderName) -> &str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[actix_web::test]
async fn the_page_is_revalidated_each_time() {
    let answer = get("/").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header(&answer, CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(header(&answer, CACHE_CONTROL), "no-cache");
    assert_eq!(header(&answer, VARY), "", "it has one form");
    let index = include_bytes!("built/index.html");
    assert_eq!(read_body(answer).await, Bytes::from_static(index));
}

#[actix_web::test]
async fn files_with_a_hash_in_their_names_are_immutable() {
    for (path, content_type) in
        [(SCRIPT, "text/javascript; charset=utf-8"), ("/assets/index-B7aa_.css", "text/css; charset=utf-8")]
    {
        let answer = get(path).await;
        assert_eq!((answer.status(), header(&answer, CONTENT_TYPE)), (StatusCode::OK, content_type));
        assert_eq!(header(&answer, CACHE_CONTROL), "public, max-age=31536000, immutable");
    }
}

#[actix_web::test]
async fn a_page_may_run_its_own_scripts_only() {
    for answer in [get("/").await, get(SCRIPT).await, ask::<Missing>("/", TestRequest::get()).await] {
        for (name, value) in HEADERS {
            assert_eq!(header(&answer, name), value);
        }
    }
}

#[actix_web::test]
async fn known_files_are_not_sent_again() {
    for path in ["/", SCRIPT] {
        let tag = header(&get(path).await, ETAG).to_owned();
        for known in [&tag, &format!("W/{tag}"), &format!("\"other\", {tag}"), "*"] {
            let answer =
                ask::<Built>("/", TestRequest::get().uri(path).insert_header((IF_NONE_MATCH, known))).await;
            assert_eq!(
                (answer.status(), header(&answer, ETAG)),
                (StatusCode::NOT_MODIFIED, &*tag),
                "{known}"
            );
            assert_ne!(header(&answer, CACHE_CONTROL), "");
            assert_eq!(read_body(answer).await, "");
        }
        let other = TestRequest::get().uri(path).insert_header((IF_NONE_MATCH, "\"other\""));
        assert_eq!(ask::<Built>("/", other).await.status(), StatusCode::OK);
    }
}

#[actix_web::test]
async fn clients_that_accept_gzip_get_the_compressed_form() {
    let accepting =
        |accepted: &'static str| TestRequest::get().uri(SCRIPT).insert_header((ACCEPT_ENCODING, accepted));
    let plain = get(SCRIPT).await;
    assert_eq!((header(&plain, CONTENT_ENCODING), header(&plain, VARY)), ("", "accept-encoding"));
    for accepted in ["gzip", "gzip, deflate, br, zstd", "br;q=1.0, gzip;q=0.5"] {
        let answer = ask::<Built>("/", accepting(accepted)).await;
        assert_eq!(header(&answer, CONTENT_ENCODING), "gzip", "{accepted}");
        assert_eq!(header(&answer, CONTENT_TYPE), "text/javascript; charset=utf-8");
        assert_ne!(header(&answer, ETAG), header(&plain, ETAG), "another form has another tag");
        assert_eq!(
            read_body(answer).await,
            Bytes::from_static(include_bytes!("built/assets/index-Dx3kQ.js.gz"))
        );
    }
    for accepted in ["", "br", "gzip;q=0", "identity", "identity;q=0"] {
        let answer = ask::<Built>("/", accepting(accepted)).await;
        assert_eq!(header(&answer, CONTENT_ENCODING), "", "{accepted}");
        assert_eq!(header(&answer, ETAG), header(&plain, ETAG));
    }
}

#[actix_web::test]
async fn other_paths_are_unknown() {
    for path in [
        "/index.html",
        "/assets",
        "/assets/",
        "/assets/unknown.js",
        "/assets/index-Dx3kQ.js.gz",
        "/assets/index-Dx3kQ.js/",
        "/assets/../index.html",
        "/assets/../../mod.rs",
        "/assets/%2e%2e/%2e%2e/mod.rs",
        "/assets/..%2f..%2fmod.rs",
        "//assets/index-Dx3kQ.js",
    ] {
        let answer = get(path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(answer.headers().is_empty(), "{path}: {:?}", answer.headers());
        assert_eq!(read_body(answer).await, "", "{path}");
    }
    let posted = ask::<Built>("/", TestRequest::post().uri("/")).await;
    assert_eq!(
        (posted.status(), header(&posted, ALLOW)),
        (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD, OPTIONS")
    );
}

#[actix_web::test]
async fn a_page_may_be_anywhere() {
    let script = format!("/dashboard{SCRIPT}");
    for (path, status) in
        [("/dashboard/", 200), (&script, 200), ("/", 404), (SCRIPT, 404), ("/dashboard", 404)]
    {
        let answer = ask::<Built>("/dashboard/", TestRequest::get().uri(path)).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
}

#[actix_web::test]
async fn without_a_page_there_is_a_hint() {
    assert!(Page::embedded::<Built>("demo").is_built());
    assert!(!Page::embedded::<Missing>("demo").is_built());
    let answer = ask::<Missing>("/", TestRequest::get()).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!(header(&answer, CONTENT_TYPE), "text/plain; charset=utf-8");
    assert_eq!(header(&answer, CACHE_CONTROL), "no-store");
    let text = String::from_utf8(read_body(answer).await.to_vec()).unwrap();
    for said in ["built without its demo page", "make run", "npm --prefix server/web/demo run build"] {
        assert!(text.contains(said), "{text}");
    }
    assert_eq!(ask::<Missing>("/", TestRequest::get().uri(SCRIPT)).await.status(), StatusCode::NOT_FOUND);
}

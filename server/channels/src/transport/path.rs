//! The one spelling of a path.

use actix_web::{
    dev::{ServiceRequest, Url},
    http::uri::{PathAndQuery, Uri},
};

/// Leaves empty segments out of the request's path, as Plug does before it matches: `//a///b/` is
/// `/a/b`. [`NormalizePath`](actix_web::middleware::NormalizePath) does the same with a regular
/// expression, which costs each request more than finding its route.
pub(super) fn merge_slashes(request: &mut ServiceRequest) {
    let uri = request.uri();
    let path = uri.path();
    if !has_empty_segment(path) {
        return;
    }
    let Some(uri) = with_path(uri, &merged(path)) else { return };
    request.match_info_mut().set(Url::new(uri.clone()));
    request.head_mut().uri = uri;
}

/// Whether a path has two slashes in a row, or one at its end. The root has none.
fn has_empty_segment(path: &str) -> bool {
    path.len() > 1 && (path.ends_with('/') || path.as_bytes().windows(2).any(|pair| pair == b"//"))
}

fn merged(path: &str) -> String {
    let mut merged = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        merged.push('/');
        merged.push_str(segment);
    }
    if merged.is_empty() {
        merged.push('/');
    }
    merged
}

/// The target with another path. `None` does not occur: the characters are those that it had.
fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{path}{query}")).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use actix_web::{
        App, HttpRequest,
        body::to_bytes,
        dev::{Service as _, ServiceResponse},
        middleware::NormalizePath,
        test::{TestRequest, init_service},
        web,
    };

    use super::*;

    /// What a handler sees of a request: its target, and the path's last segment.
    async fn seen(request: HttpRequest) -> String {
        format!("{} {:?}", request.uri(), request.match_info().get("tail"))
    }

    async fn text(answer: ServiceResponse) -> String {
        let bytes = to_bytes(answer.into_body()).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[actix_web::test]
    async fn paths_become_what_actix_web_makes_of_them() {
        let routes = |config: &mut web::ServiceConfig| {
            config
                .route("/", web::to(seen))
                .route("/a/{tail:.*}", web::to(seen))
                .default_service(web::to(seen));
        };
        let with_ours = |mut request: ServiceRequest, next: actix_web::middleware::Next<_>| async move {
            merge_slashes(&mut request);
            next.call(request).await
        };
        let ours = App::new().wrap(actix_web::middleware::from_fn(with_ours)).configure(routes);
        let theirs = App::new().wrap(NormalizePath::trim()).configure(routes);
        let (ours, theirs) = (init_service(ours).await, init_service(theirs).await);
        for target in [
            "/",
            "//",
            "///",
            "/?",
            "//?a=//b/",
            "/a",
            "/a/",
            "/a/b",
            "/a//b",
            "//a///b//",
            "/a/b?//c/",
            "/a//?",
            "/a%2F%2Fb/",
            "/a/%C3%A4//",
            "/a/../b//.",
            "*",
            "http://h",
            "http://h/",
            "http://h//a//b/?c",
            "/a/b//c/d/",
            "/a//b+c//",
            "//h//a",
        ] {
            let request = || TestRequest::default().uri(target).to_request();
            let (ours, theirs) = (ours.call(request()).await, theirs.call(request()).await);
            assert_eq!(text(ours.unwrap()).await, text(theirs.unwrap()).await, "{target}");
        }
    }

    #[test]
    fn a_path_without_empty_segments_stays_as_it_is() {
        for (path, has) in
            [("/", false), ("", false), ("/a/b", false), ("//", true), ("/a/", true), ("/a//b", true)]
        {
            assert_eq!(has_empty_segment(path), has, "{path}");
        }
    }
}

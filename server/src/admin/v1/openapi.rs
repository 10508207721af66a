//! The endpoints' description for programs: `OpenAPI` 3.1, generated from their code.

use std::collections::BTreeMap;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError as _, get,
    http::header::{ALLOW, HeaderValue},
    web,
};
use utoipa::{
    OpenApi,
    openapi::{
        ContentBuilder, Ref, RefOr, ResponseBuilder,
        path::{Operation, PathItem},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_actix_web::{AppExt as _, scope::scope, service_config::ServiceConfig};

use super::endpoint::PREFIX;
use crate::admin::{access::Right, problem::Problem};

/// The description apart from the paths.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Vestibule for operators",
        description = "Served on a separate listener. Every request needs a bearer token. A `read` token allows \
                       GET; all other methods need a `full` token, or one with the right that the endpoint names, \
                       and are recorded in the audit log. Times are Unix milliseconds. Errors are problem details \
                       (RFC 9457).",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    components(schemas(Problem)),
    tags(
        (name = "rooms", description = "Rooms, and who is in them"),
        (name = "requests", description = "Requests for rooms' keys"),
        (name = "users", description = "Users and their connections"),
        (name = "topics", description = "Topics: events to their subscribers, and who is there"),
        (name = "accounts", description = "Accounts of your own back end: their connections"),
        (name = "server", description = "The server itself")
    )
)]
struct Above;

/// The description of the endpoints that `register` adds.
pub(super) fn describe(register: fn(&mut ServiceConfig<'_>)) -> utoipa::openapi::OpenApi {
    let (_, collected) =
        actix_web::App::new().into_utoipa_app().service(scope(PREFIX).configure(register)).split_for_parts();
    let mut all = Above::openapi();
    all.merge(collected);
    let components = all.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    for item in all.paths.paths.values_mut() {
        operations(item).for_each(|(method, operation)| complete(method, operation));
    }
    all
}

/// The endpoints that declare a right, each with its method and pattern.
pub(super) fn declared(mut description: utoipa::openapi::OpenApi) -> Vec<(String, String, Right)> {
    let of_path = |(pattern, item): (&String, &mut PathItem)| {
        let found = operations(item).filter_map(|(method, operation)| {
            let mut rights = scopes(operation).filter_map(|scope| scope.parse().ok());
            Some((method.to_owned(), pattern.clone(), rights.find(|right| *right != Right::Read)?))
        });
        found.collect::<Vec<_>>()
    };
    description.paths.paths.iter_mut().flat_map(of_path).collect()
}

/// What a token must allow for an operation: any of these is enough.
fn scopes(operation: &Operation) -> impl Iterator<Item = String> + use<> {
    let alternatives = operation.security.iter().flatten();
    let scopes = alternatives.filter_map(|alternative| {
        let bearer = serde_json::json!(alternative)["bearer"].take();
        serde_json::from_value::<Vec<String>>(bearer).ok()
    });
    scopes.flatten().collect::<Vec<_>>().into_iter()
}

/// Returns this description
#[utoipa::path(operation_id = "describe", tag = "server", responses((status = OK, description = "OpenAPI 3.1", content_type = "application/json", body = Object)))]
#[get("/openapi.json")]
pub(super) async fn served(description: web::Data<Description>) -> HttpResponse {
    HttpResponse::Ok().json(&description.openapi)
}

/// The endpoints' description, and the methods of each path for answers to other methods.
pub(super) struct Description {
    openapi: utoipa::openapi::OpenApi,
    methods: BTreeMap<String, String>,
}

impl Description {
    pub(super) fn new(mut openapi: utoipa::openapi::OpenApi) -> Self {
        let allowed =
            |item: &mut PathItem| operations(item).map(|(method, _)| method).collect::<Vec<_>>().join(", ");
        let paths = openapi.paths.paths.iter_mut();
        let methods = paths.map(|(path, item)| (path.clone(), allowed(item))).collect();
        Self { openapi, methods }
    }
}

/// Answers requests for an unknown path or method.
pub(super) async fn nothing_here(request: HttpRequest, description: web::Data<Description>) -> HttpResponse {
    let pattern = request.match_pattern();
    let Some(allowed) = pattern.and_then(|pattern| description.methods.get(&pattern)) else {
        return Problem::not_found().error_response();
    };
    let mut response = Problem::no_such_method().error_response();
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("GET", &mut item.get),
        ("POST", &mut item.post),
        ("PUT", &mut item.put),
        ("DELETE", &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Adds what all endpoints have in common: the token that they need, and their errors.
fn complete(method: &str, operation: &mut Operation) {
    let is_writing = method != "GET";
    let may = if is_writing { "full" } else { "read" };
    // The endpoint may have declared a right of its own.
    let own = operation.security.take().unwrap_or_default();
    let usual = SecurityRequirement::new("bearer", [may]);
    operation.security = Some([usual].into_iter().chain(own).collect());
    let has = |place: &str| {
        let parameters = operation.parameters.iter().flatten();
        let places = parameters.map(|parameter| serde_json::json!(parameter.parameter_in));
        places.into_iter().any(|found| found == place)
    };
    let has_body = operation.request_body.is_some();
    let problems = [
        ("400", "Invalid request", has("query") || has_body),
        ("401", "The token is missing or unknown", true),
        ("403", "The token does not allow this", true),
        ("404", "Not found", has("path")),
        ("413", "The body is too large", has_body),
        ("415", "The body is not JSON", has_body),
        ("422", "The body is valid JSON, but its values are not allowed", has_body),
        ("503", "The store is busy, full or failing", true),
    ];
    for (status, what, _) in problems.into_iter().filter(|(_, _, is_possible)| *is_possible) {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response =
            ResponseBuilder::new().description(what).content("application/problem+json", content).build();
        operation.responses.responses.entry(status.to_owned()).or_insert(RefOr::T(response));
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            "Done".clone_into(&mut response.description);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, env, fs};

    use super::*;
    use crate::admin::v1::description;

    /// The committed description, from here.
    const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/admin-openapi.json");

    /// Set to write the committed description anew.
    const REWRITE: &str = "VESTIBULE_REWRITE_OPENAPI";

    #[test]
    fn the_committed_description_is_current() {
        let text = description().to_pretty_json().unwrap() + "\n";
        if env::var_os(REWRITE).is_some() {
            fs::write(COMMITTED, &text).unwrap();
        }
        let is_same = fs::read_to_string(COMMITTED).is_ok_and(|committed| committed == text);
        assert!(is_same, "docs/admin-openapi.json is another: run this test with {REWRITE}=1");
    }

    #[test]
    fn operations_have_unique_names_tokens_and_errors() {
        let mut names = BTreeSet::new();
        for item in description().paths.paths.values_mut() {
            for (method, operation) in operations(item) {
                let name = operation.operation_id.clone().unwrap();
                assert!(operation.security.is_some() && operation.summary.is_some(), "{name}");
                let has = |status: &str| operation.responses.responses.contains_key(status);
                assert!(has("401") && has("403"), "{name}");
                let scopes: Vec<String> = scopes(operation).collect();
                assert_eq!(scopes[0], if method == "GET" { "read" } else { "full" }, "{name}");
                assert!(scopes[1..].iter().all(|scope| scope.parse::<Right>().is_ok()), "{name}: {scopes:?}");
                assert!(names.insert(name));
            }
        }
    }
}

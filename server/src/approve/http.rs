//! The flow's HTTP endpoints: sign-in, creating rooms, and the directory.

use std::{sync::Arc, time::Instant};

use actix_cors::Cors;
use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE},
    },
    middleware::from_fn,
    web,
};
use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use vestibule_approve::{
    base64url::Blob,
    fields::null_is_default,
    frames::{Card, Policy},
    refusal::{Reason, Refusal},
    rules::{Caller, Command},
    signed::{self, Alg, Rid, Signature, Uid, user_id},
};
use vestibule_channels::transport::{self, ConnectPolicy, HttpRateLimit, head_as_get, other_methods};
use vestibule_store::{Content, StoreError, Submission, pack};

use super::{
    create,
    metrics::SignIn,
    replies::{self, UNKNOWN_AFTER},
    services::Services,
};
use crate::{
    hook::{Connecting, Denied, Unavailable},
    hosts::Hosts,
    input::{self, InputError},
    login::{Login, MAX_CARRIED},
    query,
    session::Challenge,
};

/// The largest body, in bytes.
const MAX_BODY: usize = 16 * 1024;
/// The most cards on a page of the directory.
const MAX_CARDS: u32 = 100;

/// Mounts the endpoints at `/v1`. `policy` says which pages may call them, the same that may open a
/// socket; `hosts` which hosts a request may address; `calls` how often one address may call.
pub fn mount(
    config: &mut web::ServiceConfig,
    services: Arc<Services>,
    policy: Arc<ArcSwap<ConnectPolicy>>,
    calls: Arc<HttpRateLimit>,
    hosts: Arc<Hosts>,
) {
    config.service(
        web::scope("/v1")
            .wrap(from_fn(head_as_get))
            .wrap(from_fn(move |request, next| Arc::clone(&hosts).check(request, next)))
            .wrap(from_fn(move |request, next| Arc::clone(&calls).limit(request, next)))
            // Outside of both, so that a page can read why it is refused.
            .wrap(cors(policy))
            .app_data(web::Data::from(services))
            .app_data(web::JsonConfig::default().limit(MAX_BODY))
            .service(
                web::resource("/challenge").post(challenge).default_service(other_methods("OPTIONS, POST")),
            )
            .service(web::resource("/session").post(session).default_service(other_methods("OPTIONS, POST")))
            .service(
                web::resource("/rooms")
                    .get(directory)
                    .post(create_room)
                    .default_service(other_methods("GET, HEAD, OPTIONS, POST")),
            )
            .service(
                web::resource("/rooms/{rid}").get(card).default_service(other_methods("GET, HEAD, OPTIONS")),
            ),
    );
}

/// Tokens travel in a header that a page of another site cannot make a browser add, so there are no
/// credentials to protect. The allowed origins are nevertheless those of the socket.
fn cors(policy: Arc<ArcSwap<ConnectPolicy>>) -> Cors {
    Cors::default()
        .allowed_origin_fn(move |origin, request| {
            let host = transport::host(request);
            origin.to_str().is_ok_and(|origin| policy.load().origins.allow(origin, host))
        })
        .allowed_methods(["GET", "HEAD", "POST"])
        .allowed_headers([AUTHORIZATION, CONTENT_TYPE])
        .max_age(3600)
}

type Body<T> = input::Body<T, Refused>;
type Query<T> = input::Query<T, Refused>;

/// A refusal as an HTTP response.
#[derive(Debug)]
struct Refused(Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Refused(refusal)
    }
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Refused(reason.into())
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Refused(replies::of_store(error))
    }
}

impl From<InputError> for Refused {
    fn from(error: InputError) -> Self {
        let reason =
            if matches!(error, InputError::TooLarge) { Reason::TooLarge } else { Reason::BadPayload };
        Refused(reason.because(error.to_string()))
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?}", self.0.reason)
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        match self.0.reason {
            Reason::Unauthorized | Reason::BadLogin => StatusCode::UNAUTHORIZED,
            Reason::UnknownRoom => StatusCode::NOT_FOUND,
            Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Reason::Quota | Reason::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Reason::StorageFull | Reason::Unavailable | Reason::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(&self.0)
    }
}

#[derive(Deserialize)]
struct ChallengeRequest {
    uid: Uid,
}

#[derive(Serialize)]
struct ChallengeResponse<'a> {
    nonce: Blob,
    exp: i64,
    server: &'a str,
    /// The server's time, by which a client can correct its own.
    now: i64,
}

async fn challenge(
    services: web::Data<Services>,
    request: HttpRequest,
    body: Body<ChallengeRequest>,
) -> HttpResponse {
    let now = services.clock.now_ms();
    let Challenge { nonce, exp } = services.auth.challenge(&body.into_inner().uid, now);
    let server = services.auth.server_name(transport::host(request.head()));
    HttpResponse::Ok().json(ChallengeResponse { nonce: Blob(nonce), exp, server, now })
}

#[derive(Deserialize)]
struct SessionRequest {
    sign_pub: Blob,
    alg: Alg,
    nonce: Blob,
    sig: Signature,
    /// A token of the team's own logins, whose account the session is to have too.
    #[serde(default)]
    login: Option<String>,
}

#[derive(Serialize)]
struct SessionResponse<'a> {
    token: String,
    uid: Uid,
    exp: i64,
    /// The account of the login.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
}

async fn session(
    services: web::Data<Services>,
    request: HttpRequest,
    body: Body<SessionRequest>,
) -> Result<HttpResponse, Refused> {
    let SessionRequest { sign_pub, alg, nonce, sig, login } = body.into_inner();
    let uid = user_id(alg, &sign_pub.0);
    let refused = |result: SignIn, reason: Reason| {
        services.metrics.signed_in(result);
        reason
    };
    let stale = |_| refused(SignIn::StaleNonce, Reason::StaleNonce);
    services.auth.check_challenge(&uid, &nonce.0).map_err(stale)?;
    let check = |server: &str| alg.verify(&sign_pub.0, &signed::session(server, &uid, &nonce.0), &sig);
    let checked =
        services.auth.check_proof(services.auth.server_name(transport::host(request.head())), check);
    checked.map_err(|_| refused(SignIn::BadSig, Reason::BadSig))?;
    let login = match login {
        None => None,
        Some(token) => Some(find_login(&services, token).await.inspect_err(|_| {
            services.metrics.signed_in(SignIn::BadLogin);
        })?),
    };
    let (token, exp) = match &login {
        None => services.auth.issue_token(&uid),
        Some(login) => services.auth.issue_token_with_login(&uid, login).map_err(|_| {
            let detail = format!("The account and topics of `login` must have at most {MAX_CARRIED} bytes.");
            refused(SignIn::BadLogin, Reason::TooLarge).because(detail)
        })?,
    };
    // Only now: otherwise anybody could use up a challenge that its user has not signed yet.
    services.auth.use_up(&nonce.0).map_err(stale)?;
    services.metrics.signed_in(SignIn::Done);
    let account = login.as_ref().map(|login| login.account.as_str());
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(SessionResponse {
        token,
        uid,
        exp,
        account,
    }))
}

#[derive(Deserialize)]
struct CreateRequest {
    #[serde(default)]
    alg: Option<Alg>,
    policy: Policy,
    #[serde(default)]
    name: Option<String>,
    /// Whether the directory lists the room.
    #[serde(default, deserialize_with = "null_is_default")]
    listed: bool,
}

/// The default for new rooms. An ECDSA key leaks if a nonce is used twice or is predictable;
/// Ed25519 draws none.
const ROOM_ALG: Alg = Alg::Ed25519;

#[derive(Serialize)]
struct CreateResponse<'a> {
    rid: Rid,
    room_pub: &'a Blob,
    room_key: &'a str,
    card: &'a Card,
}

/// Stores the room before it answers, so that a room whose key was handed out exists.
async fn create_room(
    services: web::Data<Services>,
    request: HttpRequest,
    body: Body<CreateRequest>,
) -> Result<HttpResponse, Refused> {
    let uid = bearer(&services, &request)?;
    let CreateRequest { alg, policy, name, listed } = body.into_inner();
    let create::NewRoom { card, room_key } =
        create::create(alg.unwrap_or(ROOM_ALG), policy, name, &services.config.limits)?;
    let digest = card.check(&services.config.limits)?.digest;
    let submission = Submission {
        rid: card.rid,
        caller: Caller { uid, is_member: true },
        command: Command::Publish { version: card.version, policy, digest, listed: Some(listed) },
        content: Content::Frame(pack(&card)),
    };
    services.store.carry_out(submission).await.map_err(|error| {
        let refusal = replies::of_command(error);
        services.metrics.refused(&refusal);
        refusal
    })?;
    let response =
        CreateResponse { rid: card.rid, room_pub: &card.room_pub, room_key: &room_key, card: &card };
    Ok(HttpResponse::Created().insert_header((CACHE_CONTROL, "no-store")).json(response))
}

#[derive(Deserialize)]
struct DirectoryQuery {
    #[serde(default, deserialize_with = "query::optional")]
    policy: Option<Policy>,
    #[serde(default, deserialize_with = "query::optional")]
    after: Option<Rid>,
    #[serde(default, deserialize_with = "query::optional")]
    limit: Option<u32>,
}

#[derive(Serialize)]
struct DirectoryResponse {
    rooms: Vec<Card>,
    after: Option<Rid>,
}

async fn directory(
    services: web::Data<Services>,
    query: Query<DirectoryQuery>,
) -> Result<HttpResponse, Refused> {
    let DirectoryQuery { policy, after, limit } = query.into_inner();
    let limit = limit.unwrap_or(MAX_CARDS).clamp(1, MAX_CARDS);
    let mut rooms = services.store.directory(policy, after, limit + 1).await?;
    let has_more = rooms.len() > limit as usize;
    rooms.truncate(limit as usize);
    let after = rooms.last().filter(|_| has_more).map(|card| card.rid);
    Ok(HttpResponse::Ok().json(DirectoryResponse { rooms, after }))
}

/// A malformed id is reported as an unknown room.
async fn card(services: web::Data<Services>, rid: web::Path<String>) -> Result<HttpResponse, Refused> {
    let asked = Instant::now();
    let rid = rid.parse().map_err(|_| Reason::UnknownRoom)?;
    if let Some(card) = services.store.public_card(rid).await? {
        return Ok(HttpResponse::Ok().json(card));
    }
    tokio::time::sleep(UNKNOWN_AFTER.saturating_sub(asked.elapsed())).await;
    Err(Reason::UnknownRoom.into())
}

/// Finds whose login a token is.
async fn find_login(services: &Services, token: String) -> Result<Arc<Login>, Refusal> {
    let accounts = services.auth.accounts();
    match accounts.find(&Connecting { token, params: Map::new(), address: None }).await {
        Ok(Ok(login)) => Ok(login),
        Ok(Err(Denied(_))) => Err(Reason::BadLogin.because("The field `login` must be a valid login.")),
        Err(Unavailable) => Err(Reason::Unavailable.because("Nobody can tell now whose login this is.")),
    }
}

fn bearer(services: &Services, request: &HttpRequest) -> Result<Uid, Refusal> {
    let header = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let token = header.and_then(|header| header.strip_prefix("Bearer ")).ok_or(Reason::Unauthorized)?;
    let session = services.auth.check_token(token).map_err(|_| Reason::Unauthorized)?;
    Ok(session.uid)
}

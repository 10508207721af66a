//! Answers to requests with an `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header), kept
//! for a while: an operator that repeats a request gets the first answer, and nothing is done
//! twice.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use actix_web::{
    Error, HttpMessage as _, HttpRequest, HttpResponse, ResponseError as _,
    body::{BoxBody, MessageBody, to_bytes},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use bytes::Bytes;
use ring::digest::{Context, SHA256};

use super::{problem::Problem, tokens::Operator};
use crate::input::InputError;

/// The request's header.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(10 * 60);

/// The longest key, in characters.
const MAX_KEY: usize = 128;

/// The most answers that are kept for one operator, and the most bytes.
const MAX_ANSWERS: usize = 100_000;
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// What an answer takes besides its texts.
const OVERHEAD: usize = 256;

/// Tells whether two requests are the same.
type Fingerprint = [u8; 32];

/// The answers of all operators.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<HashMap<String, OfOperator>>);

/// The answers of one operator.
#[derive(Debug, Default)]
struct OfOperator {
    by_key: HashMap<String, Entry>,
    /// The keys that have answers, oldest first.
    answered: VecDeque<(Instant, String)>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    fingerprint: Fingerprint,
    /// `None` while the request is handled.
    answer: Option<Bytes>,
}

/// What is to be done about a request with a key.
#[derive(Debug)]
enum Begun<'a> {
    /// It is the first.
    First(Ticket<'a>),
    /// It was answered before.
    Again(Bytes),
}

/// The place of a request that is handled. Without an answer its key is forgotten.
#[derive(Debug)]
struct Ticket<'a> {
    answers: &'a Answers,
    operator: String,
    key: String,
}

impl Answers {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, OfOperator>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(
        &self,
        operator: &str,
        key: String,
        fingerprint: Fingerprint,
        now: Instant,
    ) -> Result<Begun<'_>, Problem> {
        let mut all = self.lock();
        all.values_mut().for_each(|answers| answers.forget(now));
        all.retain(|_, answers| !answers.by_key.is_empty());
        let own = all.entry(operator.to_owned()).or_default();
        if let Some(entry) = own.by_key.get(&key) {
            return entry.again(&fingerprint).map(Begun::Again);
        }
        if own.by_key.len() >= MAX_ANSWERS || own.bytes >= MAX_BYTES {
            let detail = "Too many idempotency keys within ten minutes. Nothing was done: try again later.";
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail));
        }
        own.by_key.insert(key.clone(), Entry { fingerprint, answer: None });
        Ok(Begun::First(Ticket { answers: self, operator: operator.to_owned(), key }))
    }
}

impl OfOperator {
    /// Forgets what was kept long enough.
    fn forget(&mut self, now: Instant) {
        while self.answered.front().is_some_and(|(at, _)| now.duration_since(*at) >= KEPT) {
            if let Some((_, key)) = self.answered.pop_front()
                && let Some(entry) = self.by_key.remove(&key)
            {
                self.bytes -= size(&key, entry.answer.as_ref());
            }
        }
    }
}

impl Entry {
    fn again(&self, fingerprint: &Fingerprint) -> Result<Bytes, Problem> {
        if self.fingerprint != *fingerprint {
            let detail = "This Idempotency-Key was used for another request within the last ten minutes.";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
        }
        let is_handled = || {
            let detail = "A request with this Idempotency-Key is being handled: try again later.";
            Problem::new(StatusCode::CONFLICT, detail)
        };
        self.answer.clone().ok_or_else(is_handled)
    }
}

impl Ticket<'_> {
    /// Keeps the answer for those who repeat the request.
    fn keep(mut self, answer: Bytes, now: Instant) {
        let key = mem::take(&mut self.key);
        let mut all = self.answers.lock();
        let Some(own) = all.get_mut(&self.operator) else { return };
        let Some(entry) = own.by_key.get_mut(&key) else { return };
        own.bytes += size(&key, Some(&answer));
        entry.answer = Some(answer);
        own.answered.push_back((now, key));
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        // A kept answer has taken the key.
        if !self.key.is_empty()
            && let Some(own) = self.answers.lock().get_mut(&self.operator)
        {
            own.by_key.remove(&self.key);
        }
    }
}

fn size(key: &str, answer: Option<&Bytes>) -> usize {
    2 * key.len() + answer.map_or(0, Bytes::len) + OVERHEAD
}

/// Handles a request once for each key. Only answers with status 200 are kept: otherwise nothing
/// was done, and the request can be repeated under the same key.
pub(super) async fn once<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let key = match key(request.request()) {
        Ok(Some(key)) => key,
        Ok(None) => return next.call(request).await.map(ServiceResponse::map_into_boxed_body),
        Err(problem) => return Ok(request.into_response(problem.error_response())),
    };
    let Ok(body) = request.extract::<Bytes>().await else {
        return Ok(request.into_response(Problem::from(InputError::TooLarge).error_response()));
    };
    let fingerprint = fingerprint(request.path(), &body);
    let operator = request.extensions().get::<Operator>().map(|operator| operator.name.clone());
    let answers = request.app_data::<web::Data<Answers>>().cloned();
    let (Some(operator), Some(answers)) = (operator, answers) else {
        return Ok(request.into_response(Problem::no_token().error_response()));
    };
    let ticket = match answers.begin(&operator, key, fingerprint, Instant::now()) {
        Ok(Begun::First(ticket)) => ticket,
        Ok(Begun::Again(answer)) => return Ok(request.into_response(replayed(answer))),
        Err(problem) => return Ok(request.into_response(problem.error_response())),
    };
    request.set_payload(Payload::from(body));
    let response = next.call(request).await?.map_into_boxed_body();
    if response.status() != StatusCode::OK {
        return Ok(response);
    }
    let (request, response) = response.into_parts();
    let (head, body) = response.into_parts();
    let answer = to_bytes(body).await.map_err(|_| Problem::unanswered())?;
    ticket.keep(answer.clone(), Instant::now());
    Ok(ServiceResponse::new(request, head.set_body(answer).map_into_boxed_body()))
}

/// The key of a request: a string as RFC 9651 writes it, or bare.
fn key(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let mut values = request.headers().get_all(KEY);
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().map_err(|_| Problem::bad_key())?.trim();
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    if values.next().is_some() || !(1..=MAX_KEY).contains(&bare.len()) || !bare.bytes().all(is_allowed) {
        return Err(Problem::bad_key());
    }
    Ok(Some(bare.to_owned()))
}

fn fingerprint(path: &str, body: &[u8]) -> Fingerprint {
    let mut context = Context::new(&SHA256);
    // A path has no zero byte.
    for part in [path.as_bytes(), &[0], body] {
        context.update(part);
    }
    context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn replayed(answer: Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .insert_header((REPLAYED, HeaderValue::from_static("true")))
        .body(answer)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const ONE: Fingerprint = [1; 32];

    fn begin<'a>(answers: &'a Answers, operator: &str, key: &str, now: Instant) -> Option<Begun<'a>> {
        answers.begin(operator, key.to_owned(), ONE, now).ok()
    }

    fn answer(answers: &Answers, operator: &str, key: &str, text: &'static str, now: Instant) {
        let Some(Begun::First(ticket)) = begin(answers, operator, key, now) else { panic!("not the first") };
        ticket.keep(Bytes::from_static(text.as_bytes()), now);
    }

    fn is_first(answers: &Answers, operator: &str, key: &str, now: Instant) -> bool {
        matches!(begin(answers, operator, key, now), Some(Begun::First(_)))
    }

    #[test]
    fn an_answer_is_given_again_for_ten_minutes() {
        let (answers, now) = (Answers::default(), Instant::now());
        answer(&answers, "shop", "a", "first", now);
        let later = now + KEPT / 2;
        assert!(matches!(begin(&answers, "shop", "a", later), Some(Begun::Again(text)) if text == "first"));
        assert!(is_first(&answers, "game", "a", later), "keys are the operator's own");
        assert!(is_first(&answers, "shop", "b", later));
        let other = answers.begin("shop", "a".to_owned(), [2; 32], later).unwrap_err();
        assert_eq!(other.status_code(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(is_first(&answers, "shop", "a", now + KEPT));
        assert!(answers.lock().values().all(|own| own.bytes == 0 && own.by_key.is_empty()));
    }

    #[test]
    fn a_request_that_is_handled_is_a_conflict() {
        let (answers, now) = (Answers::default(), Instant::now());
        let first = begin(&answers, "shop", "a", now);
        let again = answers.begin("shop", "a".to_owned(), ONE, now + 2 * KEPT).unwrap_err();
        assert_eq!(again.status_code(), StatusCode::CONFLICT);
        drop(first);
        assert!(is_first(&answers, "shop", "a", now), "nothing was done, so it can be repeated");
    }

    #[test]
    fn answers_are_bounded_for_each_operator() {
        let (answers, now) = (Answers::default(), Instant::now());
        let text = "x".repeat(1024 * 1024).leak();
        let enough = (0..).take_while(|number| {
            let key = number.to_string();
            let is_first = is_first(&answers, "shop", &key, now);
            if is_first {
                answer(&answers, "shop", &key, text, now);
            }
            is_first
        });
        assert_eq!(enough.count(), 16);
        let refused = answers.begin("shop", "a".to_owned(), ONE, now).unwrap_err();
        assert_eq!(refused.status_code(), StatusCode::TOO_MANY_REQUESTS);
        assert!(is_first(&answers, "game", "a", now));
        assert!(is_first(&answers, "shop", "a", now + KEPT));
    }

    #[test]
    fn keys_are_strings_with_or_without_quotation_marks() {
        let read = |values: &[&str]| {
            let add = |request: TestRequest, value: &&str| request.append_header((KEY, *value));
            key(&values.iter().fold(TestRequest::default(), add).to_http_request())
        };
        assert_eq!(read(&[]).unwrap(), None);
        for good in ["a-1", "\"a-1\""] {
            assert_eq!(read(&[good]).unwrap().as_deref(), Some("a-1"));
        }
        for bad in [&[""][..], &["\"\""], &["two words"], &["a\"b"], &["a", "a"], &[&"x".repeat(129)]] {
            assert_eq!(read(bad).unwrap_err().status_code(), StatusCode::BAD_REQUEST, "{bad:?}");
        }
        assert_ne!(fingerprint("/a", b"b"), fingerprint("/ab", b""));
    }
}

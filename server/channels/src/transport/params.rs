//! What a client sends when it connects: the URL's parameters, and the token in the sub-protocol
//! header.

use std::borrow::Cow;

use actix_web::{
    HttpResponse,
    http::header::{HeaderMap, SEC_WEBSOCKET_PROTOCOL},
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use thiserror::Error;
use vestibule_phoenix::serializer::{Serializer, UnsupportedVersion};

/// The prefix of the token among the sub-protocols.
const TOKEN_PREFIX: &str = "base64url.bearer.phx.";

/// How many names the parameters may have. Each level of a nested parameter is a name: `a[b][]=1`
/// has three. A level becomes an object of several hundred bytes, for which a client sends three.
const MAX_NAMES: usize = 256;

/// How deep parameters may nest.
const MAX_DEPTH: usize = 32;

/// The query string is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum BadQuery {
    /// A name or value is not UTF-8.
    #[error("The parameters are not UTF-8.")]
    NotUtf8,
    /// There are too many names, or too many levels.
    #[error("The parameters have more than {MAX_NAMES} names, or nest more than {MAX_DEPTH} levels deep.")]
    TooMany,
}

impl BadQuery {
    pub(super) fn response(self) -> HttpResponse {
        HttpResponse::BadRequest().json(json!({ "reason": "bad_params", "detail": self.to_string() }))
    }
}

/// The parameters of a query string, nested as Plug nests them and phoenix.js writes them: `a[b]=1`
/// is an object in an object, `a[]=1` a list. Of several values for a name, the last one counts.
pub(super) fn parse_query(query: &str) -> Result<Map<String, Value>, BadQuery> {
    let mut params = Map::new();
    let mut names = 0;
    for (name, value) in pairs(query) {
        let (name, value) = (decode(name)?, decode(value)?);
        let depth = name.matches('[').count();
        names += 1 + depth;
        if names > MAX_NAMES || depth > MAX_DEPTH {
            return Err(BadQuery::TooMany);
        }
        let (first, rest) = name.split_once('[').unwrap_or((&name, ""));
        insert(&mut params, first, rest, value.into_owned());
    }
    Ok(params)
}

/// The value of one parameter that is not nested, found without building the others. The others
/// must still be UTF-8.
pub(super) fn find(query: &str, wanted: &str) -> Result<Option<String>, BadQuery> {
    pairs(query).try_fold(None, |found, (name, value)| {
        let (name, value) = (decode(name)?, decode(value)?);
        Ok(if name == wanted { Some(value.into_owned()) } else { found })
    })
}

/// Names and values, not decoded yet.
fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Copies only a text that must be decoded.
fn decode(text: &str) -> Result<Cow<'_, str>, BadQuery> {
    if !text.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return Ok(Cow::Borrowed(text));
    }
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8().map_err(|_| BadQuery::NotUtf8);
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| BadQuery::NotUtf8)?;
    Ok(Cow::Owned(decoded.into_owned()))
}

/// Puts `value` in the place that `name` and the brackets after it denote. `rest` is what follows
/// the first bracket.
fn insert(object: &mut Map<String, Value>, name: &str, rest: &str, value: String) {
    match rest.split_once(']') {
        None => {
            object.insert(name.to_owned(), Value::String(value));
        }
        Some(("", _)) => {
            let list = object.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            match list {
                Value::Array(list) => list.push(Value::String(value)),
                other => *other = Value::Array(vec![Value::String(value)]),
            }
        }
        Some((inner, rest)) => {
            let entry = object.entry(name).or_insert_with(|| Value::Object(Map::new()));
            if !entry.is_object() {
                *entry = Value::Object(Map::new());
            }
            if let Value::Object(object) = entry {
                insert(object, inner, rest.strip_prefix('[').unwrap_or(rest), value);
            }
        }
    }
}

/// The serializer that the parameters ask for. A `vsn` that is not text matches none.
pub(super) fn serializer(params: &Map<String, Value>) -> Result<Serializer, UnsupportedVersion> {
    match params.get("vsn") {
        None => Serializer::negotiate(None),
        Some(Value::String(vsn)) => Serializer::negotiate(Some(vsn)),
        Some(_) => Err(UnsupportedVersion),
    }
}

/// The sub-protocols that a client offers, tokens among them.
fn offers(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|offer| !offer.is_empty())
}

/// The token that phoenix.js 1.8 sends beside the sub-protocol `phoenix`. If there are two, neither
/// counts, as in Phoenix.
pub(super) fn auth_token(headers: &HeaderMap) -> Option<String> {
    let mut tokens = offers(headers).filter_map(|offer| offer.strip_prefix(TOKEN_PREFIX));
    let token = tokens.next()?;
    if tokens.next().is_some() { None } else { decode_token(token) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoProtocol;

/// The first offered sub-protocol that is supported, if any is offered. Tokens are no offers. Where
/// nothing is supported, all offers are ignored.
pub(super) fn select_protocol<'a>(
    headers: &HeaderMap,
    supported: &[&'a str],
) -> Result<Option<&'a str>, NoProtocol> {
    let mut offers = offers(headers).filter(|offer| !offer.starts_with(TOKEN_PREFIX)).peekable();
    if supported.is_empty() || offers.peek().is_none() {
        return Ok(None);
    }
    let selected = offers.find_map(|offer| supported.iter().find(|supported| **supported == offer));
    selected.map(|protocol| Some(*protocol)).ok_or(NoProtocol)
}

/// Decodes a token in standard base64, whatever the prefix says, or in the URL-safe alphabet.
fn decode_token(token: &str) -> Option<String> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [alphabet::STANDARD, alphabet::URL_SAFE]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(token).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(protocols: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(protocols).unwrap());
        headers
    }

    fn token(protocols: &str) -> Option<String> {
        auth_token(&headers(protocols))
    }

    #[test]
    fn both_alphabets_with_and_without_padding() {
        for text in ["fn5+Pz8/", "fn5-Pz8_"] {
            assert_eq!(token(&format!("phoenix, {TOKEN_PREFIX}{text}")).as_deref(), Some("~~~???"), "{text}");
        }
        assert_eq!(token(&format!("{TOKEN_PREFIX}YQ")).as_deref(), Some("a"));
        assert_eq!(token(&format!("{TOKEN_PREFIX}YQ==")).as_deref(), Some("a"));
    }

    #[test]
    fn missing_double_and_broken_tokens_are_none() {
        assert_eq!(token("phoenix"), None);
        assert_eq!(token(&format!("{TOKEN_PREFIX}YQ, {TOKEN_PREFIX}Yg")), None);
        assert_eq!(token(&format!("{TOKEN_PREFIX}&")), None);
    }

    #[test]
    fn the_first_supported_offer_is_selected() {
        let select = |offer: &str, supported: &[&'static str]| select_protocol(&headers(offer), supported);
        assert_eq!(select("a, phoenix", &["phoenix"]), Ok(Some("phoenix")));
        assert_eq!(select("b, a", &["a", "b"]), Ok(Some("b")));
        assert_eq!(select("a", &["phoenix"]), Err(NoProtocol));
        assert_eq!(select("a", &[]), Ok(None));
        assert_eq!(select(&format!("{TOKEN_PREFIX}YQ"), &["phoenix"]), Ok(None), "a token is no offer");
        assert_eq!(select_protocol(&HeaderMap::new(), &["phoenix"]), Ok(None));
    }

    #[test]
    fn parameters_nest_and_the_last_one_counts() {
        let params = |query| Value::Object(parse_query(query).unwrap());
        assert_eq!(params("vsn=2.0.0&token=a&token=b%20c+d"), json!({ "vsn": "2.0.0", "token": "b c d" }));
        assert_eq!(params("a[b]=1&a%5Bc%5D=2&flag"), json!({ "a": { "b": "1", "c": "2" }, "flag": "" }));
        assert_eq!(params("l[]=x&l[]=y&a[b][c]=1"), json!({ "l": ["x", "y"], "a": { "b": { "c": "1" } } }));
        assert_eq!(params("a=1&a[b]=2"), json!({ "a": { "b": "2" } }));
        assert_eq!(params(""), json!({}));
        for query in ["x=%ff", "%ff=x", "x=+%ff"] {
            assert_eq!(parse_query(query), Err(BadQuery::NotUtf8), "{query}");
            assert_eq!(find(query, "y"), Err(BadQuery::NotUtf8), "{query}");
        }
    }

    #[test]
    fn the_number_of_names_is_bounded() {
        let flat = |count: usize| "a=&".repeat(count);
        let nested = |count: usize| "a[b][c]=&".repeat(count);
        for (query, is_good) in [
            (flat(MAX_NAMES), true),
            (flat(MAX_NAMES + 1), false),
            (nested(MAX_NAMES / 3), true),
            (nested(MAX_NAMES / 3 + 1), false),
        ] {
            assert_eq!(parse_query(&query).is_ok(), is_good, "{} bytes", query.len());
        }
    }

    #[test]
    fn the_depth_of_nesting_is_bounded() {
        for (depth, is_good) in [(MAX_DEPTH, true), (MAX_DEPTH + 1, false)] {
            for level in ["[a]", "%5Ba%5D"] {
                let query = format!("a{}=1", level.repeat(depth));
                assert_eq!(parse_query(&query).is_ok(), is_good, "{query}");
            }
        }
    }

    #[test]
    fn a_parameter_is_found_without_the_others() {
        for query in ["", "token", "token=a&token=b%20c+d", "t%6Fken=a", "token[]=a", "a[token]=a", "a=token"]
        {
            let among_all = parse_query(query).unwrap();
            let among_all = among_all.get("token").and_then(Value::as_str);
            assert_eq!(find(query, "token").unwrap().as_deref(), among_all, "{query}");
        }
    }

    #[test]
    fn a_vsn_that_is_not_text_is_refused() {
        assert_eq!(serializer(&parse_query("vsn[]=2.0.0").unwrap()), Err(UnsupportedVersion));
        assert_eq!(serializer(&parse_query("vsn=2.0.0").unwrap()), Ok(Serializer::V2));
        assert_eq!(serializer(&Map::new()), Ok(Serializer::V1));
    }
}

//! What a client says when it connects: the URL's parameters, and the token in the sub-protocol header.

use actix_web::http::header::{HeaderMap, SEC_WEBSOCKET_PROTOCOL};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use vestibule_protocol::serializer::{Serializer, UnsupportedVersion};

/// What stands before the token among the sub-protocols.
const TOKEN_PREFIX: &str = "base64url.bearer.phx.";

/// How deep parameters may nest; what is deeper is left out.
const MAX_DEPTH: usize = 32;

/// A query string whose text is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotUtf8;

/// The parameters of a query string, nested as Plug nests them and phoenix.js writes them: `a[b]=1` is an object in an
/// object, `a[]=1` a list. The last one of a name counts.
pub(super) fn parse_query(query: &str) -> Result<Map<String, Value>, NotUtf8> {
    let mut params = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        if name.matches('[').count() > MAX_DEPTH {
            continue;
        }
        let (first, rest) = name.split_once('[').unwrap_or((&name, ""));
        insert(&mut params, first, rest, value);
    }
    Ok(params)
}

fn decode(text: &str) -> Result<String, NotUtf8> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().map(String::from).map_err(|_| NotUtf8)
}

/// Puts `value` where `name` and the brackets behind it say. `rest` is what follows the first bracket.
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

/// The serializer that the parameters ask for. A `vsn` that is no text is none that there is.
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

/// The token that phoenix.js 1.8 sends beside the sub-protocol `phoenix`. With two of them, none counts, as in Phoenix.
pub(super) fn auth_token(headers: &HeaderMap) -> Option<String> {
    let mut tokens = offers(headers).filter_map(|offer| offer.strip_prefix(TOKEN_PREFIX));
    let token = tokens.next()?;
    if tokens.next().is_some() { None } else { decode_token(token) }
}

/// None of the offered sub-protocols is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoProtocol;

/// The first offered sub-protocol that is supported, if any is offered. Tokens are no offers, and where nothing is
/// supported nothing is looked at.
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

/// The token is in standard base64, whatever the prefix says; the URL-safe alphabet is taken too.
fn decode_token(token: &str) -> Option<String> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [alphabet::STANDARD, alphabet::URL_SAFE]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(token).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;
    use serde_json::json;

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
    fn none_two_or_broken_tokens_are_no_token() {
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
        assert_eq!(parse_query("x=%ff"), Err(NotUtf8));
    }

    #[test]
    fn a_vsn_that_is_no_text_is_refused() {
        assert_eq!(serializer(&parse_query("vsn[]=2.0.0").unwrap()), Err(UnsupportedVersion));
        assert_eq!(serializer(&parse_query("vsn=2.0.0").unwrap()), Ok(Serializer::V2));
        assert_eq!(serializer(&Map::new()), Ok(Serializer::V1));
    }
}

//! What a client says when it connects: the URL's parameters, and the token in the sub-protocol header.

use actix_web::http::header::{HeaderMap, SEC_WEBSOCKET_PROTOCOL};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Map, Value};

/// What stands before the token among the sub-protocols.
const TOKEN_PREFIX: &str = "base64url.bearer.phx.";

/// The parameters of a query string; the last one of a name counts.
pub(super) fn parse_query(query: &str) -> Map<String, Value> {
    let Ok(pairs) = actix_web::web::Query::<Vec<(String, String)>>::from_query(query) else {
        return Map::new();
    };
    pairs.into_inner().into_iter().map(|(name, value)| (name, Value::String(value))).collect()
}

/// The token that phoenix.js 1.8 sends beside the sub-protocol `phoenix`. With two of them, none counts, as in Phoenix.
pub(super) fn auth_token(headers: &HeaderMap) -> Option<String> {
    let mut tokens = headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|protocol| protocol.trim().strip_prefix(TOKEN_PREFIX));
    let token = tokens.next()?;
    if tokens.next().is_some() { None } else { decode_token(token) }
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

    fn token(header: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(header).unwrap());
        auth_token(&headers)
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
    fn the_last_parameter_of_a_name_counts() {
        let params = parse_query("vsn=2.0.0&token=a&token=b%20c");
        assert_eq!(params["token"], "b c");
        assert_eq!(params["vsn"], "2.0.0");
    }
}

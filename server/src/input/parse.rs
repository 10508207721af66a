//! Parses JSON documents and URL parameters.

use serde::de::DeserializeOwned;
use vestibule_approve::fields::Object;

use super::{
    document::Document,
    kind,
    sentence::{Fault, Part},
};

/// Reads a JSON object.
pub fn json<T: DeserializeOwned>(text: &str, document: Document) -> Result<T, Fault> {
    // Valid input, nearly all of it, is parsed without tracking the path.
    let read: Result<Object<T>, _> = serde_json::from_str(text);
    read.map(|object| object.0).map_err(|_| why_not::<T>(text, document))
}

/// Parses it again, to find the path of the error.
fn why_not<T: DeserializeOwned>(text: &str, document: Document) -> Fault {
    let Some(root) = kind::of(text) else { return Fault::no_json(document) };
    if root != kind::OBJECT {
        return Fault::no_object(root, document);
    }
    match serde_path_to_error::deserialize::<_, Object<T>>(&mut serde_json::Deserializer::from_str(text)) {
        Err(error) => Fault::of_json(error.path(), &error.inner().to_string(), text),
        Ok(_) => Fault::no_json(document),
    }
}

/// Reads the parameters of a URL.
pub fn query<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    let parameters = || serde_urlencoded::Deserializer::new(form_urlencoded::parse(text.as_bytes()));
    serde_path_to_error::deserialize(parameters())
        .map_err(|error| Fault::of_text(error.path(), &error.inner().to_string(), Part::Parameter))
}

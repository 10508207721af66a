//! What clients and operators send, read; and what is wrong with it, as a sentence that names the field.
//!
//! [`json`] and [`query`] read texts, [`Body`] and [`Query`] requests. Nothing that was sent is quoted but the names of
//! fields that are known here: a value may be a secret, and is the sender's own in any case.

mod extract;
mod kind;
mod sentence;

use serde::de::DeserializeOwned;
use vestibule_approve::fields::Object;

use self::sentence::Part;
pub use self::{
    extract::{Body, Query, Unread},
    sentence::Fault,
};

/// Where a text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The payload of a channel's message.
    Payload,
    /// The body of a request.
    Body,
}

impl Place {
    fn noun(self) -> &'static str {
        match self {
            Place::Payload => "payload",
            Place::Body => "body",
        }
    }
}

/// Reads a JSON object.
pub fn json<T: DeserializeOwned>(text: &str, place: Place) -> Result<T, Fault> {
    // What is right, which is nearly all, is read without looking where in it one is.
    let read: Result<Object<T>, _> = serde_json::from_str(text);
    read.map(|object| object.0).map_err(|_| why_not::<T>(text, place))
}

/// Reads it again, for the place of what is wrong.
fn why_not<T: DeserializeOwned>(text: &str, place: Place) -> Fault {
    let Some(root) = kind::of(text) else { return Fault::no_json(place) };
    if root != kind::OBJECT {
        return Fault::no_object(root, place);
    }
    match serde_path_to_error::deserialize::<_, Object<T>>(&mut serde_json::Deserializer::from_str(text)) {
        Err(error) => Fault::of_json(error.path(), &error.inner().to_string(), text),
        Ok(_) => Fault::no_json(place),
    }
}

/// Reads the parameters of a URL.
pub fn query<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    let parameters = || serde_urlencoded::Deserializer::new(form_urlencoded::parse(text.as_bytes()));
    serde_path_to_error::deserialize(parameters())
        .map_err(|error| Fault::of_text(error.path(), &error.inner().to_string(), Part::Parameter))
}

#[cfg(test)]
mod tests;

//! Extractors for bodies and parameters of requests. They differ from `actix_web::web::Json` and
//! `Query` in their errors.

use std::marker::PhantomData;

use actix_web::{Error, FromRequest, HttpRequest, dev::Payload, error::JsonPayloadError, web};
use futures_util::future::{LocalBoxFuture, Ready, ready};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use thiserror::Error as ThisError;

use super::{
    document::Document,
    parse::{json, query},
    sentence::Fault,
};

/// A JSON body. `E` is the endpoint's error; `web::JsonConfig` limits the size.
pub struct Body<T, E>(T, PhantomData<E>);

/// The parameters of the URL. `E` is the endpoint's error.
pub struct Query<T, E>(T, PhantomData<E>);

/// Why an input was refused, as a sentence.
#[derive(Debug, ThisError)]
pub enum InputError {
    /// The body is too large.
    #[error("The body is too large.")]
    TooLarge,
    /// The content type is not JSON.
    #[error("The body must be JSON, with the content type application/json.")]
    ContentType,
    /// The body is incomplete or cannot be decoded.
    #[error("The body is incomplete or cannot be decoded.")]
    Broken,
    /// The body is not what the endpoint expects.
    #[error("{0}")]
    Body(Fault),
    /// The parameters are not what the endpoint expects.
    #[error("{0}")]
    Query(Fault),
}

impl<T, E> Body<T, E> {
    /// The parsed body.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T, E> Query<T, E> {
    /// The parsed parameters.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: DeserializeOwned, E: From<InputError> + Into<Error> + 'static> FromRequest for Body<T, E> {
    type Error = E;
    type Future = LocalBoxFuture<'static, Result<Self, E>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let text = web::Json::<Box<RawValue>>::from_request(request, payload);
        Box::pin(async move {
            let text = text.await.map_err(|error| InputError::of(&error))?;
            let read = json(text.get(), Document::Body).map_err(InputError::Body)?;
            Ok(Self(read, PhantomData))
        })
    }
}

impl<T: DeserializeOwned, E: From<InputError> + Into<Error> + 'static> FromRequest for Query<T, E> {
    type Error = E;
    type Future = Ready<Result<Self, E>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = query(request.query_string()).map_err(|fault| InputError::Query(fault).into());
        ready(read.map(|read| Self(read, PhantomData)))
    }
}

impl InputError {
    fn of(error: &Error) -> Self {
        match error.as_error() {
            Some(JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. }) => {
                Self::TooLarge
            }
            Some(JsonPayloadError::ContentType) => Self::ContentType,
            Some(JsonPayloadError::Deserialize(_)) => Self::Body(Fault::no_json(Document::Body)),
            _ => Self::Broken,
        }
    }
}

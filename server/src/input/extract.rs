//! Bodies and parameters of requests. As `actix_web::web::Json` and `Query`, but for what they say of what is wrong.

use std::marker::PhantomData;

use actix_web::{Error, FromRequest, HttpRequest, dev::Payload, error::JsonPayloadError, web};
use futures_util::future::{LocalBoxFuture, Ready, ready};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use thiserror::Error as ThisError;

use super::{Fault, Place, json, query};

/// A body of JSON. `E` is how the endpoint refuses; how large a body may be, `web::JsonConfig` says.
pub struct Body<T, E>(T, PhantomData<E>);

/// The parameters of the URL. `E` is how the endpoint refuses.
pub struct Query<T, E>(T, PhantomData<E>);

/// Why there is none, in a sentence.
#[derive(Debug, ThisError)]
pub enum Unread {
    /// The body is larger than it may be.
    #[error("The body is too large.")]
    TooLarge,
    /// The body is said to be something else.
    #[error("The body must be JSON, with the content type application/json.")]
    ContentType,
    /// The body has not come.
    #[error("The body is incomplete or cannot be decoded.")]
    Broken,
    /// The body says something else.
    #[error("{0}")]
    Body(Fault),
    /// The parameters say something else.
    #[error("{0}")]
    Query(Fault),
}

impl<T, E> Body<T, E> {
    /// What was sent.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T, E> Query<T, E> {
    /// What was asked.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: DeserializeOwned, E: From<Unread> + Into<Error> + 'static> FromRequest for Body<T, E> {
    type Error = E;
    type Future = LocalBoxFuture<'static, Result<Self, E>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let text = web::Json::<Box<RawValue>>::from_request(request, payload);
        Box::pin(async move {
            let text = text.await.map_err(|error| Unread::of(&error))?;
            let read = json(text.get(), Place::Body).map_err(Unread::Body)?;
            Ok(Self(read, PhantomData))
        })
    }
}

impl<T: DeserializeOwned, E: From<Unread> + Into<Error> + 'static> FromRequest for Query<T, E> {
    type Error = E;
    type Future = Ready<Result<Self, E>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = query(request.query_string()).map_err(|fault| Unread::Query(fault).into());
        ready(read.map(|read| Self(read, PhantomData)))
    }
}

impl Unread {
    fn of(error: &Error) -> Self {
        match error.as_error() {
            Some(JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. }) => {
                Self::TooLarge
            }
            Some(JsonPayloadError::ContentType) => Self::ContentType,
            Some(JsonPayloadError::Deserialize(_)) => Self::Body(Fault::no_json(Place::Body)),
            _ => Self::Broken,
        }
    }
}

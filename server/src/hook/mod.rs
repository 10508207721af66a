//! The auth hook: the team's own back end decides who somebody is, and who may join a topic.
//!
//! The server asks by HTTP POST, and signs what it asks. `question` is what it asks and `verdict`
//! what it is answered, `signature` the signature, and `gate` bounds how much is asked of a back
//! end that is slow or dead. Without a valid answer nobody gets in; those who are in stay.

mod gate;
mod metrics;
mod question;
mod signature;
mod verdict;

use std::time::{Duration, Instant};

use actix_web::http::{Method, header};
use bytes::Bytes;
use thiserror::Error;
use vestibule_store::Clock;

use self::{
    gate::{Closed, Gate},
    metrics::Outcome,
};
pub use self::{
    metrics::HookMetrics,
    question::{Connecting, Joining, Question},
    signature::{HookSecretError, HookSecrets},
    verdict::{Denied, Pass, Verdict},
};
use crate::{
    login::Login,
    outgoing::{Address, NoAnswer, Outgoing, Request},
};

/// The largest answer, in bytes. A reply to a join goes to the client as it is.
const MAX_ANSWER: usize = 16 * 1024;

/// Where the back end is, and how much it may be asked.
#[derive(Clone, Debug)]
pub struct HookSettings {
    /// Where questions go.
    pub address: Address,
    /// How long one may take; it may wait as long before that.
    pub timeout: Duration,
    /// How many may be under way at once.
    pub concurrency: usize,
}

/// Asks the team's back end.
pub struct AuthHook {
    settings: HookSettings,
    secrets: HookSecrets,
    gate: Gate,
    outgoing: Outgoing,
    metrics: HookMetrics,
    clock: Clock,
}

/// There is no valid answer. The log says why; the client can only try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

/// Why a question has failed.
#[derive(Debug, Error)]
enum Failure {
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error("the status is {0}, expected 200")]
    Status(u16),
    #[error("the answer is not as documented")]
    Invalid,
}

impl Failure {
    /// Whether the back end is to be left alone for a while. An answer that is merely invalid may
    /// be due to what a client has sent, and strangers must not be able to shut others out.
    fn is_out_of_order(&self) -> bool {
        match self {
            Self::NoAnswer(NoAnswer::TooLate(_) | NoAnswer::Failed(_)) => true,
            Self::NoAnswer(_) | Self::Invalid => false,
            Self::Status(status) => *status >= 500 || *status == 429,
        }
    }
}

impl AuthHook {
    /// A hook that goes by `clock`.
    pub fn new(
        settings: HookSettings,
        secrets: HookSecrets,
        outgoing: Outgoing,
        metrics: HookMetrics,
        clock: Clock,
    ) -> Self {
        if settings.address.is_exposed() {
            let address = tracing::field::display(&settings.address);
            tracing::warn!(address, "the auth hook is asked without TLS: whoever is between can answer");
        }
        let gate = Gate::new(settings.concurrency, settings.timeout);
        Self { settings, secrets, gate, outgoing, metrics, clock }
    }

    /// Asks whose token this is.
    pub async fn connect(&self, connecting: &Connecting) -> Result<Verdict<Login>, Unavailable> {
        self.ask(&Question::Connect(connecting), verdict::login).await
    }

    /// Asks whether somebody may join.
    pub async fn join(&self, joining: Joining<'_>) -> Result<Verdict<Pass>, Unavailable> {
        self.ask(&Question::Join(joining), verdict::pass).await
    }

    async fn ask<T>(
        &self,
        question: &Question<'_>,
        read: impl Fn(&[u8], i64) -> Option<Verdict<T>>,
    ) -> Result<Verdict<T>, Unavailable> {
        let body = serde_json::to_vec(question).expect("a question is JSON");
        let asking = async {
            let begun = Instant::now();
            let answered = self.post(body.into()).await;
            self.metrics.took(begun.elapsed());
            match answered? {
                Some(body) => read(&body, self.clock.now_ms()).ok_or(Failure::Invalid),
                None => Ok(Err(Denied::unauthorized())),
            }
        };
        let answered = self.gate.pass(asking, Failure::is_out_of_order).await;
        self.metrics.count(outcome(&answered));
        answered.map_err(|closed| {
            match closed {
                Closed::Failed(error) => tracing::warn!(%error, "the auth hook has failed"),
                Closed::Pausing => tracing::debug!("the auth hook is not asked: it has failed before"),
                Closed::Busy => tracing::warn!("the auth hook is not asked: too many questions wait"),
            }
            Unavailable
        })
    }

    /// The body of the answer; `None` for a no in HTTP's own words.
    async fn post(&self, body: Bytes) -> Result<Option<Bytes>, Failure> {
        let signed = self.secrets.headers(self.clock.now_ms() / 1000, &body);
        let json = (header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        let answer = self.outgoing.send(Request {
            method: Method::POST,
            to: self.settings.address.clone(),
            headers: signed.into_iter().chain([json]).collect(),
            body,
            within: self.settings.timeout,
            max_answer: MAX_ANSWER,
        });
        let answer = answer.await?;
        match answer.status.as_u16() {
            200 => Ok(Some(answer.body)),
            401 | 403 => Ok(None),
            other => Err(Failure::Status(other)),
        }
    }
}

fn outcome<T>(answered: &Result<Verdict<T>, Closed<Failure>>) -> Outcome {
    match answered {
        Ok(Ok(_)) => Outcome::Allowed,
        Ok(Err(_)) => Outcome::Denied,
        Err(Closed::Failed(_)) => Outcome::Failed,
        Err(Closed::Pausing) => Outcome::Pausing,
        Err(Closed::Busy) => Outcome::Busy,
    }
}

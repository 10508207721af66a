//! What the back end answers.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::login::{FOREVER, Grants, Login, Right, Shown, is_account};

/// The longest reason, in bytes.
const MAX_REASON: usize = 256;

/// The longest time that an answer may hold, in seconds: a hundred years.
const MAX_SECONDS: i64 = 100 * 365 * 24 * 3600;

/// The reason where none is given.
const UNAUTHORIZED: &str = "unauthorized";

/// An answer: yes with what belongs to it, or no and why.
pub type Verdict<T> = Result<T, Denied>;

/// A no, with the reason that the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied(pub Box<str>);

impl Denied {
    /// A no of the server's own.
    pub fn unauthorized() -> Self {
        Self(UNAUTHORIZED.into())
    }
}

/// A yes to a join.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    /// What the client may do in the topic, beside reading.
    pub rights: Vec<Right>,
    /// What the reply to the join says.
    pub reply: Map<String, Value>,
    /// When it ends, in Unix milliseconds.
    pub expires: i64,
}

/// What every answer has.
#[derive(Deserialize)]
struct Answer<T> {
    allow: bool,
    reason: Option<String>,
    expires_in: Option<i64>,
    #[serde(flatten)]
    others: T,
}

#[derive(Deserialize)]
struct OfConnect {
    account: Option<String>,
    topics: Option<Value>,
    presence_meta: Option<Value>,
}

#[derive(Deserialize)]
struct OfJoin {
    rights: Option<Vec<Right>>,
    #[serde(default)]
    reply: Map<String, Value>,
}

/// Reads the answer to a connect: a login. `None` if it is no such answer.
pub(super) fn login(body: &[u8], now: i64) -> Option<Verdict<Login>> {
    let (OfConnect { account, topics, presence_meta }, expires) = match read(body, now)? {
        Ok(yes) => yes,
        Err(no) => return Some(Err(no)),
    };
    let account = account.filter(|account| is_account(account))?;
    let grants = topics.map_or_else(|| Some(Grants::default()), Grants::of)?;
    let shown = Shown::of(presence_meta)?;
    Some(Ok(Login { account, grants, shown, expires }))
}

/// Reads the answer to a join. `None` if it is no such answer.
pub(super) fn pass(body: &[u8], now: i64) -> Option<Verdict<Pass>> {
    let all = || vec![Right::Publish, Right::Presence];
    let verdict = read::<OfJoin>(body, now)?;
    Some(verdict.map(|(OfJoin { rights, reply }, expires)| Pass {
        rights: rights.unwrap_or_else(all),
        reply,
        expires,
    }))
}

/// What a yes says, and when it ends; or the no.
fn read<'de, T: Deserialize<'de>>(body: &'de [u8], now: i64) -> Option<Verdict<(T, i64)>> {
    let Answer { allow, reason, expires_in, others } = serde_json::from_slice::<Answer<T>>(body).ok()?;
    if !allow {
        let denied = reason.map_or_else(Denied::unauthorized, |reason| Denied(reason.into()));
        return (denied.0.len() <= MAX_REASON).then_some(Err(denied));
    }
    let expires = match expires_in {
        None => FOREVER,
        Some(seconds @ 1..=MAX_SECONDS) => now.saturating_add(seconds * 1000),
        Some(_) => return None,
    };
    Some(Ok((others, expires)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_yes_to_a_connect_names_the_account() {
        let yes = json!({ "allow": true, "account": "alice", "topics": ["chat:*"], "expires_in": 60 });
        let login = login(yes.to_string().as_bytes(), 1000).unwrap().unwrap();
        assert_eq!((login.account.as_str(), login.expires), ("alice", 61_000));
        assert!(login.grants.allow("chat:1", Right::Join) && !login.grants.allow("x", Right::Join));
    }

    #[test]
    fn a_yes_to_a_join_may_limit_rights() {
        let read = |answer: Value| pass(answer.to_string().as_bytes(), 0).unwrap().unwrap();
        let all = vec![Right::Publish, Right::Presence];
        let plain = Pass { rights: all, reply: Map::new(), expires: FOREVER };
        assert_eq!(read(json!({ "allow": true })), plain);
        let limited = read(json!({ "allow": true, "rights": ["presence"], "reply": { "color": "red" } }));
        assert_eq!(limited.rights, [Right::Presence]);
        assert_eq!(Value::from(limited.reply), json!({ "color": "red" }));
    }

    #[test]
    fn a_no_has_a_reason() {
        let no = |answer: Value| pass(answer.to_string().as_bytes(), 0).unwrap().unwrap_err().0;
        assert_eq!(&*no(json!({ "allow": false })), "unauthorized");
        assert_eq!(&*no(json!({ "allow": false, "reason": "banned" })), "banned");
    }

    #[test]
    fn whatever_else_is_no_answer() {
        let long = "x".repeat(MAX_REASON + 1);
        for answer in [
            json!({}),
            json!([]),
            json!({ "allow": "yes" }),
            json!({ "allow": 1 }),
            json!({ "allow": false, "reason": long }),
            json!({ "allow": true, "rights": ["admin"] }),
            json!({ "allow": true, "reply": "hello" }),
            json!({ "allow": true, "expires_in": 0 }),
            json!({ "allow": true, "expires_in": -1 }),
            json!({ "allow": true, "expires_in": MAX_SECONDS + 1 }),
        ] {
            assert_eq!(pass(answer.to_string().as_bytes(), 0), None, "{answer}");
        }
        for answer in [
            json!({ "allow": true }),
            json!({ "allow": true, "account": "" }),
            json!({ "allow": true, "account": "x".repeat(257) }),
            json!({ "allow": true, "account": "a", "topics": ["room:*"] }),
            json!({ "allow": true, "account": "a", "presence_meta": "Alice" }),
        ] {
            assert_eq!(login(answer.to_string().as_bytes(), 0), None, "{answer}");
        }
        assert_eq!(pass(b"<html>", 0), None);
    }
}

//! Recordings of a real client: what phoenix.js and the recorded server said to each other.
//!
//! Such a recording lists the two directions separately, so only cause and effect tell how they
//! interleave: before the client sends again, it must have received the answers to what it has
//! sent. How long it waited is unknown, and not replayed. How a long poll spreads messages over
//! responses is a matter of timing, so only their order is compared.

mod longpoll;
mod websocket;

use serde_json::Value;

use super::super::fields::{Fields, list};
use super::super::model::{Action, FIRST_CONNECTION, Step, Transcript};

pub(super) fn recording(scenario: &str, mut fields: Fields) -> Result<Transcript, String> {
    // The output of the program that used the client: it is about the client, which does not run
    // here.
    for key in ["client", "client_log", "stderr"] {
        fields.required(key)?;
    }
    let connections = list(fields.required("connections")?)?;
    fields.done()?;
    let steps = match <[Value; 1]>::try_from(connections) {
        Ok([connection]) => websocket::steps(connection)?,
        Err(connections) => longpoll::steps(connections)?,
    };
    if steps.is_empty() {
        return Err(format!("nothing to replay in {scenario}"));
    }
    Ok(Transcript { steps })
}

fn step(action: Action, source: String) -> Step {
    Step { connection: FIRST_CONNECTION.to_owned(), action, source }
}

/// Splits `METHOD target HTTP/1.1` into method, path and query.
fn request_line(line: &str) -> Result<(String, String, String), String> {
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(format!("no request line: {line:?}"));
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok((method.to_owned(), path.to_owned(), query.to_owned()))
}

/// For each of the client's messages, up to which of the server's messages it waited: up to the
/// reply, or, without one, until the reply to another message came. `sent` holds the refs of each
/// client message; `replies` holds the ref that each server message replies to.
fn waited_for(sent: &[Vec<Value>], replies: &[Option<Value>]) -> Vec<usize> {
    let mut heard = 0;
    let mut waited = Vec::new();
    for refs in sent {
        let last = (heard..replies.len())
            .rev()
            .find(|index| replies[*index].as_ref().is_some_and(|reply| refs.contains(reply)));
        heard = match last {
            Some(last) => last + 1,
            None => heard + replies[heard..].iter().take_while(|reply| reply.is_none()).count(),
        };
        waited.push(heard);
    }
    waited
}

/// The ref of a message of protocol 2.0.0.
fn reference(message: &Value) -> Value {
    message[1].clone()
}

/// The ref that a message of the server replies to.
fn replied(message: &Value) -> Option<Value> {
    (message[3] == "phx_reply").then(|| reference(message))
}

/// The ref of a binary message: kind, lengths, join ref, ref.
fn binary_reference(message: &[u8]) -> Option<Value> {
    let (join_ref, reference) = (usize::from(*message.get(1)?), usize::from(*message.get(2)?));
    let texts = message.get(5..)?;
    std::str::from_utf8(texts.get(join_ref..join_ref + reference)?).ok().map(Value::from)
}

/// The kind of a binary message that is a reply.
const REPLY: u8 = 1;

/// Replaces `<name>` with placeholders: the first remembers any string, later ones must be the
/// same.
fn with_placeholders(value: Value, known: &mut Vec<String>) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix('<').and_then(|text| text.strip_suffix('>')) {
            Some(name) if known.iter().any(|known| known == name) => serde_json::json!({ "$same": name }),
            Some(name) => {
                known.push(name.to_owned());
                serde_json::json!({ "$any": "string", "$as": name })
            }
            None => Value::String(text),
        },
        Value::Array(items) => items.into_iter().map(|item| with_placeholders(item, known)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(key, value)| (key, with_placeholders(value, known))).collect()
        }
        other => other,
    }
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("no JSON: {text:?} ({error})"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{binary_reference, waited_for};

    #[test]
    fn a_client_waits_for_its_reply_or_for_earlier_frames() {
        let sent: Vec<Vec<Value>> = ["1", "2", "3"].map(|reference| vec![json!(reference)]).into();
        let shout_reply_push_reply = [None, Some(json!("1")), None, None, Some(json!("3")), None];
        assert_eq!(waited_for(&sent, &shout_reply_push_reply), [2, 4, 5]);
        assert_eq!(waited_for(&[vec![json!("1"), json!("3")]], &shout_reply_push_reply), [5]);
    }

    #[test]
    fn refs_of_binary_pushes_and_replies_are_read() {
        assert_eq!(binary_reference(b"\x00\x01\x02\x01\x01512te!"), Some(json!("12")));
        assert_eq!(binary_reference(b"\x01\x01\x02\x01\x02512tok"), Some(json!("12")));
        assert_eq!(binary_reference(b"\x00\x01\x02\x01\x015"), None);
    }
}

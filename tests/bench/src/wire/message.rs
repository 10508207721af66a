//! Phoenix's V2 messages: `[join_ref, ref, topic, event, payload]`.

/// A message's parts, each as it stands in the text: strings with their quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The ref of the join that it belongs to, or `null`.
    pub join_ref: &'a [u8],
    /// The ref that a reply repeats, or `null`.
    pub reference: &'a [u8],
    /// The topic.
    pub topic: &'a [u8],
    /// The event.
    pub event: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Splits a message that has no space and no escape before its payload, as those of the load
    /// generator and the answers to them.
    pub fn split(text: &'a [u8]) -> Option<Self> {
        let mut rest = text.strip_prefix(b"[")?.strip_suffix(b"]")?;
        let mut part = || {
            let comma = rest.iter().position(|byte| *byte == b',')?;
            let (part, behind) = rest.split_at(comma);
            rest = &behind[1..];
            Some(part)
        };
        let (join_ref, reference, topic, event) = (part()?, part()?, part()?, part()?);
        Some(Self { join_ref, reference, topic, event, payload: rest })
    }
}

/// The text of a message. `join` is the number of the join that it belongs to.
pub fn text(join: Option<u64>, reference: u64, topic: &str, event: &str, payload: &str) -> String {
    match join {
        Some(join) => format!(r#"["{join}","{reference}","{topic}","{event}",{payload}]"#),
        None => format!(r#"[null,"{reference}","{topic}","{event}",{payload}]"#),
    }
}

/// A payload that has this number and altogether this many bytes, or as many as it needs.
pub fn numbered(number: u64, length: usize) -> String {
    let empty = format!(r#"{{"n":{number},"pad":""}}"#);
    let pad = "x".repeat(length.saturating_sub(empty.len()));
    format!(r#"{{"n":{number},"pad":"{pad}"}}"#)
}

/// The number in a payload of [`numbered`], alone or within a reply.
pub fn number(payload: &[u8]) -> Option<u64> {
    const KEY: &[u8] = b"\"n\":";
    let start = payload.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    digits(&payload[start..])
}

/// The number in a ref, which is in quotes.
pub fn reference(reference: &[u8]) -> Option<u64> {
    digits(reference.strip_prefix(b"\"")?)
}

/// The number that these bytes begin with.
fn digits(bytes: &[u8]) -> Option<u64> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    let mut number = None;
    for digit in digits {
        number = Some(number.unwrap_or(0) * 10 + u64::from(digit - b'0'));
    }
    number
}

#[cfg(test)]
mod tests {
    use super::{Parts, number, numbered, reference, text};

    #[test]
    fn a_message_is_split_into_its_parts() {
        let text = text(Some(1), 23, "room:1", "echo", r#"{"a":[1,2]}"#);
        let parts = Parts::split(text.as_bytes()).expect("a message");
        assert_eq!((parts.join_ref, parts.reference), (&b"\"1\""[..], &b"\"23\""[..]));
        assert_eq!((parts.topic, parts.event), (&b"\"room:1\""[..], &b"\"echo\""[..]));
        assert_eq!(parts.payload, br#"{"a":[1,2]}"#);
        assert_eq!(reference(parts.reference), Some(23));
        assert_eq!(reference(b"null"), None);
        assert_eq!(Parts::split(b"[1,2]"), None);
    }

    #[test]
    fn a_payload_keeps_its_number_and_length() {
        let payload = numbered(407, 100);
        assert_eq!((payload.len(), number(payload.as_bytes())), (100, Some(407)));
        assert_eq!(number(br#"{"status":"ok","response":{"n":5}}"#), Some(5));
        assert_eq!(number(b"{}"), None);
    }
}

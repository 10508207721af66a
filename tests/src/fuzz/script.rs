//! The target for whole scripts: a connection's state machine gets any sequence of frames, with
//! channels that decide as the bytes say.

use std::collections::{HashMap, HashSet};

use vestibule_phoenix::{
    message::FrameRef,
    serializer::Serializer,
    socket::{Action, JoinId, Socket},
};

const MAX_CHANNELS: usize = 3;

/// Each line is a frame. Its first byte says what the channels do: accept or refuse the join, and
/// whether to end the oldest join first.
///
/// # Panics
/// If a promise is broken.
pub fn script(bytes: &[u8]) {
    let mut socket = Socket::new(MAX_CHANNELS);
    let mut joined: HashMap<JoinId, String> = HashMap::new();
    let mut seen = HashSet::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some((choice, frame)) = line.split_first() else { continue };
        if choice & 1 == 1
            && let Some(oldest) = joined.keys().min().copied()
        {
            let topic = joined.remove(&oldest).expect("it was there");
            socket.ended(&topic, oldest);
        }
        let Ok(text) = std::str::from_utf8(frame) else { continue };
        let Ok(message) = Serializer::V2.decode(FrameRef::Text(text)) else { continue };
        let sent = message.clone().into_message();
        match socket.receive(&message.lent(), |topic| topic.starts_with("room:")) {
            Action::Reply(reply) => assert_eq!((reply.reference, reply.topic), (sent.reference, sent.topic)),
            Action::Join(join) => {
                assert!(seen.insert(join.id), "a join's name is used once");
                assert!(join.topic.starts_with("room:"), "only what is routed is joined");
                if let Some(old) = join.replaces {
                    assert_eq!(
                        joined.remove(&old).as_deref(),
                        Some(&*join.topic),
                        "the same topic's join is replaced"
                    );
                }
                assert!(joined.len() < MAX_CHANNELS, "no more channels than are allowed");
                assert!(!joined.values().any(|topic| *topic == *join.topic), "a topic is joined once");
                if choice & 2 == 2 {
                    joined.insert(join.id, join.topic.to_string());
                    socket.joined(join.topic, join.id, join.join_ref);
                }
            }
            Action::Push(id) | Action::Leave(id) => {
                assert!(joined.contains_key(&id), "only a joined channel is handed anything");
            }
            Action::Ignore => assert!(!sent.join_ref.is_null(), "a null join_ref is never stale"),
        }
    }
}

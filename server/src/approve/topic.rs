//! Topics by what they stand for, and the socket ids of users.

use std::{
    fmt::{self, Display, Formatter},
    str::FromStr,
};

use vestibule_approve::signed::{Rid, Uid};

/// A topic of the approve flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    /// `room:<rid>`
    Room(Rid),
    /// `user:<uid>`
    Inbox(Uid),
}

/// The topic names no room and no user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnknownTopic;

impl Display for Topic {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Topic::Room(rid) => write!(formatter, "room:{rid}"),
            Topic::Inbox(uid) => write!(formatter, "user:{uid}"),
        }
    }
}

impl FromStr for Topic {
    type Err = UnknownTopic;

    fn from_str(topic: &str) -> Result<Self, UnknownTopic> {
        match topic.split_once(':') {
            Some(("room", rid)) => rid.parse().map(Topic::Room).map_err(|_| UnknownTopic),
            Some(("user", uid)) => uid.parse().map(Topic::Inbox).map_err(|_| UnknownTopic),
            _ => Err(UnknownTopic),
        }
    }
}

/// The socket id of all connections of a user.
pub fn socket_id(uid: &Uid) -> String {
    Topic::Inbox(*uid).to_string()
}

/// The user of the connections with this socket id.
pub fn user_of(socket_id: &str) -> Option<Uid> {
    match socket_id.parse() {
        Ok(Topic::Inbox(uid)) => Some(uid),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_written_as_it_is_read() {
        let (rid, uid) = (Rid([1; 32]), Uid([2; 32]));
        for topic in [Topic::Room(rid), Topic::Inbox(uid)] {
            assert_eq!(topic.to_string().parse(), Ok(topic));
        }
        for bad in ["", "room", "room:", "room:x", &format!("other:{uid}"), &format!("user:{uid}x")] {
            assert_eq!(bad.parse::<Topic>(), Err(UnknownTopic), "{bad}");
        }
        assert_eq!(user_of(&socket_id(&uid)), Some(uid));
    }
}

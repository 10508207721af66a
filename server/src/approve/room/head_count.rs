//! How many are in a room. Members are listed to members, guests are only counted: there may be thousands, of whom no member
//! has to know more than that they are there.

use serde::Serialize;
use vestibule_channels::channel::{Context, SubscriberId};
use vestibule_phoenix::message::Payload;

use super::KeyRoom;

/// As what somebody in the room counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// As a guest.
    Guest,
    /// As a member, who has been shown what is stored.
    Member,
}

/// The push `presence_count`: connections, of which a user may have several.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct HeadCount {
    /// Members. More than are listed, where there are more than fit a list.
    pub(super) members: usize,
    /// Guests.
    pub(super) guests: usize,
}

impl HeadCount {
    /// One more.
    pub(super) fn add(&mut self, standing: Standing) {
        *self.of(standing) += 1;
    }

    /// One less.
    pub(super) fn subtract(&mut self, standing: Standing) {
        *self.of(standing) -= 1;
    }

    fn of(&mut self, standing: Standing) -> &mut usize {
        match standing {
            Standing::Guest => &mut self.guests,
            Standing::Member => &mut self.members,
        }
    }
}

impl KeyRoom {
    /// Somebody counts as this from now on.
    pub(super) fn stands(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId, standing: Standing) {
        let Some(visitor) = self.visitors.get_mut(&who) else { return };
        if let Some(before) = visitor.standing.replace(standing) {
            self.head_count.subtract(before);
        }
        self.head_count.add(standing);
        self.tell_head_count(cx);
    }

    pub(super) fn tell_head_count(&self, cx: &mut Context<'_, Self>) {
        cx.count_presence(Payload::of(&self.head_count));
    }
}

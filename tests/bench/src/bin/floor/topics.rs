//! The topics: who is in each, and what waits to be sent to all of them.

use std::collections::HashMap;

use vestibule_bench::wire::frame;

use crate::connection::Place;

/// All topics. An empty one stays.
#[derive(Default)]
pub(crate) struct Topics {
    by_name: HashMap<Box<[u8]>, u32>,
    all: Vec<Topic>,
    /// The topics in which something waits.
    waiting: Vec<u32>,
}

#[derive(Default)]
struct Topic {
    subscribers: Vec<u32>,
    /// The frames of this turn.
    frames: Vec<u8>,
}

impl Topics {
    /// Adds a connection to a topic.
    pub(crate) fn join(&mut self, name: &[u8], connection: u32) -> Place {
        let known = self.by_name.get(name).copied();
        let topic = known.unwrap_or_else(|| {
            let number = u32::try_from(self.all.len()).expect("few topics");
            self.all.push(Topic::default());
            self.by_name.insert(name.into(), number);
            number
        });
        let subscribers = &mut self.all[topic as usize].subscribers;
        let index = u32::try_from(subscribers.len()).expect("few subscribers");
        subscribers.push(connection);
        Place { topic, index }
    }

    /// Removes a subscriber; returns the connection that now has its place, if one does.
    pub(crate) fn leave(&mut self, place: Place) -> Option<u32> {
        let subscribers = &mut self.all[place.topic as usize].subscribers;
        subscribers.swap_remove(place.index as usize);
        subscribers.get(place.index as usize).copied()
    }

    /// Has a message wait for all subscribers of a topic.
    pub(crate) fn shout(&mut self, topic: u32, message: &[&[u8]]) {
        let frames = &mut self.all[topic as usize].frames;
        if frames.is_empty() {
            self.waiting.push(topic);
        }
        frame::push(frames, frame::TEXT, message);
    }

    /// Hands out a topic's frames and its subscribers, until nothing waits.
    pub(crate) fn next_waiting(&mut self) -> Option<(Vec<u8>, &[u32])> {
        let topic = &mut self.all[self.waiting.pop()? as usize];
        Some((std::mem::take(&mut topic.frames), &topic.subscribers))
    }
}

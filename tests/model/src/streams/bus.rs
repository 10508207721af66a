//! The bus: carries published frames to all nodes.

use super::{
    state::{Event, Frame, World},
    variant::Bus,
};

impl World {
    /// Publishes a frame.
    pub(super) fn publish(&mut self, frame: Frame) {
        for node in 0..self.nodes.len() {
            match self.variant.bus {
                Bus::Local => self.after(0, Event::Arrive { node, frame }),
                Bus::ThroughRoom => {
                    let room = self.database.rows[frame.row].room;
                    let from = self.busy_until.get(&room).copied().unwrap_or_default().max(self.now);
                    let late = if self.random.chance(50) { 20_000 } else { 500 };
                    let at = from + self.random.between(10, late);
                    self.busy_until.insert(room, at);
                    self.after(at - self.now, Event::Arrive { node, frame });
                }
                Bus::Lossy => {
                    if self.random.chance(20) {
                        continue;
                    }
                    let late = if self.random.chance(333) { 4000 } else { 500 };
                    let delay = self.random.between(150, late);
                    self.after(delay, Event::Arrive { node, frame });
                }
            }
        }
    }

    /// Cuts a node's subscriptions for a while, again and again.
    pub(super) fn cut(&mut self, node: usize) {
        let (lasts, next) = (self.random.between(20_000, 500_000), self.random.between(900_000, 1_700_000));
        self.nodes[node].cut_until = self.now + lasts;
        if self.now + next < self.scope.lasts {
            self.after(next, Event::Cut { node });
        }
    }

    /// A frame comes to a node.
    pub(super) fn arrive(&mut self, node: usize, frame: Frame) {
        let is_deaf = self.now < self.nodes[node].cut_until;
        let place = self.nodes[node].places.get(&frame.stream);
        if !is_deaf && place.is_some_and(|place| place.is_confirmed) {
            self.offer(node, frame);
        }
    }
}

//! One member sends a burst, and healthy readers stay connected: only those are cut that had the
//! chance to read.

use std::time::Duration;

use serde_json::{Value, json};
use vestibule_approve::signed::Alg;
use vestibule_tests::{
    people::{Device, Person, Room},
    process::{Launch, Server},
    ws::{Frame, Received},
};

/// Several on each of the server's threads, so that some share the room's thread.
const READERS: usize = 12;

/// Members of one room, on a server with these settings.
struct Crowd {
    _server: Server,
    topic: String,
    speaker: Device,
    readers: Vec<Device>,
}

impl Crowd {
    fn gather(settings: &[(&str, &str)]) -> Self {
        let server = Server::start(Launch::vestibule().options(settings));
        let room = Room::new(Alg::Ed25519);
        let mut members: Vec<Device> =
            (0..=READERS).map(|_| Device::connect(server.address(), &Person::new(Alg::Ed25519))).collect();
        for member in &mut members {
            member.enter(&room);
        }
        for member in &mut members {
            member.fence(&room.topic());
        }
        let speaker = members.pop().expect("a member");
        Self { _server: server, topic: room.topic(), speaker, readers: members }
    }

    /// The speaker sends everything in one write, so that it is in the room's mailbox at once.
    fn say(&mut self, times: usize, bytes: usize) {
        let text = "x".repeat(bytes);
        let say = |number: usize| json!([null, number.to_string(), self.topic, "say", { "text": text }]);
        let frames: Vec<Frame> = (0..times).map(|number| Frame::text(&say(number).to_string())).collect();
        self.speaker.socket.send_together(&frames).expect("an open connection");
    }

    /// How each reader that did not receive everything was cut.
    fn cut(&mut self, times: usize) -> Vec<String> {
        self.readers.iter_mut().filter_map(|reader| hear(reader, times).err()).collect()
    }
}

/// Reads until this many messages have come.
fn hear(reader: &mut Device, times: usize) -> Result<(), String> {
    let mut heard = 0;
    while heard < times {
        match reader.socket.receive(Duration::from_secs(10)) {
            Ok(Received::Frame(frame)) => {
                let message: Value = serde_json::from_slice(&frame.payload).expect("JSON");
                heard += usize::from(message[3] == "say");
            }
            other => return Err(format!("after {heard} of {times}: {other:?}")),
        }
    }
    Ok(())
}

#[test]
fn a_burst_of_messages_disconnects_no_reading_client() {
    let mut crowd = Crowd::gather(&[("--max-outbox-frames", "32")]);
    crowd.say(100, 100);
    assert_eq!(crowd.cut(100), [""; 0], "of {READERS} healthy readers");
}

#[test]
fn a_burst_of_bytes_disconnects_no_reading_client() {
    let small = [("--max-message", "16KiB"), ("--max-outbox", "16KiB"), ("--max-ct", "4KiB")];
    let mut crowd = Crowd::gather(&small);
    crowd.say(10, 3000);
    assert_eq!(crowd.cut(10), [""; 0], "of {READERS} healthy readers");
}

//! People who use the server: their keys, their rooms, and the devices they connect with.
//!
//! Whatever they sign is built with the frames of `vestibule-approve`, whose fields are public: a
//! test makes a valid frame, alters it, signs it again or not, and sends it.

mod device;
mod key;
mod message;
mod person;
mod room;

use std::time::{SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom as _, SystemRandom};
use vestibule_approve::base64url::Fixed;

pub use device::{Device, PATIENCE};
pub use key::Key;
pub use message::{Message, Reply};
pub use person::Person;
pub use room::Room;

/// Ten minutes in milliseconds: an `exp` this far ahead does not pass during a test.
pub const TEN_MINUTES: i64 = 10 * 60 * 1000;

/// Random bytes, for ids and keys whose content does not matter.
///
/// # Panics
/// If the system has no random numbers.
pub fn random<const N: usize>() -> Fixed<N> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("random numbers");
    Fixed(bytes)
}

/// The time in Unix milliseconds.
///
/// # Panics
/// If the clock is before 1970.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(since.as_millis()).expect("a clock of this age")
}

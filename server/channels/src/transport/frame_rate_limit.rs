//! Limits the frames of one connection. A frame that comes too fast is refused, and then nothing is
//! read for a while.
//!
//! The pause protects the server: a client that floods finds its socket's buffers full, so its data
//! stays with it. The refusals tell a client that floods by mistake what is wrong.

use governor::{
    DefaultDirectRateLimiter, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use tokio::time::sleep;
use vestibule_phoenix::lent::MessageRef;

use super::{Limits, rate::RateLimited};
use crate::metrics::Limit;

/// One connection's rates. They take 80 bytes.
pub(super) struct FrameRateLimit {
    frames: DefaultDirectRateLimiter,
    joins: DefaultDirectRateLimiter,
}

impl FrameRateLimit {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            frames: RateLimiter::direct(limits.frames.quota()),
            joins: RateLimiter::direct(limits.joins.quota()),
        }
    }

    /// Lets one more frame through, if the rate allows it now.
    pub(super) fn has_room(&self) -> bool {
        check(&self.frames).is_ok()
    }

    /// Waits until the rate lets one more frame through.
    pub(super) async fn wait(&self) {
        while let Err(limited) = check(&self.frames) {
            sleep(limited.wait).await;
        }
    }

    /// Lets a message through, delays it, or refuses it.
    ///
    /// Heartbeats and leaves are delayed, never refused: a client without a reply to its heartbeat
    /// takes the connection for dead, and one that leaves is doing what it should.
    pub(super) fn admit(&self, message: &MessageRef<'_>) -> Admission {
        let event = message.event.as_text();
        if matches!(event, Some("heartbeat" | "phx_leave")) {
            return if self.has_room() { Admission::Yes } else { Admission::Later };
        }
        if let Err(limited) = check(&self.frames) {
            return Admission::Refused(Limit::Frames, limited);
        }
        if event == Some("phx_join")
            && let Err(limited) = check(&self.joins)
        {
            return Admission::Refused(Limit::Joins, limited);
        }
        Admission::Yes
    }
}

/// Whether a message may come in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It may.
    Yes,
    /// It may after [`FrameRateLimit::wait`].
    Later,
    /// It exceeds this limit. The caller must read nothing for the time that the refusal says.
    Refused(Limit, RateLimited),
}

fn check(limiter: &DefaultDirectRateLimiter) -> Result<(), RateLimited> {
    let now = || DefaultClock::default().now();
    limiter.check().map_err(|not_until| RateLimited { wait: not_until.wait_time_from(now()) })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use vestibule_phoenix::{
        lent::{PayloadRef, TermRef},
        message::Payload,
    };

    use super::*;
    use crate::transport::Rate;

    fn admit(pace: &FrameRateLimit, event: &str) -> Admission {
        pace.admit(&MessageRef {
            join_ref: TermRef::Null,
            reference: TermRef::Null,
            topic: TermRef::Text("t"),
            event: TermRef::Text(event),
            payload: PayloadRef::Kept(&Payload::empty()),
        })
    }

    /// Ten a second, so that a slow machine does not stay below the rate.
    fn pace() -> FrameRateLimit {
        let limits = Limits { frames: Rate::new(10, 3), joins: Rate::new(1, 1), ..Limits::default() };
        FrameRateLimit::new(&limits)
    }

    #[test]
    fn the_rates_take_80_bytes() {
        assert_eq!(size_of::<FrameRateLimit>(), 80);
    }

    #[actix_web::test]
    async fn frames_above_the_burst_are_refused_for_a_while() {
        let pace = pace();
        for _ in 0..3 {
            assert_eq!(admit(&pace, "e"), Admission::Yes);
        }
        let Admission::Refused(Limit::Frames, limited) = admit(&pace, "e") else { panic!() };
        assert!(limited.wait <= Duration::from_millis(100), "{limited:?}");
        sleep(limited.wait).await;
        assert_eq!(admit(&pace, "e"), Admission::Yes);
    }

    #[test]
    fn joins_have_a_rate_of_their_own() {
        let pace = pace();
        assert_eq!(admit(&pace, "phx_join"), Admission::Yes);
        let Admission::Refused(Limit::Joins, limited) = admit(&pace, "phx_join") else { panic!() };
        assert!(limited.wait > Duration::from_millis(500), "{limited:?}");
        assert_eq!(admit(&pace, "e"), Admission::Yes, "the third frame");
    }

    #[actix_web::test]
    async fn heartbeats_and_leaves_wait_for_their_turn() {
        let pace = pace();
        let start = Instant::now();
        for event in ["heartbeat", "phx_leave", "heartbeat", "phx_leave", "heartbeat"] {
            match admit(&pace, event) {
                Admission::Yes => {}
                Admission::Later => pace.wait().await,
                Admission::Refused(..) => panic!("{event}"),
            }
        }
        assert!(start.elapsed() > Duration::from_millis(190), "two had to wait");
    }
}

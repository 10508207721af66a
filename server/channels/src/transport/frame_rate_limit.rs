//! Limits the frames of one connection. A frame that comes too fast is refused, and then nothing is
//! read for a while.
//!
//! The pause protects the server: a client that floods finds its socket's buffers full, so its data
//! stays with it. The refusals tell a client that floods by mistake what is wrong.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use vestibule_phoenix::lent::MessageRef;

use super::{Limits, Rate, rate::RateLimited};
use crate::metrics::Limit;

/// One connection's rates. They take 64 bytes.
pub(super) struct FrameRateLimit {
    started: Instant,
    frames: Pace,
    joins: Pace,
}

impl FrameRateLimit {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { started: Instant::now(), frames: Pace::new(limits.frames), joins: Pace::new(limits.joins) }
    }

    /// Lets one more frame through, if the rate allows it at this time.
    pub(super) fn has_room(&mut self, now: Instant) -> bool {
        self.frames.admit(self.started, now).is_ok()
    }

    /// Waits until the rate lets one more frame through.
    pub(super) async fn wait(&mut self) {
        while let Err(limited) = self.frames.admit(self.started, Instant::now()) {
            sleep(limited.wait).await;
        }
    }

    /// Lets a message through that was read at this time, delays it, or refuses it.
    ///
    /// Heartbeats and leaves are delayed, never refused: a client without a reply to its heartbeat
    /// takes the connection for dead, and one that leaves is doing what it should.
    pub(super) fn admit(&mut self, message: &MessageRef<'_>, now: Instant) -> Admission {
        let event = message.event.as_text();
        if matches!(event, Some("heartbeat" | "phx_leave")) {
            return if self.has_room(now) { Admission::Yes } else { Admission::Later };
        }
        if let Err(limited) = self.frames.admit(self.started, now) {
            return Admission::Refused(Limit::Frames, limited);
        }
        if event == Some("phx_join")
            && let Err(limited) = self.joins.admit(self.started, now)
        {
            return Admission::Refused(Limit::Joins, limited);
        }
        Admission::Yes
    }
}

/// One rate, by the algorithm that governor has for it (GCRA), for one thread, and with the time
/// that the caller knows: a clock that is read for each message costs more than all of this.
struct Pace {
    /// The time of one, in nanoseconds.
    each: u64,
    /// The time of a burst, except its last one.
    burst: u64,
    /// When all that came will have had its time, in nanoseconds since the start.
    even: u64,
}

impl Pace {
    fn new(rate: Rate) -> Self {
        let quota = rate.quota();
        let each = nanos(quota.replenish_interval()).max(1);
        Self { each, burst: each.saturating_mul(u64::from(quota.burst_size().get() - 1)), even: 0 }
    }

    /// Lets one through, or tells how long it must wait.
    fn admit(&mut self, started: Instant, now: Instant) -> Result<(), RateLimited> {
        let now = nanos(now.saturating_duration_since(started));
        let earliest = self.even.saturating_sub(self.burst);
        if now < earliest {
            return Err(RateLimited { wait: Duration::from_nanos(earliest - now) });
        }
        self.even = self.even.max(now).saturating_add(self.each);
        Ok(())
    }
}

/// Nanoseconds, up to 584 years.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
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

#[cfg(test)]
mod tests {
    use governor::{
        NotUntil, RateLimiter,
        clock::{Clock as _, FakeRelativeClock},
    };
    use vestibule_phoenix::{
        lent::{PayloadRef, TermRef},
        message::Payload,
    };

    use super::*;
    use crate::transport::Rate;

    fn admit(pace: &mut FrameRateLimit, event: &str) -> Admission {
        let message = MessageRef {
            join_ref: TermRef::Null,
            reference: TermRef::Null,
            topic: TermRef::Text("t"),
            event: TermRef::Text(event),
            payload: PayloadRef::Kept(&Payload::empty()),
        };
        pace.admit(&message, Instant::now())
    }

    /// Ten a second, so that a slow machine does not stay below the rate.
    fn pace() -> FrameRateLimit {
        let limits = Limits { frames: Rate::new(10, 3), joins: Rate::new(1, 1), ..Limits::default() };
        FrameRateLimit::new(&limits)
    }

    #[test]
    fn the_rates_take_64_bytes() {
        assert_eq!(size_of::<FrameRateLimit>(), 64);
    }

    #[test]
    fn a_pace_is_governors() {
        let rates = [Rate::new(1, 1), Rate::new(10, 3), Rate::new(1999, 50), Rate::per_minute(7, 2)];
        for (seed, rate) in (0..).zip(rates) {
            let mut random = fastrand::Rng::with_seed(seed);
            let clock = FakeRelativeClock::default();
            let governor = RateLimiter::direct_with_clock(rate.quota(), clock.clone());
            let (mut pace, started) = (Pace::new(rate), Instant::now());
            let mut now = started;
            let mut refused = 0;
            for _ in 0..5000 {
                let often = nanos(rate.quota().replenish_interval());
                let most = [0, often / 2, often, 60 * often][random.usize(..4) * random.usize(..2)];
                let pause = Duration::from_nanos(random.u64(..=most));
                clock.advance(pause);
                now += pause;
                let wait = |until: NotUntil<_>| RateLimited { wait: until.wait_time_from(clock.now()) };
                let expected = governor.check().map_err(wait);
                refused += u32::from(expected.is_err());
                assert_eq!(pace.admit(started, now), expected);
            }
            assert!((10..5000).contains(&refused), "{refused} of {rate:?}");
        }
    }

    #[actix_web::test]
    async fn frames_above_the_burst_are_refused_for_a_while() {
        let mut pace = pace();
        for _ in 0..3 {
            assert_eq!(admit(&mut pace, "e"), Admission::Yes);
        }
        let Admission::Refused(Limit::Frames, limited) = admit(&mut pace, "e") else { panic!() };
        assert!(limited.wait <= Duration::from_millis(100), "{limited:?}");
        sleep(limited.wait).await;
        assert_eq!(admit(&mut pace, "e"), Admission::Yes);
    }

    #[test]
    fn joins_have_a_rate_of_their_own() {
        let mut pace = pace();
        assert_eq!(admit(&mut pace, "phx_join"), Admission::Yes);
        let Admission::Refused(Limit::Joins, limited) = admit(&mut pace, "phx_join") else { panic!() };
        assert!(limited.wait > Duration::from_millis(500), "{limited:?}");
        assert_eq!(admit(&mut pace, "e"), Admission::Yes, "the third frame");
    }

    #[actix_web::test]
    async fn heartbeats_and_leaves_wait_for_their_turn() {
        let mut pace = pace();
        let start = Instant::now();
        for event in ["heartbeat", "phx_leave", "heartbeat", "phx_leave", "heartbeat"] {
            match admit(&mut pace, event) {
                Admission::Yes => {}
                Admission::Later => pace.wait().await,
                Admission::Refused(..) => panic!("{event}"),
            }
        }
        assert!(start.elapsed() > Duration::from_millis(190), "two had to wait");
    }
}

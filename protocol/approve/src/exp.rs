//! Checks when a signed frame expires, by the server's clock. A refusal shows that clock, because a
//! device cannot tell by itself that its own is wrong.

use std::time::{Duration, UNIX_EPOCH};

use super::{
    limits::FieldLimits,
    refusal::{Reason, Refusal},
};

/// The last millisecond of the year 9999.
const LAST: i64 = 253_402_300_799_999;

/// Checks that a frame has not expired at `now`, and does not expire too late.
pub(super) fn check(exp: i64, limits: &FieldLimits, now: i64) -> Result<(), Refusal> {
    check_is_ahead(exp, now)?;
    if exp.saturating_sub(now) > limits.exp_ms {
        return Err(Reason::BadPayload.because(format!(
            "The exp lies more than {} ms (`limits.exp_ms`) ahead of the server's clock, {}: check this device's clock.",
            limits.exp_ms,
            time(now)
        )));
    }
    Ok(())
}

/// Checks that a frame has not expired.
pub(super) fn check_is_ahead(exp: i64, now: i64) -> Result<(), Refusal> {
    if exp > now {
        return Ok(());
    }
    Err(Reason::Expired.because(format!(
        "The exp lies before the server's clock, {}: check this device's clock.",
        time(now)
    )))
}

/// Formats a time in UTC (RFC 3339).
fn time(ms: i64) -> impl std::fmt::Display {
    let since_epoch = Duration::from_millis(ms.clamp(0, LAST).unsigned_abs());
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_733_134_567;

    fn refusal(exp: i64, now: i64) -> (Reason, String) {
        let Refusal { reason, detail, .. } = check(exp, &FieldLimits::default(), now).unwrap_err();
        (reason, detail.unwrap().into_owned())
    }

    #[test]
    fn a_refused_exp_is_told_the_servers_clock() {
        for exp in [NOW, NOW - 1, 0, i64::MIN] {
            let over =
                "The exp lies before the server's clock, 2026-11-26T22:45:34Z: check this device's clock.";
            assert_eq!(refusal(exp, NOW), (Reason::Expired, over.to_owned()), "{exp}");
        }
        let longest = NOW + FieldLimits::default().exp_ms;
        for exp in [longest + 1, i64::MAX] {
            let far = "The exp lies more than 2592000000 ms (`limits.exp_ms`) ahead of the server's clock, \
                2026-11-26T22:45:34Z: check this device's clock.";
            assert_eq!(refusal(exp, NOW), (Reason::BadPayload, far.to_owned()), "{exp}");
        }
        for exp in [NOW + 1, longest] {
            assert_eq!(check(exp, &FieldLimits::default(), NOW), Ok(()), "{exp}");
        }
    }

    #[test]
    fn a_far_off_clock_is_shown_too() {
        for (now, time) in [(i64::MAX, "9999-12-31T23:59:59Z"), (-1, "1970-01-01T00:00:00Z")] {
            assert!(refusal(i64::MIN, now).1.contains(time), "{now}");
        }
    }
}

//! Time: the one trait that reads a clock, and its form for people.
//!
//! Roles get a [`Clock`] as an argument and hand the decisions below them plain values. There
//! are two clocks because they answer two questions: the wall clock says *when* and may be set
//! back by anybody; the monotonic one says *how long*, and counts while the machine sleeps, as
//! leases and timeouts of other machines do.

use std::fmt::Debug;
use std::time::Duration;

use ffleet_types::{ParseError, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// Something that knows what time it is.
pub trait Clock: Send + Sync + Debug {
    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// Time since the machine started, time asleep included. It never goes backwards.
    fn monotonic(&self) -> Duration;
}

/// The kernel's clocks: `CLOCK_REALTIME` and `CLOCK_BOOTTIME`.
#[expect(clippy::module_name_repetitions, reason = "used as `SystemClock`, beside `ManualClock`")]
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = read(ClockId::Realtime);
        Timestamp::from_micros(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> Duration {
        read(ClockId::Boottime)
    }
}

/// A clock that stands before its epoch reads as zero.
fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

/// `2026-01-31T12:00:00.123Z`: RFC 3339 in UTC with milliseconds. What lies beyond the year 9999,
/// which that form cannot say, is written as its last moment.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    let moment = i64::try_from(time.as_micros())
        .ok()
        .and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok())
        .unwrap_or(jiff::Timestamp::MAX);
    format!("{moment:.3}")
}

/// `Sat, 31 Jan 2026 12:00:00 GMT`: the form of dates in HTTP (RFC 9110, 5.6.7). What lies beyond the year
/// 9999 is written as its last moment.
#[must_use]
pub fn http_date(time: Timestamp) -> String {
    let moment = i64::try_from(time.as_micros())
        .ok()
        .and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok())
        .unwrap_or(jiff::Timestamp::MAX);
    moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The time that a text in the form of RFC 3339 says, in any offset from UTC.
///
/// # Errors
///
/// If the text is not of that form, or lies before 1970.
pub fn parse_rfc3339(text: &str) -> Result<Timestamp, ParseError> {
    text.parse::<jiff::Timestamp>()
        .ok()
        .and_then(|moment| u64::try_from(moment.as_microsecond()).ok())
        .map(Timestamp::from_micros)
        .ok_or_else(|| {
            ParseError::new(text, "a time from 1970 on, such as 2026-01-31T12:00:00Z (RFC 3339)")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_has_a_form_of_its_own() {
        let time = Timestamp::from_millis(1_769_860_800_123);
        assert_eq!(http_date(time), "Sat, 31 Jan 2026 12:00:00 GMT");
    }

    #[test]
    fn time_survives_its_text_form() {
        let time = Timestamp::from_millis(1_769_860_800_123);
        assert_eq!(rfc3339(time), "2026-01-31T12:00:00.123Z");
        assert_eq!(parse_rfc3339(&rfc3339(time)), Ok(time));
        assert_eq!(parse_rfc3339("2026-01-31T13:00:00.123+01:00"), Ok(time));
        assert_eq!(rfc3339(Timestamp::EPOCH), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn end_of_time_has_a_text_form() {
        assert!(rfc3339(Timestamp::from_micros(u64::MAX)).starts_with("9999-12-"));
    }

    #[test]
    fn text_that_is_no_time_is_refused() {
        for text in ["", "yesterday", "2026-01-31", "2026-13-01T00:00:00Z", "1969-12-31T00:00:00Z"]
        {
            assert!(parse_rfc3339(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn system_clock_moves_forward() {
        let clock = SystemClock;
        let (wall, boot) = (clock.now(), clock.monotonic());
        assert!(wall > Timestamp::from_millis(1_700_000_000_000), "{wall:?} is before 2023");
        assert!(clock.monotonic() >= boot);
    }
}

//! Parses how long a provider asks to wait: a number of seconds or milliseconds, or the moment at which the wait ends.

use crate::date::{http_date, iso_time};

/// The unit in which a provider gives the time to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Milliseconds,
}

/// The smallest number that is a moment, in seconds since 1970. As a wait it would be more than thirty years, and in
/// milliseconds more than eleven days; nobody asks to wait for that.
const FIRST_MOMENT: f64 = 1e9;

/// The smallest number that is too large for a moment in seconds, and is one in milliseconds or a smaller unit.
const LAST_MOMENT: f64 = 1e11;

/// Parses a wait and rounds it up to seconds. `now` returns the provider's time in seconds since 1970.
///
/// A wait in the past is 0. Whoever waits decides how long is too long.
pub(crate) fn parse_wait(value: &str, unit: Unit, now: impl Fn() -> i64) -> Option<u32> {
    let value = value.trim_matches(['"', ' ']);
    let Some(number) = parse_number(value) else {
        let moment = http_date(value).or_else(|| iso_time(value))?;
        return Some(clamp(moment.saturating_sub(now())));
    };
    let seconds = match (to_moment(number), unit) {
        #[expect(clippy::cast_possible_truncation, reason = "a moment is below `LAST_MOMENT`")]
        (Some(moment), _) => return Some(clamp((moment.ceil() as i64).saturating_sub(now()))),
        (None, Unit::Seconds) => number,
        (None, Unit::Milliseconds) => number / 1e3,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a larger number becomes the largest")]
    Some(seconds.ceil() as u32)
}

/// Parses digits, with decimals or without, and without a sign or an exponent.
fn parse_number(value: &str) -> Option<f64> {
    let digits = value.strip_suffix('s').unwrap_or(value);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    digits.parse().ok().filter(|_| is_number)
}

/// Returns the moment in seconds since 1970 that a number means, if it is too large for a wait.
fn to_moment(number: f64) -> Option<f64> {
    // Milliseconds, microseconds and nanoseconds since 1970.
    let units = [1.0, 1e3, 1e6, 1e9].into_iter();
    units.map(|unit| number / unit).find(|moment| (FIRST_MOMENT..LAST_MOMENT).contains(moment))
}

fn clamp(seconds: i64) -> u32 {
    u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000;

    fn wait(value: &str, unit: Unit) -> Option<u32> {
        parse_wait(value, unit, || NOW)
    }

    #[test]
    fn a_wait_is_rounded_up_to_seconds() {
        assert_eq!(wait("1500", Unit::Milliseconds), Some(2));
        assert_eq!(wait("1500", Unit::Seconds), Some(1500));
        assert_eq!(wait("0", Unit::Milliseconds), Some(0));
        for (value, seconds) in [("1.2", 2), ("30.0", 30), ("\"30\"", 30), ("30s", 30), ("86400", 86_400)] {
            assert_eq!(wait(value, Unit::Seconds), Some(seconds), "{value}");
        }
    }

    #[test]
    fn a_number_that_is_too_large_for_a_wait_is_a_moment() {
        for unit in [Unit::Seconds, Unit::Milliseconds] {
            for epoch in ["1790000030", "1790000029.5", "1790000030000", "1790000030000000", "1790000030000000000"] {
                assert_eq!(wait(epoch, unit), Some(30), "{epoch} {unit:?}");
            }
            assert_eq!(wait("1789999000", unit), Some(0));
        }
        assert_eq!(wait("999999999", Unit::Milliseconds), Some(1_000_000));
        assert_eq!(wait(&"9".repeat(30), Unit::Seconds), Some(u32::MAX));
    }

    #[test]
    fn a_date_of_any_format_is_a_moment() {
        for date in [
            "Mon, 21 Sep 2026 14:13:50 GMT",
            "Monday, 21-Sep-26 14:13:50 GMT",
            "Mon Sep 21 14:13:50 2026",
            "2026-09-21T14:13:50Z",
            "2026-09-21T16:13:50.000+02:00",
            "2026-09-21 14:13:50",
        ] {
            assert_eq!(wait(date, Unit::Seconds), Some(30), "{date}");
        }
        assert_eq!(wait("Sun, 06 Nov 1994 08:48:07 GMT", Unit::Seconds), Some(0));
    }

    #[test]
    fn anything_else_is_no_wait() {
        for value in ["", "-1", "soon", "+3", "1e3", "1.2.3", ".", "s", "inf", "NaN"] {
            assert_eq!(wait(value, Unit::Seconds), None, "{value}");
        }
    }
}

//! Parses how long a provider asks to wait: a number, or a date. It does not read a clock.

use crate::date::http_date;

/// The unit in which a provider gives the time to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Milliseconds,
}

/// Parses a whole number and rounds it up to seconds.
pub(crate) fn parse_seconds(value: &str, unit: Unit) -> Option<u32> {
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // There are only digits, so a number that does not parse is too large.
    let count = value.parse().unwrap_or(u64::MAX);
    let seconds = match unit {
        Unit::Seconds => count,
        Unit::Milliseconds => count.div_ceil(1000),
    };
    Some(u32::try_from(seconds).unwrap_or(u32::MAX))
}

/// Returns the seconds from `now` until `date`; 0 if `date` is in the past.
pub(crate) fn seconds_until(date: &str, now: &str) -> Option<u32> {
    let seconds = http_date(date)?.checked_sub(http_date(now)?)?;
    Some(u32::try_from(seconds.max(0)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_rounded_up() {
        assert_eq!(parse_seconds("1500", Unit::Milliseconds), Some(2));
        assert_eq!(parse_seconds("1500", Unit::Seconds), Some(1500));
        assert_eq!(parse_seconds("0", Unit::Milliseconds), Some(0));
    }

    #[test]
    fn anything_else_is_not_a_number() {
        for value in ["", "-1", "1.5", "soon", "+3"] {
            assert_eq!(parse_seconds(value, Unit::Seconds), None, "{value}");
        }
    }

    #[test]
    fn a_number_of_any_length_is_accepted() {
        assert_eq!(parse_seconds("99999999999999999999999", Unit::Seconds), Some(u32::MAX));
    }

    #[test]
    fn a_date_counts_from_the_date_of_the_response() {
        assert_eq!(seconds_until("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:48:07 GMT"), Some(90));
        assert_eq!(seconds_until("Fri, 01 Mar 2024 00:00:00 GMT", "Wed, 28 Feb 2024 23:59:59 GMT"), Some(86_401));
        assert_eq!(seconds_until("Sun, 06 Nov 1994 08:48:07 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"), Some(0));
    }
}

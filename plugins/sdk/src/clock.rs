//! The component's clock, for telling whether it is right. What a server dates is held against that server's own date.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::date::http_date;

/// Counts the seconds by which this clock is ahead of a server's `Date`; fewer than none where it is behind.
#[must_use]
pub fn ahead_of(date: &str, now: i64) -> Option<i64> {
    Some(now - http_date(date)?)
}

/// Reads the clock, in seconds since the beginning of 1970.
#[cfg(target_family = "wasm")]
#[must_use]
pub fn now() -> i64 {
    system()
}

#[cfg(not(target_family = "wasm"))]
pub use crate::testkit::now;

#[expect(clippy::disallowed_methods, reason = "the one place of a component that reads the clock")]
pub(crate) fn system() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;

    #[test]
    fn a_clock_is_ahead_or_behind_by_seconds() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(ahead_of(date, 784_111_777), Some(0));
        assert_eq!(ahead_of(date, 784_112_377), Some(600));
        assert_eq!(ahead_of(date, 784_111_717), Some(-60));
        assert_eq!(ahead_of("yesterday", 784_111_717), None);
    }

    #[test]
    fn a_test_sets_the_clock_for_one_call() {
        assert_eq!(testkit::at(784_111_777, now), 784_111_777);
        assert!(now() > 1_700_000_000);
    }
}

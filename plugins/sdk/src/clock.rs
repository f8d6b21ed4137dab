//! The component's clock. To compare dates of a provider, use the `Date` of its response instead.

#[cfg(not(target_family = "wasm"))]
use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::date::http_date;

/// Returns the seconds by which this clock is ahead of a server's `Date`; negative when it is behind.
#[must_use]
pub fn ahead_of(date: &str, now: i64) -> Option<i64> {
    Some(now - http_date(date)?)
}

/// Reads the clock, in seconds since 1970. In a test, `testkit::at` sets it.
#[must_use]
pub fn now() -> i64 {
    #[cfg(not(target_family = "wasm"))]
    if let Some(seconds) = FIXED.get() {
        return seconds;
    }
    read_system_clock()
}

#[cfg(not(target_family = "wasm"))]
thread_local! {
    static FIXED: Cell<Option<i64>> = const { Cell::new(None) };
}

/// Runs a call while the clock of this thread shows a fixed time, in seconds since 1970.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn with_fixed_time<R>(seconds: i64, call: impl FnOnce() -> R) -> R {
    let before = FIXED.replace(Some(seconds));
    let outcome = call();
    FIXED.set(before);
    outcome
}

#[expect(clippy::disallowed_methods, reason = "a component reads the clock only here")]
fn read_system_clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(with_fixed_time(784_111_777, now), 784_111_777);
        assert!(now() > 1_700_000_000);
    }
}

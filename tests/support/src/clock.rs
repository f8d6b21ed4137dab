//! The clock of a stand-in: the machine's or a test's, shifted as the test asks. Nothing sleeps.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use jiff::Timestamp;

/// A clock that can be shifted.
pub(crate) struct StandInClock {
    source: Box<dyn Fn() -> i64 + Send>,
    turned: i64,
}

impl StandInClock {
    /// Returns the seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        (self.source)() + self.turned
    }

    /// Uses another clock, which returns the seconds since 1970.
    pub(crate) fn follow_clock(&mut self, clock: impl Fn() -> i64 + Send + 'static) {
        self.source = Box::new(clock);
    }

    /// Moves the clock forward, or back if negative.
    pub(crate) fn shift_clock(&mut self, seconds: i64) {
        self.turned += seconds;
    }

    /// Formats the current time for a `Date` header.
    pub(crate) fn date(&self) -> String {
        format_utc(self.now(), "%a, %d %b %Y %H:%M:%S GMT")
    }
}

impl Default for StandInClock {
    fn default() -> Self {
        let machine = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        };
        Self { source: Box::new(machine), turned: 0 }
    }
}

impl fmt::Debug for StandInClock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Time({})", self.date())
    }
}

/// Formats seconds since 1970 as a time in UTC.
pub(crate) fn format_utc(seconds: i64, format: &str) -> String {
    Timestamp::from_second(seconds).unwrap_or_default().strftime(format).to_string()
}

//! The time that a stand-in goes by: the machine's or a test's, turned by as much as the test says. Nothing sleeps.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use jiff::Timestamp;

/// A clock that can be turned.
pub(crate) struct StandInClock {
    source: Box<dyn Fn() -> i64 + Send>,
    turned: i64,
}

impl StandInClock {
    /// Seconds since the beginning of 1970.
    pub(crate) fn now(&self) -> i64 {
        (self.source)() + self.turned
    }

    /// Goes by another clock, in seconds since the beginning of 1970.
    pub(crate) fn follow_clock(&mut self, clock: impl Fn() -> i64 + Send + 'static) {
        self.source = Box::new(clock);
    }

    /// Turns the clock on, or back.
    pub(crate) fn shift_clock(&mut self, seconds: i64) {
        self.turned += seconds;
    }

    /// The time now as a `Date` field holds it.
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

/// Writes a time, given in seconds since the beginning of 1970, in UTC.
pub(crate) fn format_utc(seconds: i64, format: &str) -> String {
    Timestamp::from_second(seconds).unwrap_or_default().strftime(format).to_string()
}

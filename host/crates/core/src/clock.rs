//! The wall clock.
//!
//! It is passed to everything that needs the time, so that a test can set it.
//!
//! Timeouts use the monotonic clock of tokio instead.

use std::fmt;

use jiff::Timestamp;

#[cfg(feature = "testing")]
use self::testing::SetTime;

/// The system clock, or a clock that a test sets.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    #[cfg(feature = "testing")]
    Set(SetTime),
}

impl Clock {
    /// Returns the system clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// Returns the current time, in microseconds.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the system clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            // The databases store microseconds. A time must be the same before and after it was stored.
            Source::System => Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap_or(Timestamp::MAX),
            #[cfg(feature = "testing")]
            Source::Set(time) => time.get(),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Clock({})", self.now())
    }
}

/// A clock that a test sets.
#[cfg(feature = "testing")]
mod testing {
    use std::sync::{Arc, Mutex, PoisonError};

    use jiff::{SignedDuration, Timestamp};

    use super::{Clock, Source};

    /// The time that all clones of a clock share.
    #[derive(Clone)]
    pub(super) struct SetTime(Arc<Mutex<Timestamp>>);

    impl SetTime {
        pub(super) fn get(&self) -> Timestamp {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Clock {
        /// Returns a clock that shows this time until it is [advanced](Self::advance).
        #[must_use]
        pub fn set_to(time: Timestamp) -> Self {
            Self(Source::Set(SetTime(Arc::new(Mutex::new(time)))))
        }

        /// Advances a clock that was [set](Self::set_to), together with its clones.
        ///
        /// Does nothing to a system clock.
        pub fn advance(&self, by: SignedDuration) {
            if let Source::Set(SetTime(time)) = &self.0 {
                let mut time = time.lock().unwrap_or_else(PoisonError::into_inner);
                *time = time.saturating_add(by).unwrap_or(*time);
            }
        }
    }
}

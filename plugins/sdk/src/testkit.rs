//! Providers on the native target: answers from a tape for tests, or from a socket for measurements.
//!
//! ```
//! use jackfield_sdk::{http, testkit};
//!
//! let offline = |_: http::Request| Err(http::Error::TimedOut);
//! let answer = testkit::with_transport(std::rc::Rc::new(offline), || http::get("https://acme.test/").send());
//! assert_eq!(answer, Err(http::Error::TimedOut));
//! ```

mod attach;
mod call;
mod check;
mod judge;
mod socket;
mod tape;

pub use attach::{Credentials, attach};
pub use call::{answered, connect, disconnect, get_target, health, invalid_field, list_users, pattern_of, set_target};
pub use check::problems;
pub use judge::judge;
pub use socket::Socket;
pub use tape::Tape;

pub use crate::transport::{Transport, with_transport};

use crate::clock;

/// Runs a call while the clock of this thread shows a fixed time, in seconds since 1970.
pub fn at<R>(seconds: i64, call: impl FnOnce() -> R) -> R {
    clock::with_fixed_time(seconds, call)
}

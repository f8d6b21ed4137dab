//! Runs plugins on the native target, with recorded responses in tests or a stand-in on a socket in measurements.
//!
//! ```
//! use jackfield_sdk::{http, testkit};
//!
//! let offline = |_: http::Request| Err(http::Error::TimedOut);
//! let outcome = testkit::with_transport(std::rc::Rc::new(offline), || http::get("https://acme.test/").send());
//! assert_eq!(outcome, Err(http::Error::TimedOut));
//! ```

mod attach;
mod calls;
mod endpoint_match;
mod manifest_problems;
mod odd_values;
mod socket;
mod tape;

pub use attach::{Credentials, attach};
pub use calls::{answered, connect, disconnect, get_target, health, invalid_field, list_users, pattern_of, set_target};
pub use endpoint_match::find_endpoint;
pub use manifest_problems::problems;
pub use odd_values::{RowList, never_reject_for_a_value, replace_each_value};
pub use socket::Socket;
pub use tape::Tape;

pub use crate::transport::{Transport, with_transport};

use crate::clock;

/// Runs a call while the clock of this thread shows a fixed time, in seconds since 1970.
pub fn at<R>(seconds: i64, call: impl FnOnce() -> R) -> R {
    clock::with_fixed_time(seconds, call)
}

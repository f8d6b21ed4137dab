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

use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub use attach::{Credentials, attach};
pub use call::{answered, connect, disconnect, get_target, health, invalid_field, list_users, pattern_of, set_target};
pub use check::problems;
pub use judge::judge;
pub use socket::Socket;
pub use tape::Tape;

use crate::clock;
use crate::http::{Error, Request, Response};

/// Answers the requests of a provider that runs natively.
pub trait Transport {
    /// Sends one request and waits for the whole answer.
    ///
    /// # Errors
    ///
    /// Why there is no answer.
    fn send(&self, request: Request) -> Result<Response, Error>;
}

impl<F: Fn(Request) -> Result<Response, Error>> Transport for F {
    fn send(&self, request: Request) -> Result<Response, Error> {
        self(request)
    }
}

thread_local! {
    static TRANSPORT: RefCell<Option<Rc<dyn Transport>>> = const { RefCell::new(None) };
    static CLOCK: Cell<Option<i64>> = const { Cell::new(None) };
}

/// Runs a call whose requests, on this thread, go to the transport.
pub fn with_transport<R>(transport: Rc<dyn Transport>, call: impl FnOnce() -> R) -> R {
    struct Restore(Option<Rc<dyn Transport>>);

    impl Drop for Restore {
        fn drop(&mut self) {
            TRANSPORT.set(self.0.take());
        }
    }

    let _restore = Restore(TRANSPORT.replace(Some(transport)));
    call()
}

/// Runs a call for which the clock, on this thread, stands still at these seconds since the beginning of 1970.
pub fn at<R>(seconds: i64, call: impl FnOnce() -> R) -> R {
    let before = CLOCK.replace(Some(seconds));
    let outcome = call();
    CLOCK.set(before);
    outcome
}

/// Reads the clock that a test has set, or the machine's own.
#[must_use]
pub fn now() -> i64 {
    CLOCK.get().unwrap_or_else(clock::system)
}

pub(crate) fn transmit(request: &Request) -> Result<Response, Error> {
    match TRANSPORT.with_borrow(Clone::clone) {
        Some(transport) => transport.send(request.clone()),
        None => Err(Error::Unreachable("no transport: call the provider inside `testkit::with_transport`".into())),
    }
}

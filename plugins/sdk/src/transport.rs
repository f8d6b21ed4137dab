//! Sends requests: in a component to the host, on the native target to the transport of a test.

#[cfg(target_family = "wasm")]
pub(crate) use crate::bindings::component::jackfield::provider::http::send;

#[cfg(not(target_family = "wasm"))]
pub use native::{Transport, with_transport};

#[cfg(not(target_family = "wasm"))]
pub(crate) use native::send;

#[cfg(not(target_family = "wasm"))]
mod native {
    use std::cell::RefCell;
    use std::rc::Rc;

    use crate::bindings::component::jackfield::provider::http::{Error, Request, Response};

    /// Answers the requests of a provider that runs natively.
    pub trait Transport {
        /// Sends one request and waits for the whole response.
        ///
        /// # Errors
        ///
        /// The reason why there is no response.
        fn send(&self, request: Request) -> Result<Response, Error>;
    }

    impl<F: Fn(Request) -> Result<Response, Error>> Transport for F {
        fn send(&self, request: Request) -> Result<Response, Error> {
            self(request)
        }
    }

    thread_local! {
        static TRANSPORT: RefCell<Option<Rc<dyn Transport>>> = const { RefCell::new(None) };
    }

    /// Runs a call and sends its requests, on this thread, through the transport.
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

    pub(crate) fn send(request: &Request) -> Result<Response, Error> {
        match TRANSPORT.with_borrow(Clone::clone) {
            Some(transport) => transport.send(request.clone()),
            None => Err(Error::Unreachable("no transport: call the provider inside `testkit::with_transport`".into())),
        }
    }
}

//! Sends a guest's requests through `egress`, for both interfaces that a guest can use: `http.send` and `wasi:http`.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use jackfield_egress::{CallPermissions, Denial, Egress, Request, Response, SendError};
use tokio::{runtime::Handle, sync::Notify, time::Instant};

use crate::guest_runtime::OwnedTask;

/// Sends the requests of one call. Clones share the call's permissions.
#[derive(Clone, Debug)]
pub(crate) struct RequestSender(Option<Arc<CallRequests>>);

#[derive(Debug)]
struct CallRequests {
    egress: Egress,
    permissions: CallPermissions,
    deadline: Instant,
    observer: RequestObserver,
    /// The runtime of the caller. Requests run there, so that they and their HTTP connections do not wait for guests
    /// that compute.
    caller: Handle,
}

/// The state of a call's requests, for the call to observe. Clones observe the same requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestObserver(Arc<RequestState>);

#[derive(Debug, Default)]
struct RequestState {
    /// The number of requests that wait for the provider.
    pending: AtomicUsize,
    /// The component's guess at a secret, if it made one.
    guess: Mutex<Option<String>>,
    guessed: Notify,
}

/// One request that waits for the provider, until dropped.
struct PendingRequest<'a>(&'a RequestState);

impl RequestSender {
    /// Creates a sender that denies every request, for `describe`.
    pub(crate) fn denying() -> Self {
        Self(None)
    }

    /// Creates the sender of a call, and an observer of its requests.
    pub(crate) fn new(
        egress: Egress,
        permissions: CallPermissions,
        deadline: Instant,
        caller: Handle,
    ) -> (Self, RequestObserver) {
        let observer = RequestObserver::default();
        let call = CallRequests { egress, permissions, deadline, observer: observer.clone(), caller };
        (Self(Some(Arc::new(call))), observer)
    }

    /// Sends one request. Does not return if the component guessed a secret, because that ends the call.
    ///
    /// # Errors
    /// Those of [`Egress::send`], and a denial by rule `closed` from a [denying](Self::denying) sender.
    pub(crate) async fn send(&self, request: Request) -> Result<Response, SendError> {
        let Some(call) = &self.0 else {
            let message = "a component cannot send requests in `describe`".into();
            return Err(SendError::Denied(Denial { rule: "closed", message }));
        };
        let sent = OwnedTask::spawn(&call.caller, Arc::clone(call).send(request));
        sent.await.unwrap_or_else(|_ended| Err(SendError::Unreachable("the request was cancelled".to_owned())))
    }
}

impl CallRequests {
    async fn send(self: Arc<Self>, request: Request) -> Result<Response, SendError> {
        let body = request.body.as_ref().map_or(0, Vec::len);
        let _memory = self.permissions.memory.reserve(body).await?;
        let _pending = self.observer.0.start();
        let response = self.egress.send(&self.permissions, self.deadline, request).await;
        if let Some(guess) = response.as_ref().err().and_then(SendError::as_guess) {
            self.observer.record_guess(guess.message.clone());
            return std::future::pending().await;
        }
        if Instant::now() >= self.deadline {
            // The provider used up the call's time, so the call ends as a provider timeout even if the guest still runs.
            self.observer.0.keep_pending();
        }
        response
    }
}

impl RequestObserver {
    /// Returns whether a request is waiting for the provider, or was when the call's time ended.
    pub(crate) fn is_any_pending(&self) -> bool {
        self.0.pending.load(Ordering::Relaxed) > 0
    }

    /// Waits until the component guesses a secret, and returns how.
    pub(crate) async fn wait_for_guess(&self) -> String {
        loop {
            let guessed = self.0.guessed.notified();
            if let Some(guess) = self.0.guess.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return guess;
            }
            guessed.await;
        }
    }

    fn record_guess(&self, guess: String) {
        *self.0.guess.lock().unwrap_or_else(PoisonError::into_inner) = Some(guess);
        self.0.guessed.notify_one();
    }
}

impl RequestState {
    fn start(&self) -> PendingRequest<'_> {
        self.pending.fetch_add(1, Ordering::Relaxed);
        PendingRequest(self)
    }

    /// Counts one more request as pending until the call ends.
    fn keep_pending(&self) {
        self.pending.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for PendingRequest<'_> {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::Relaxed);
    }
}

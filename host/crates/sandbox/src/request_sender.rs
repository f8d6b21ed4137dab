//! Sends a guest's requests through `egress`, for both interfaces that a guest can use: `http.send` and `wasi:http`.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use jackfield_egress::{CallPermissions, Denial, Egress, Request, Response, SendError};
use tokio::time::Instant;

/// Sends the requests of one call. Clones share the call's permissions.
#[derive(Clone, Debug)]
pub(crate) struct RequestSender(Option<Arc<CallRequests>>);

#[derive(Debug)]
struct CallRequests {
    egress: Egress,
    permissions: CallPermissions,
    deadline: Instant,
    pending: PendingRequests,
}

/// Counts the requests that wait for the provider; a clone shares the counter.
#[derive(Clone, Debug, Default)]
pub(crate) struct PendingRequests(Arc<AtomicUsize>);

/// One request that waits for the provider, until dropped.
struct PendingRequest<'a>(&'a PendingRequests);

impl RequestSender {
    /// Creates a sender that denies every request, for `describe`.
    pub(crate) fn denying() -> Self {
        Self(None)
    }

    /// Creates the sender of a call, and the counter of its pending requests.
    pub(crate) fn new(egress: Egress, permissions: CallPermissions, deadline: Instant) -> (Self, PendingRequests) {
        let pending = PendingRequests::default();
        (Self(Some(Arc::new(CallRequests { egress, permissions, deadline, pending: pending.clone() }))), pending)
    }

    /// Sends one request.
    ///
    /// # Errors
    /// Those of [`Egress::send`], and a denial by rule `closed` from a [denying](Self::denying) sender.
    pub(crate) async fn send(&self, request: Request) -> Result<Response, SendError> {
        let Some(call) = &self.0 else {
            let message = "a component cannot send requests in `describe`".into();
            return Err(SendError::Denied(Denial { rule: "closed", message }));
        };
        let _pending = call.pending.start();
        let response = call.egress.send(&call.permissions, call.deadline, request).await;
        if Instant::now() >= call.deadline {
            // The provider used up the call's time, so the call ends as a provider timeout even if the guest still runs.
            call.pending.keep();
        }
        response
    }
}

impl PendingRequests {
    /// Returns whether a request is waiting for the provider, or was when the call's time ended.
    pub(crate) fn is_any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    fn start(&self) -> PendingRequest<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        PendingRequest(self)
    }

    /// Counts one more request as pending until the call ends.
    fn keep(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for PendingRequest<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

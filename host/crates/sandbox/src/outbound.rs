//! What a call may send, whichever door its guest goes through: both end here, and all that leaves goes to `egress`.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use jackfield_egress::{Denial, Egress, Grant, Request, Response, SendError};
use tokio::time::Instant;

/// The way out of one call; a clone is the same one.
#[derive(Clone, Debug)]
pub(super) struct Outbound(Option<Arc<Open>>);

#[derive(Debug)]
struct Open {
    egress: Egress,
    grant: Grant,
    deadline: Instant,
    progress: Progress,
}

/// Tells the one who waits for a call what the call itself waits for.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<AtomicUsize>);

/// One request that is being waited for, until dropped.
struct Waiting<'a>(&'a Progress);

impl Outbound {
    /// Lets nothing out: while a component says what it is.
    pub(super) fn closed() -> Self {
        Self(None)
    }

    /// Lets out what a grant allows, until the call ends.
    pub(super) fn open(egress: Egress, grant: Grant, deadline: Instant) -> (Self, Progress) {
        let progress = Progress::default();
        (Self(Some(Arc::new(Open { egress, grant, deadline, progress: progress.clone() }))), progress)
    }

    /// Sends one request.
    ///
    /// # Errors
    /// Those of [`Egress::send`], and a denial by rule `closed`.
    pub(super) async fn send(&self, request: Request) -> Result<Response, SendError> {
        let Some(open) = &self.0 else {
            let message = "nothing is sent while a component describes itself".into();
            return Err(SendError::Denied(Denial { rule: "closed", message }));
        };
        let _waiting = open.progress.begin();
        let answer = open.egress.send(&open.grant, open.deadline, request).await;
        if Instant::now() >= open.deadline {
            // It was the provider who used up the call's time, whatever the guest still does.
            open.progress.stay();
        }
        answer
    }
}

impl Progress {
    /// Tells whether the provider is being waited for.
    pub(super) fn is_waiting_upstream(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    fn begin(&self) -> Waiting<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    fn stay(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

//! Whether the service is running, is being taken out of its load balancer, or is closing its HTTP connections.

use std::sync::Arc;

use tokio::sync::watch;

/// The phase of a stop of the service. Clones share it.
#[derive(Clone, Debug)]
pub struct Lifecycle(Arc<watch::Sender<Phase>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Requests are served.
    Running,
    /// Requests are served, `/readyz` answers 503, and responses end their HTTP connections.
    Leaving,
    /// No new requests are served. Running requests are finished.
    Closing,
    /// Running requests are aborted.
    EndedAtOnce,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Phase::Running)))
    }
}

impl Lifecycle {
    /// Returns whether a stop has begun.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.0.borrow() > Phase::Running
    }

    pub(super) fn begin_leaving(&self) {
        self.0.send_replace(Phase::Leaving);
    }

    pub(super) fn begin_closing(&self) {
        self.0.send_replace(Phase::Closing);
    }

    pub(super) fn end_at_once(&self) {
        self.0.send_replace(Phase::EndedAtOnce);
    }

    /// Waits until no new requests are served.
    pub(super) async fn wait_until_closing(&self) {
        self.wait_for(Phase::Closing).await;
    }

    /// Waits until running requests are aborted.
    pub(super) async fn wait_until_ended(&self) {
        self.wait_for(Phase::EndedAtOnce).await;
    }

    async fn wait_for(&self, phase: Phase) {
        let mut phases = self.0.subscribe();
        // The sender is alive as long as `self`, so this does not fail.
        let _reached = phases.wait_for(|now| *now >= phase).await.is_ok();
    }
}

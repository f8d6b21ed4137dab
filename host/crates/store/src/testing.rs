//! Lets a test pause a writer between its commit and its return.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::Store;

/// Where [`Store::save_connection`] pauses if a test asks for it.
#[derive(Clone, Debug, Default)]
pub(super) struct PausePoint(Arc<Mutex<Option<RequestedPause>>>);

/// The ends of the channels that the save uses.
#[derive(Debug)]
struct RequestedPause {
    committed: oneshot::Sender<()>,
    resumed: oneshot::Receiver<()>,
}

impl PausePoint {
    /// Waits until the test resumes the save. Returns at once if no test asked for a pause.
    pub(super) async fn wait(&self) {
        let requested = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(RequestedPause { committed, resumed }) = requested {
            // If the test has dropped its end, there is nothing to wait for.
            let _sent = committed.send(());
            let _resumed = resumed.await;
        }
    }
}

/// A save of a connection that a test has paused.
#[derive(Debug)]
pub struct PausedSave {
    committed: oneshot::Receiver<()>,
    resume: oneshot::Sender<()>,
}

impl PausedSave {
    /// Waits until the save has committed.
    ///
    /// # Panics
    /// If the save failed before its commit.
    pub async fn wait_for_commit(&mut self) {
        (&mut self.committed).await.expect("the save reaches its commit");
    }

    /// Lets the save return.
    pub fn resume(self) {
        // The caller of the save may be gone.
        let _sent = self.resume.send(());
    }
}

impl Store {
    /// Pauses the next save of a connection after its commit. Clones of a store share the pause.
    #[must_use]
    pub fn pause_next_save(&self) -> PausedSave {
        let (committed, wait_for_commit) = oneshot::channel();
        let (resume, resumed) = oneshot::channel();
        let requested = RequestedPause { committed, resumed };
        *self.pause.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(requested);
        PausedSave { committed: wait_for_commit, resume }
    }
}

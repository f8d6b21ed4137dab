//! The threads on which guests compute, apart from those that serve requests.

use std::{
    io,
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll},
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::{JoinError, JoinHandle},
};
use tracing::Instrument;

/// Runs the calls of a sandbox. Guests that keep all of these threads busy do not delay any other task of the process.
#[derive(Debug)]
pub(crate) struct GuestRuntime {
    threads: usize,
    /// Started by the first call, because a sandbox that only checks components needs no threads.
    started: OnceLock<io::Result<Runtime>>,
}

/// A task that is cancelled when this is dropped.
#[derive(Debug)]
pub(crate) struct OwnedTask<T>(JoinHandle<T>);

impl GuestRuntime {
    /// Creates a runtime with a thread for each computing slot, and one more for timers and other short work.
    pub(crate) fn new(computing_slots: usize) -> Self {
        Self { threads: computing_slots.max(1) + 1, started: OnceLock::new() }
    }

    /// Runs a call. If the task is dropped before the call has ended, the call is cancelled, and everything that it
    /// owns is dropped.
    ///
    /// # Errors
    /// The threads cannot be started.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        call: impl Future<Output = T> + Send + 'static,
    ) -> Result<OwnedTask<T>, &io::Error> {
        let start =
            || Builder::new_multi_thread().worker_threads(self.threads).thread_name("guest").enable_all().build();
        Ok(OwnedTask::spawn(self.started.get_or_init(start).as_ref()?.handle(), call))
    }
}

impl Drop for GuestRuntime {
    fn drop(&mut self) {
        // The last call may drop the sandbox on one of these threads, which may not wait for themselves.
        if let Some(Ok(runtime)) = self.started.take() {
            runtime.shutdown_background();
        }
    }
}

impl<T: Send + 'static> OwnedTask<T> {
    /// Runs a task within the current span.
    pub(crate) fn spawn(runtime: &Handle, task: impl Future<Output = T> + Send + 'static) -> Self {
        Self(runtime.spawn(task.in_current_span()))
    }
}

impl<T> Future for OwnedTask<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for OwnedTask<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

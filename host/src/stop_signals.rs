//! The signals that stop the service: the first one lets running requests finish, the second one does not.

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// Counts SIGINT and SIGTERM.
#[derive(Debug)]
pub struct StopSignals(watch::Receiver<u32>);

impl StopSignals {
    /// Handles SIGINT and SIGTERM from now on.
    ///
    /// # Errors
    /// The system does not allow a handler.
    pub fn install() -> std::io::Result<Self> {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let (count, counted) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                receive(&mut interrupt, &mut terminate).await;
                count.send_modify(|count| *count += 1);
            }
        });
        Ok(Self(counted))
    }

    /// Waits until this many signals have arrived.
    pub async fn wait_for(&self, signals: u32) {
        let mut counted = self.0.clone();
        // The task that counts never ends, so this does not fail.
        let _reached = counted.wait_for(|count| *count >= signals).await.is_ok();
    }
}

async fn receive(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

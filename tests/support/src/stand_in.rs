//! The frame of every provider's stand-in: a server and the provider's state. It knows no provider itself.

use std::{
    fmt, io,
    net::SocketAddr,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::stand_in_server::{ReceivedRequest, StandInResponse, StandInServer};

/// The state of a provider, and how it responds.
pub trait StandInState: Default + Send + 'static {
    /// Responds to one request for any of the provider's hosts.
    fn answer(&mut self, request: &ReceivedRequest) -> StandInResponse;
}

/// A running stand-in for a provider. Settings take effect immediately; failures work as for [`StandInServer`].
pub struct ProviderStandIn<P> {
    upstream: StandInServer,
    provider: Arc<Mutex<P>>,
}

impl<P: StandInState> ProviderStandIn<P> {
    /// Starts on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port on loopback")
    }

    /// Starts on the given address.
    ///
    /// # Errors
    /// If the address is in use or does not belong to this machine.
    pub async fn start_at(address: SocketAddr) -> io::Result<Self> {
        let provider = Arc::new(Mutex::new(P::default()));
        let shared = Arc::clone(&provider);
        let upstream = StandInServer::start_at(address, move |request| lock_state(&shared).answer(request)).await?;
        Ok(Self { upstream, provider })
    }

    /// Locks the provider's state.
    pub(crate) fn lock(&self) -> MutexGuard<'_, P> {
        lock_state(&self.provider)
    }

    /// Changes the provider's state and returns the stand-in, so that settings chain.
    pub(crate) fn update(&self, change: impl FnOnce(&mut P)) -> &Self {
        change(&mut self.lock());
        self
    }
}

impl<P> Deref for ProviderStandIn<P> {
    type Target = StandInServer;

    fn deref(&self) -> &StandInServer {
        &self.upstream
    }
}

impl<P> fmt::Debug for ProviderStandIn<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.upstream.fmt(formatter)
    }
}

fn lock_state<P>(provider: &Mutex<P>) -> MutexGuard<'_, P> {
    provider.lock().expect("no thread panicked while it held the state's lock")
}

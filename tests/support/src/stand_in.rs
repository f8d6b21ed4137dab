//! What every provider's stand-in is: a socket, and behind it all that the provider knows. It knows no provider.

use std::{
    fmt, io,
    net::SocketAddr,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::stand_in_server::{ReceivedRequest, StandInResponse, StandInServer};

/// What a provider knows, and how it answers from it.
pub trait StandInState: Default + Send + 'static {
    /// Answers one request, to whichever of the provider's hosts.
    fn answer(&mut self, request: &ReceivedRequest) -> StandInResponse;
}

/// A running stand-in of a provider, whose settings work while it runs; it fails as an [`StandInServer`] does.
pub struct ProviderStandIn<P> {
    upstream: StandInServer,
    provider: Arc<Mutex<P>>,
}

impl<P: StandInState> ProviderStandIn<P> {
    /// Starts on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port on loopback")
    }

    /// Starts on an address.
    ///
    /// # Errors
    /// The address is taken or is none of this machine.
    pub async fn start_at(address: SocketAddr) -> io::Result<Self> {
        let provider = Arc::new(Mutex::new(P::default()));
        let shared = Arc::clone(&provider);
        let upstream = StandInServer::start_at(address, move |request| locked(&shared).answer(request)).await?;
        Ok(Self { upstream, provider })
    }

    /// What the provider knows, held until the guard goes.
    pub(crate) fn lock(&self) -> MutexGuard<'_, P> {
        locked(&self.provider)
    }

    /// Changes what the provider knows, and gives the stand-in back, so that settings chain.
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

fn locked<P>(provider: &Mutex<P>) -> MutexGuard<'_, P> {
    provider.lock().expect("no panic while a provider is held")
}

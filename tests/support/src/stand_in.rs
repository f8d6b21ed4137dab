//! What every provider's stand-in is: a socket, and behind it all that the provider knows. It knows no provider.

use std::{
    fmt, io,
    net::SocketAddr,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::upstream::{Answer, Recorded, Upstream};

/// What a provider knows, and how it answers from it.
pub trait Provider: Default + Send + 'static {
    /// Answers one request, to whichever of the provider's hosts.
    fn answer(&mut self, request: &Recorded) -> Answer;
}

/// A running stand-in of a provider, whose settings work while it runs; it fails as an [`Upstream`] does.
pub struct StandIn<P> {
    upstream: Upstream,
    provider: Arc<Mutex<P>>,
}

impl<P: Provider> StandIn<P> {
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
        let upstream = Upstream::start_at(address, move |request| locked(&shared).answer(request)).await?;
        Ok(Self { upstream, provider })
    }

    /// What the provider knows, held until the guard goes.
    pub(crate) fn know(&self) -> MutexGuard<'_, P> {
        locked(&self.provider)
    }

    /// Changes what the provider knows, and gives the stand-in back, so that settings chain.
    pub(crate) fn set(&self, change: impl FnOnce(&mut P)) -> &Self {
        change(&mut self.know());
        self
    }
}

impl<P> Deref for StandIn<P> {
    type Target = Upstream;

    fn deref(&self) -> &Upstream {
        &self.upstream
    }
}

impl<P> fmt::Debug for StandIn<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.upstream.fmt(formatter)
    }
}

fn locked<P>(provider: &Mutex<P>) -> MutexGuard<'_, P> {
    provider.lock().expect("no panic while a provider is held")
}

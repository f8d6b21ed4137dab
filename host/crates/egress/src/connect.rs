//! Leads a judged host to the socket addresses that are connected to, each of them checked. Opens no connection itself.

use std::{
    error::Error,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{Checked, Network, addresses};

/// Looks names up.
pub trait Resolver: Send + Sync {
    /// Gives every address of an absolute host name; it is asked once for each connection.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// Says which sockets are connected to for a host whose addresses were checked.
pub trait Dialler: Send + Sync {
    /// Gives the sockets, tried in this order. Port 0 stands for the port of the URL.
    ///
    /// # Errors
    /// When none is to be connected to.
    fn dial(&self, checked: Checked<'_>) -> io::Result<Vec<SocketAddr>>;
}

/// The machine's own resolver.
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine's resolver")]
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            // The dot at the end keeps the machine's search suffixes away.
            let found = tokio::net::lookup_host((format!("{host}."), 0)).await?;
            Ok(found.map(|socket| socket.ip()).collect())
        })
    }
}

/// Connects to the very addresses that were checked.
#[derive(Clone, Copy, Debug)]
pub struct RealDialler;

impl Dialler for RealDialler {
    fn dial(&self, checked: Checked<'_>) -> io::Result<Vec<SocketAddr>> {
        Ok(checked.addresses.iter().map(|address| SocketAddr::new(*address, 0)).collect())
    }
}

/// Why a host was not dialled. None of the texts holds an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotDialled {
    #[error("the name could not be looked up")]
    LookUp,
    #[error("the name has no address")]
    NoAddress,
    #[error("the name has no public address")]
    NoPublicAddress,
    #[error("no address could be dialled")]
    Refused,
}

/// The look-up that the HTTP client is given instead of its own: once, checked, and handed on as it was checked.
#[derive(Clone)]
pub(super) struct CheckedNames {
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) dialler: Arc<dyn Dialler>,
    pub(super) refused: Arc<[Network]>,
}

impl CheckedNames {
    async fn sockets(&self, host: &str) -> Result<Vec<SocketAddr>, NotDialled> {
        let found = self.resolver.resolve(host).await.map_err(|why| {
            tracing::debug!(host, kind = %why.kind(), "look-up failed");
            NotDialled::LookUp
        })?;
        if found.is_empty() {
            return Err(NotDialled::NoAddress);
        }
        let public: Vec<IpAddr> =
            found.iter().copied().filter(|address| addresses::check(*address, &self.refused).is_ok()).collect();
        if public.len() < found.len() {
            tracing::debug!(host, dropped = found.len() - public.len(), "addresses that are not public were dropped");
        }
        if public.is_empty() {
            return Err(NotDialled::NoPublicAddress);
        }
        self.dialler.dial(Checked { host, addresses: &public }).map_err(|_| NotDialled::Refused)
    }
}

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.clone();
        Box::pin(async move {
            let sockets = names.sockets(name.as_str()).await.map_err(Box::<dyn Error + Send + Sync>::from)?;
            Ok(Box::new(sockets.into_iter()) as Addrs)
        })
    }
}

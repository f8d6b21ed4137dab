//! Looks up a host and drops every address that is not public, before the HTTP client connects to any.

use std::{
    error::Error,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::pki_types::CertificateDer;

use crate::addresses;

/// The resolver, the choice of sockets, and the trust anchors.
///
/// The default uses the system's resolver, the public addresses that it returns, and the public trust anchors. Only
/// tests use anything else.
pub(crate) struct NetworkAccess {
    pub(crate) names: Arc<dyn NameLookup>,
    pub(crate) sockets: Arc<dyn SocketSelection>,
    /// Trust anchors in addition to the public ones.
    pub(crate) trust_anchors: Vec<CertificateDer<'static>>,
}

impl Default for NetworkAccess {
    fn default() -> Self {
        Self { names: Arc::new(SystemResolver), sockets: Arc::new(CheckedAddresses), trust_anchors: Vec::new() }
    }
}

/// Looks up host names.
pub(crate) trait NameLookup: Send + Sync {
    /// Returns every address of a host. It is called once for each HTTP connection.
    fn look_up<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// Selects the sockets to connect to.
pub(crate) trait SocketSelection: Send + Sync {
    /// Returns the sockets for a host's public addresses, in the order in which to try them.
    ///
    /// Port 0 means the port of the URL.
    fn select(&self, addresses: &[IpAddr]) -> io::Result<Vec<SocketAddr>>;
}

/// The system's resolver.
struct SystemResolver;

impl NameLookup for SystemResolver {
    #[expect(clippy::disallowed_methods, reason = "the only call of the system's resolver")]
    fn look_up<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            // The dot at the end prevents the search suffixes of the machine from being tried.
            let sockets = tokio::net::lookup_host((format!("{host}."), 0)).await?;
            Ok(sockets.map(|socket| socket.ip()).collect())
        })
    }
}

/// Selects exactly the addresses that were checked.
struct CheckedAddresses;

impl SocketSelection for CheckedAddresses {
    fn select(&self, addresses: &[IpAddr]) -> io::Result<Vec<SocketAddr>> {
        Ok(addresses.iter().map(|address| SocketAddr::new(*address, 0)).collect())
    }
}

/// Why a host cannot be connected to. No text contains an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ResolveError {
    #[error("the name lookup failed")]
    LookupFailed,
    #[error("the name has no address")]
    NoAddress,
    #[error("the name has no public address")]
    NoPublicAddress,
    #[error("no address can be connected to")]
    NoSocket,
}

/// The resolver of the HTTP clients.
///
/// It looks up a name once for each HTTP connection, and checks the addresses before they are used.
#[derive(Clone)]
pub(crate) struct CheckedResolver {
    pub(crate) names: Arc<dyn NameLookup>,
    pub(crate) sockets: Arc<dyn SocketSelection>,
}

impl CheckedResolver {
    async fn public_sockets(&self, host: &str) -> Result<Vec<SocketAddr>, ResolveError> {
        let found = self.names.look_up(host).await.map_err(|error| {
            tracing::debug!(host, kind = %error.kind(), "name lookup failed");
            ResolveError::LookupFailed
        })?;
        if found.is_empty() {
            return Err(ResolveError::NoAddress);
        }
        let public: Vec<IpAddr> =
            found.iter().copied().filter(|address| addresses::require_public(*address).is_ok()).collect();
        if public.len() < found.len() {
            tracing::debug!(host, dropped = found.len() - public.len(), "dropped addresses that are not public");
        }
        if public.is_empty() {
            return Err(ResolveError::NoPublicAddress);
        }
        self.sockets.select(&public).map_err(|_| ResolveError::NoSocket)
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let sockets = resolver.public_sockets(name.as_str()).await.map_err(Box::<dyn Error + Send + Sync>::from)?;
            Ok(Box::new(sockets.into_iter()) as Addrs)
        })
    }
}

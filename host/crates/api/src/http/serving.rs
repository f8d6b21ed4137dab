//! Serves HTTP with limits on connections and headers until it is stopped, then finishes the running requests.

use std::{io, net::SocketAddr, time::Duration};

use axum::{Router, extract::connect_info::IntoMakeServiceWithConnectInfo};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tower::Service;

use crate::{ApiState, Events, router};

/// The time in which the headers must arrive. An idle HTTP connection is closed after the same time.
const HEADER_TIME: Duration = Duration::from_secs(15);

/// Maximum size of all headers in bytes.
const HEADER_BYTES: usize = 64 << 10;

/// Maximum number of HTTP connections at once: below the usual limit of file descriptors, with room for the database
/// and egress.
const CONNECTIONS: usize = 4_096;

/// How long running requests may still take after the stop.
const GRACE: Duration = Duration::from_secs(60);

/// The API, ready to serve.
#[derive(Debug)]
pub struct Server {
    router: Router,
    events: Events,
}

impl Server {
    /// Builds the API's router.
    #[must_use]
    pub fn new(state: ApiState) -> Self {
        let events = state.events.clone();
        Self { router: router(state), events }
    }

    /// Serves until `stop` resolves, then finishes the running requests.
    ///
    /// # Errors
    /// The listener fails permanently.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) -> io::Result<()> {
        let events = self.events;
        let stop = async move {
            stop.await;
            // An event stream never ends by itself, so the stop would otherwise wait for the whole grace period.
            events.close();
        };
        serve(listener, self.router, stop).await
    }
}

async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) -> io::Result<()> {
    let mut make: IntoMakeServiceWithConnectInfo<Router, SocketAddr> = router.into_make_service_with_connect_info();
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).max_buf_size(HEADER_BYTES);
    server.http2().timer(TokioTimer::new()).max_header_list_size(HEADER_BYTES as u32).max_concurrent_streams(256);
    let connections = GracefulShutdown::new();
    let permits = std::sync::Arc::new(Semaphore::new(CONNECTIONS));
    let mut stop = std::pin::pin!(stop);
    loop {
        // The permit is acquired first, so that connections above the limit wait in the kernel's queue.
        let accepted = tokio::select! {
            accepted = async {
                let permit = std::sync::Arc::clone(&permits).acquire_owned().await.map_err(io::Error::other)?;
                listener.accept().await.map(|(stream, address)| (permit, stream, address))
            } => accepted,
            () = &mut stop => break,
        };
        let (permit, stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_temporary(&error) => {
                tracing::warn!(%error, "HTTP connection not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        // Responses are small, and clients wait for them.
        let _best_effort = stream.set_nodelay(true);
        let service = match make.call(address).await {
            Ok(service) => TowerToHyperService::new(service),
            Err(never) => match never {},
        };
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "HTTP connection failed");
            }
            drop(permit);
        });
    }
    drop(listener);
    tracing::info!("stopping: no new connections, finishing running requests");
    if tokio::time::timeout(GRACE, connections.shutdown()).await.is_err() {
        tracing::warn!("requests still running after the grace period");
    }
    Ok(())
}

/// Returns whether accepting may succeed later: the peer disconnected, or the process is short of a resource.
fn is_temporary(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected | io::ErrorKind::Unsupported)
}

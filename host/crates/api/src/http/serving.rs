//! Listens and answers, with bounds on slow and large headers, until told to stop; then finishes what is in flight.

use std::{io, net::SocketAddr, time::Duration};

use axum::{Router, extract::connect_info::IntoMakeServiceWithConnectInfo};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tower::Service;

use crate::{State, events::Events, router};

/// How long a header may take to arrive; also how long an idle connection is kept.
const HEADER_TIME: Duration = Duration::from_secs(15);

/// Bytes of a header at most.
const HEADER_BYTES: usize = 64 << 10;

/// Connections at once: below the usual limit of file descriptors with room for the database and the way out.
const CONNECTIONS: usize = 4_096;

/// How long requests in flight may take to end after the stop.
const GRACE: Duration = Duration::from_secs(60);

/// The API, ready to be served.
#[derive(Debug)]
pub struct Server {
    router: Router,
    events: Events,
}

impl Server {
    /// Builds the router over the parts that its handlers use.
    #[must_use]
    pub fn new(state: State) -> Self {
        let events = state.events.clone();
        Self { router: router(state), events }
    }

    /// Answers on the listener until `stop` resolves, then finishes the requests in flight.
    ///
    /// # Errors
    /// The listener fails for good.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) -> io::Result<()> {
        let events = self.events;
        let stop = async move {
            stop.await;
            // An event stream does not end by itself, so the stop would wait for it until the end of the grace period.
            events.close();
        };
        serve(listener, self.router, stop).await
    }
}

/// Answers on the listener until `stop` resolves.
async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) -> io::Result<()> {
    let mut make: IntoMakeServiceWithConnectInfo<Router, SocketAddr> = router.into_make_service_with_connect_info();
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).max_buf_size(HEADER_BYTES);
    server.http2().timer(TokioTimer::new()).max_header_list_size(HEADER_BYTES as u32).max_concurrent_streams(256);
    let in_flight = GracefulShutdown::new();
    let places = std::sync::Arc::new(Semaphore::new(CONNECTIONS));
    let mut stop = std::pin::pin!(stop);
    loop {
        // A place is taken before a connection: past the bound, new ones wait in the kernel's queue.
        let accepted = tokio::select! {
            accepted = async {
                let place = std::sync::Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
                listener.accept().await.map(|(stream, address)| (place, stream, address))
            } => accepted,
            () = &mut stop => break,
        };
        let (place, stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_passing(&error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        // Answers are small and waited for.
        let _best_effort = stream.set_nodelay(true);
        let service = match make.call(address).await {
            Ok(service) => TowerToHyperService::new(service),
            Err(never) => match never {},
        };
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = in_flight.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    tracing::info!("stopping: taking nothing new, finishing what is in flight");
    if tokio::time::timeout(GRACE, in_flight.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
    Ok(())
}

/// Whether another try may do: the peer went away, or the process is short of something for a moment.
fn is_passing(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected | io::ErrorKind::Unsupported)
}

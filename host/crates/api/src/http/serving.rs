//! Serves HTTP with limits on HTTP connections and on their times until it is stopped, then finishes the running
//! requests.

mod activity;
mod counted;
mod lifecycle;
mod limits;
mod open_http_connections;
mod parser_answers;
mod socket;

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

pub(crate) use self::counted::AboveConnectionLimit;
use self::{
    activity::{Activity, Overdue},
    counted::CountedRouter,
    open_http_connections::{Admission, OpenHttpConnections},
    socket::Socket,
};
pub use self::{
    lifecycle::Lifecycle,
    limits::{ServingLimits, StopTimes},
};
use crate::{ApiState, Events, http::client_address::TrustedProxies, router};

/// Maximum size of all headers in bytes.
const HEADER_BYTES: usize = 64 << 10;

/// HTTP connections above the limit that only get health checks and metrics, so that a full service still answers
/// them.
const RESERVE: usize = 64;

/// The HTTP/2 flow control windows of a stream and of a whole HTTP connection, in bytes: what a client can make the
/// service keep in memory before a handler reads it.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;

/// The API, ready to serve.
#[derive(Debug)]
pub struct Server {
    router: Router,
    events: Events,
    lifecycle: Lifecycle,
    trusted: TrustedProxies,
    limits: ServingLimits,
}

impl Server {
    /// Builds the API's router.
    #[must_use]
    pub fn new(state: ApiState, limits: ServingLimits) -> Self {
        let (events, lifecycle) = (state.events.clone(), state.lifecycle.clone());
        let trusted = state.trusted_proxies.clone();
        Self { router: router(state), events, lifecycle, trusted, limits }
    }

    /// Serves until `stop` resolves, then for the time that load balancers need to notice, and finishes the running
    /// requests. When `stop_at_once` resolves, it ends without waiting for anything.
    ///
    /// # Errors
    /// The listener fails permanently.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
        stop_at_once: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let lifecycle = self.lifecycle.clone();
        tokio::select! {
            served = self.serve_until(listener, stop) => served,
            () = stop_at_once => {
                lifecycle.end_at_once();
                tracing::warn!("stopped at once: running requests were not finished");
                Ok(())
            }
        }
    }

    async fn serve_until(self, listener: TcpListener, stop: impl Future<Output = ()>) -> io::Result<()> {
        let Self { router, events, lifecycle, trusted, limits } = self;
        let StopTimes { delay, grace } = limits.stop;
        let stop = async {
            stop.await;
            lifecycle.begin_leaving();
            tracing::info!(seconds = delay.as_secs(), "stopping: /readyz answers 503, requests are still served");
            tokio::time::sleep(delay).await;
        };
        let permits = Arc::new(Semaphore::new(limits.connections + RESERVE));
        let connections = Connections {
            server: server(&limits),
            router,
            open: OpenHttpConnections::new(&limits, trusted),
            lifecycle: lifecycle.clone(),
            permits: Arc::clone(&permits),
            limits: limits.clone(),
        };
        connections.accept_until(&listener, stop).await?;
        drop(listener);
        // An event stream never ends by itself, so the stop would otherwise wait for the whole grace period.
        events.close();
        lifecycle.begin_closing();
        tracing::info!("stopping: no new HTTP connections, finishing running requests");
        let all = u32::try_from(limits.connections + RESERVE).unwrap_or(u32::MAX);
        if tokio::time::timeout(grace, permits.acquire_many(all)).await.is_err() {
            tracing::warn!("requests still running after the grace period");
        }
        Ok(())
    }
}

fn server(limits: &ServingLimits) -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    // `Activity` limits the time of headers and of idle HTTP connections, before the first byte as well.
    server.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEADER_BYTES);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADER_BYTES as u32)
        .max_concurrent_streams(256)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(limits.ping_interval)
        .keep_alive_timeout(limits.ping_time);
    server
}

/// Accepts HTTP connections and serves each of them.
struct Connections {
    server: auto::Builder<TokioExecutor>,
    router: Router,
    open: OpenHttpConnections,
    lifecycle: Lifecycle,
    permits: Arc<Semaphore>,
    limits: ServingLimits,
}

impl Connections {
    async fn accept_until(&self, listener: &TcpListener, stop: impl Future<Output = ()>) -> io::Result<()> {
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                accepted = self.accept(listener) => accepted,
                () = &mut stop => return Ok(()),
            };
            match accepted {
                Ok((permit, stream, peer)) => self.serve_connection(permit, stream, peer),
                Err(error) if is_temporary(&error) => {
                    // The process may have too many files open.
                    self.open.make_room();
                    self.open.log_not_accepted(&error);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Accepts one HTTP connection. The permit is acquired first, so that HTTP connections above the limit wait in the
    /// kernel's queue.
    async fn accept(&self, listener: &TcpListener) -> io::Result<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
        if self.permits.available_permits() == 0 {
            self.open.make_room();
        }
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(io::Error::other)?;
        listener.accept().await.map(|(stream, peer)| (permit, stream, peer))
    }

    fn serve_connection(&self, permit: OwnedSemaphorePermit, stream: TcpStream, peer: SocketAddr) {
        let activity = Activity::new(&self.limits);
        let Some((open, admission)) = self.open.admit(peer.ip(), &activity) else { return };
        // Responses are small, and clients wait for them.
        let _best_effort = stream.set_nodelay(true);
        let service = TowerToHyperService::new(CountedRouter {
            router: self.router.clone(),
            peer,
            activity: Arc::clone(&activity),
            connection: open.clone(),
            lifecycle: self.lifecycle.clone(),
            in_reserve: admission == Admission::Reserve,
        });
        let socket = TokioIo::new(Socket::new(stream, Arc::clone(&activity)));
        let connection = self.server.serve_connection(socket, service).into_owned();
        let lifecycle = self.lifecycle.clone();
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            let mut is_ending = false;
            loop {
                let end_gracefully = tokio::select! {
                    // Bytes that arrived in time count, even if this task runs late.
                    biased;
                    ended = connection.as_mut() => {
                        if let Err(error) = ended {
                            tracing::debug!(%error, "HTTP connection failed");
                        }
                        break;
                    }
                    overdue = activity.overdue() => overdue == Overdue::Idle,
                    () = lifecycle.wait_until_closing(), if !is_ending => true,
                    () = lifecycle.wait_until_ended() => false,
                };
                if !end_gracefully {
                    break;
                }
                // Closes an idle HTTP connection, and announces the end on a busy one.
                is_ending = true;
                activity.expect_end();
                connection.as_mut().graceful_shutdown();
            }
            drop(open);
            drop(permit);
        });
    }
}

/// Returns whether accepting may succeed later: the peer disconnected, or the process is short of a resource.
fn is_temporary(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected | io::ErrorKind::Unsupported)
}

//! The router of one HTTP connection: counts its running requests, and adds the client's address to them.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    BoxError, Router,
    body::{Body, Bytes, HttpBody},
    extract::ConnectInfo,
    response::Response,
};
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Version, header::CONNECTION};
use tower::Service;

use super::{
    activity::{Activity, RunningRequest},
    lifecycle::Lifecycle,
    open_http_connections::OpenHttpConnection,
};

/// Marks requests of HTTP connections above the limit. They get health checks and metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AboveConnectionLimit;

/// The router of one HTTP connection.
#[derive(Clone)]
pub(super) struct CountedRouter {
    pub(super) router: Router,
    pub(super) peer: SocketAddr,
    pub(super) activity: Arc<Activity>,
    pub(super) connection: OpenHttpConnection,
    pub(super) lifecycle: Lifecycle,
    pub(super) in_reserve: bool,
}

impl<B> Service<Request<B>> for CountedRouter
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let version = request.version();
        let mut running = self.activity.begin_request(version);
        self.connection.note_request();
        request.extensions_mut().insert(ConnectInfo(self.peer));
        if self.in_reserve {
            request.extensions_mut().insert(AboveConnectionLimit);
        }
        let (response, lifecycle) = (self.router.call(request), self.lifecycle.clone());
        Box::pin(async move {
            let mut response = response.await?;
            // The client reconnects, and its load balancer chooses another host.
            if lifecycle.is_stopping() && version < Version::HTTP_2 {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            running.begin_response();
            Ok(response.map(|body| Body::new(CountedBody { body, running })))
        })
    }
}

/// The body of a response; its request is running until the body was sent.
struct CountedBody {
    body: Body,
    running: RunningRequest,
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        self.running.note_client_reads();
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

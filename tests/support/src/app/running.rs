//! A service that runs in this process: started on a free port, with what a test needs to reach it.

use jackfield::{
    app::{App, HostEnvironment},
    config::Config,
};
use jackfield_core::Secret;
use jackfield_sandbox::Cache;
use jackfield_service::{connections::Connections, plugins::Plugins};
use jackfield_store::Store;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::openapi_check::OpenApiCheck;
use crate::marked;

/// A service that has started and responds.
pub(super) struct RunningService {
    pub(super) store: Store,
    pub(super) connections: Connections,
    pub(super) catalog: Plugins,
    pub(super) base: String,
    pub(super) openapi: OpenApiCheck,
    pub(super) stop: oneshot::Sender<()>,
    pub(super) served: JoinHandle<()>,
}

/// Returns where all tests of a full run share compiled components, so that each is compiled once. The secret scan
/// searches this cache too.
pub(super) fn shared_cache() -> Option<Cache> {
    marked::sinks_folder().map(|sinks| Cache::new(sinks.join("compiled"), Secret::new([0; 32])))
}

impl RunningService {
    pub(super) async fn start(config: &Config, environment: &HostEnvironment) -> Self {
        let app = App::start(config, environment.clone()).await.expect("the service starts");
        let store = app.store().clone();
        let connections = app.connections().clone();
        let catalog = app.plugins().clone();
        let openapi = OpenApiCheck::of(app.catalog());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on loopback");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(async move {
            let stopped = async {
                // A dropped sender stops it as well.
                let _dropped = stopped.await;
            };
            app.serve(listener, stopped, std::future::pending()).await.expect("the service ends without an error");
        });
        Self { store, connections, catalog, base, openapi, stop, served }
    }
}

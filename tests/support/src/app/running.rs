//! A service that runs in this process: started with its settings on a free port, and what a test holds of it.

use jackfield::{
    app::{App, HostEnvironment},
    config::Config,
};
use jackfield_core::Secret;
use jackfield_sandbox::Cache;
use jackfield_service::connections::Connections;
use jackfield_store::Store;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::openapi_check::OpenApiCheck;
use crate::marked;

/// A service that was started and answers.
pub(super) struct RunningService {
    pub(super) store: Store,
    pub(super) connections: Connections,
    pub(super) base: String,
    pub(super) openapi: OpenApiCheck,
    pub(super) stop: oneshot::Sender<()>,
    pub(super) served: JoinHandle<()>,
}

/// Where all tests of a whole run keep what they compiled, so that each component is compiled once. It is searched for
/// secrets like all else that they leave.
pub(super) fn compiled_by_all() -> Option<Cache> {
    marked::sinks_folder().map(|sinks| Cache::new(sinks.join("compiled"), Secret::new([0; 32])))
}

impl RunningService {
    pub(super) async fn start(config: &Config, environment: &HostEnvironment) -> Self {
        let app = App::start(config, environment.clone()).await.expect("the service starts");
        let store = app.store().clone();
        let connections = app.connections().clone();
        let openapi = OpenApiCheck::of(app.catalog());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on loopback");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(async move {
            let stopped = async {
                // A dropped sender stops it too.
                let _dropped = stopped.await;
            };
            app.serve(listener, stopped).await.expect("the service ends well");
        });
        Self { store, connections, base, openapi, stop, served }
    }
}

//! A service that runs in this process: started with its settings on a free port, and what a test holds of it.

use jackfield::{
    app::{App, Surroundings},
    clock::Clock,
    config::Config,
    connections::Connections,
    egress::{EgressConfig, EgressLimits},
    sandbox::Checker,
    store::Store,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::described::Described;

/// A service that was started and answers.
pub(super) struct Running {
    pub(super) store: Store,
    pub(super) connections: Connections,
    pub(super) base: String,
    pub(super) described: Described,
    pub(super) stop: oneshot::Sender<()>,
    pub(super) served: JoinHandle<()>,
}

impl Running {
    pub(super) async fn start(config: &Config, egress: &EgressLimits, checker: &Checker, clock: &Clock) -> Self {
        let surroundings = Surroundings {
            clock: clock.clone(),
            egress: EgressConfig { limits: egress.clone(), ..EgressConfig::default() },
            checker: checker.clone(),
        };
        let app = App::start(config, surroundings).await.expect("the service starts");
        let store = app.store.clone();
        let connections = app.connections.clone();
        let described = Described::of(&app.catalog);
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
        Self { store, connections, base, described, stop, served }
    }
}

//! The wired parts of one service: started from its settings, served, stopped.

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use jackfield_api::{self as api};
use jackfield_core::Clock;
use jackfield_egress::{Egress, EgressConfig};
use jackfield_sandbox::{Cache, Catalog, Checker, Sandbox, catalog::Trust};
use jackfield_service::{
    connections::{Connections, Parts},
    people::{self, People},
    plugins::{Plugins, PluginsSetup},
};
use jackfield_store::{Run, Store, StoreOptions};
use jackfield_vault::{self as vault, MayCreate, Vault};
use tokio::{net::TcpListener, task::JoinSet};
use uuid::Uuid;

use crate::{config::Config, prometheus};

/// A service that is ready to be served.
#[derive(Debug)]
pub struct App {
    pub store: Store,
    pub catalog: Arc<Catalog>,
    pub sandbox: Sandbox,
    pub connections: Connections,
    plugins: Plugins,
    api: api::Server,
    /// Says that this data folder has a run, for as long as it lives.
    _serving: Option<File>,
}

/// How often grants are looked through for what nobody waits for.
const TEND: Duration = Duration::from_secs(60);

/// What a test puts in the place of the machine's own.
#[derive(Debug)]
pub struct Surroundings {
    pub clock: Clock,
    /// How the way out is set up; the settings' reroutes are added.
    pub egress: EgressConfig,
    /// Where components are checked.
    pub checker: Checker,
    /// Where compiled components are kept: in the data folder, where nothing is said.
    pub compiled: Option<Cache>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            egress: EgressConfig::default(),
            checker: Checker::this_program(),
            compiled: None,
        }
    }
}

impl App {
    /// Opens the database, takes the key, loads the components. A key that is missing or wrong, or a component that
    /// cannot be used, is no error: the service starts and says so.
    ///
    /// # Errors
    /// The data folder or the database cannot be used.
    pub async fn start(config: &Config, surroundings: Surroundings) -> anyhow::Result<Self> {
        let metrics = prometheus::install();
        let store = open_store(config, surroundings.clock.clone()).await?;
        if store.sealed_because().is_none() {
            people::update_search_names(&store).await.context("cannot update the search names of people")?;
        }
        let cache = match (store.vault(), surroundings.compiled) {
            (Ok(_), Some(cache)) => cache,
            (Ok(vault), None) => Cache::new(config.data_dir.join("compiled"), vault.derive("compiled components")),
            (Err(_sealed), _) => Cache::none(),
        };
        let mut egress = surroundings.egress;
        egress.reroutes.extend(config.egress_reroute.clone());
        egress.clock = surroundings.clock.clone();
        let egress = Egress::new(egress).context("the way out could not be opened")?;
        let sandbox = Sandbox::with_checker(config.limits.clone(), egress.clone(), cache, surroundings.checker)
            .map_err(|error| anyhow::anyhow!("{error:#}"))?;
        if config.plugins_trust == Trust::Shipped(std::collections::BTreeMap::new()) {
            tracing::warn!("this program was built without the digests of its components, so it approves none");
        }
        let (run, serving) = this_run(&config.data_dir).context("the data folder cannot be written to")?;
        let plugins = open_plugins(config, &store, &sandbox, run.host.clone()).await?;
        let catalog = Arc::clone(plugins.catalog());
        let jwt = config.jwt.clone();
        let jwt = jwt.map(|provider| api::JwtCallers::new(provider, egress.clone(), surroundings.clock.clone()));
        let oidc = open_oidc(config, &egress, &surroundings.clock).context("the public URL cannot be come back to")?;
        let connections = Connections::new(Parts {
            store: store.clone(),
            catalog: Arc::clone(&catalog),
            sandbox: sandbox.clone(),
            egress,
            clock: surroundings.clock.clone(),
            limits: config.limits.clone(),
            public_url: config.reached_at(),
            oauth_apps: config.oauth_apps.clone(),
            run,
        });
        let hosts = config.public_url.iter().filter_map(|url| url.host_str()).map(str::to_owned);
        let api = api::Server::new(api::State {
            store: store.clone(),
            catalog: Arc::clone(&catalog),
            plugins: plugins.clone(),
            clock: surroundings.clock.clone(),
            people: People::new(store.clone(), connections.clone()),
            connections: connections.clone(),
            metrics,
            events: api::Events::default(),
            hosts: hosts.collect(),
            site: api::Site::new(&config.reached_at()),
            started_at: surroundings.clock.now(),
            public_url: config.reached_at().as_str().into(),
            failed_tries: api::FailedTries::default(),
            large_bodies: api::LargeBodies::default(),
            jwt,
            oidc,
        });
        Ok(Self { store, catalog, sandbox, connections, plugins, api, _serving: serving })
    }

    /// Answers on the listener until `stop` resolves, then finishes what is in flight and closes the database.
    ///
    /// # Errors
    /// The listener fails for good.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) -> io::Result<()> {
        let (connections, store) = (self.connections.clone(), self.store.clone());
        // Ends with this, however it ends: a task left behind would go on asking the database.
        let mut beside = JoinSet::new();
        beside.spawn(async move {
            let mut turns = tokio::time::interval(TEND);
            loop {
                turns.tick().await;
                connections.tend_grants().await;
                if let Err(error) = store.remove_ended_sessions().await {
                    tracing::warn!(%error, "sessions that are over could not be removed");
                }
            }
        });
        beside.spawn(self.plugins.watch());
        let served = self.api.serve(listener, stop).await;
        beside.shutdown().await;
        self.store.close().await;
        served
    }
}

/// Opens the database with the master key, making both on the first start.
///
/// # Errors
/// The data folder or the database cannot be used. A key that cannot leaves the store sealed.
pub async fn open_store(config: &Config, clock: Clock) -> anyhow::Result<Store> {
    let folder = &config.data_dir;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("the data folder {} could not be made", folder.display()))?;
    // Also where somebody made it before, under a wider mask.
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
        .with_context(|| format!("the data folder {} is not this user's own", folder.display()))?;
    // Held while tables and key are made, so that two first starts at once do not each make a key.
    let _starting = lock(&folder.join("starting.lock"))
        .with_context(|| format!("the data folder {} cannot be written to", folder.display()))?;
    let options = StoreOptions { url: config.database_url.expose().clone(), clock };
    let mut store = Store::open(options).await.context("the database could not be opened")?;
    let may_create = if store.has_keys().await? { MayCreate::No } else { MayCreate::Yes };
    let key = match &config.master_key {
        Some(text) => vault::parse_base64(text.expose()),
        None => vault::load_or_create(&config.master_key_file, may_create),
    };
    match key {
        Ok(key) => store.unlock(Vault::new(key)).await?,
        Err(error) => store.stay_sealed(error.to_string()),
    }
    if let Some(reason) = store.sealed_because() {
        tracing::error!(reason, "the service is sealed: nothing that needs a secret is answered");
    }
    Ok(store)
}

/// Names this run, and the host that its data folder stands for. A second run on one folder is a host of its own.
fn this_run(folder: &Path) -> io::Result<(Run, Option<File>)> {
    let run = Uuid::new_v4().simple().to_string();
    let file = open_lock(&folder.join("serving.lock"))?;
    if file.try_lock().is_err() {
        return Ok((Run { host: run.clone(), run }, None));
    }
    Ok((Run { host: this_host(folder)?, run }, Some(file)))
}

/// The host that a data folder stands for.
fn this_host(folder: &Path) -> io::Result<String> {
    let path = folder.join("host.id");
    match std::fs::read_to_string(&path) {
        Ok(id) if !id.trim().is_empty() => Ok(id.trim().to_owned()),
        _ => {
            let id = Uuid::new_v4().simple().to_string();
            std::fs::write(&path, &id)?;
            Ok(id)
        }
    }
}

fn lock(path: &Path) -> io::Result<File> {
    let file = open_lock(path)?;
    file.lock()?;
    Ok(file)
}

fn open_lock(path: &Path) -> io::Result<File> {
    File::options().write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// The identity provider through which people sign in.
fn open_oidc(config: &Config, egress: &Egress, clock: &Clock) -> anyhow::Result<Option<api::Oidc>> {
    let Some(provider) = config.oidc.clone() else { return Ok(None) };
    let callback = config.reached_at().join(api::OIDC_CALLBACK)?;
    Ok(Some(api::Oidc::new(provider, &callback, egress.clone(), clock.clone())?))
}

/// Looks at the plugins' folder and at what was decided about it.
async fn open_plugins(config: &Config, store: &Store, sandbox: &Sandbox, host: String) -> anyhow::Result<Plugins> {
    let parts = PluginsSetup {
        store: store.clone(),
        catalog: Arc::new(Catalog::default()),
        sandbox: sandbox.clone(),
        trust: config.plugins_trust.clone(),
        folder: config.plugins_dir.clone(),
        host,
    };
    Plugins::start(parts).await.context("the catalog could not be read")
}

/// The catalog as a service with these settings has it, for a command that looks at it or decides something.
///
/// # Errors
/// The data folder or the database cannot be used.
pub async fn open_catalog(config: &Config, store: &Store, sandbox: &Sandbox) -> anyhow::Result<Plugins> {
    let host = this_host(&config.data_dir).context("the data folder cannot be written to")?;
    open_plugins(config, store, sandbox, host).await
}

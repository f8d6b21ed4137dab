//! A running service: creates its parts from the settings, connects them, serves and stops.

mod data_folder;
mod host_environment;

use std::{
    collections::BTreeMap,
    fs::{DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::Path,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use jackfield_api::{self as api};
use jackfield_core::Clock;
use jackfield_egress::{Egress, EgressConfig};
use jackfield_files::{ProcessUser, find_replacer};
use jackfield_sandbox::{Cache, Catalog, Sandbox, Trust};
use jackfield_service::{
    connections::{ConfiguredApps, Connections, ConnectionsSetup},
    people::{self, People},
    plugins::{FirstChecks, Plugins, PluginsSetup},
};
use jackfield_store::{OldRows, Store, StoreOptions, TrustedPlugins};
use jackfield_vault::{self as vault, KeyFileError, MayCreate, Vault};
use tokio::{net::TcpListener, task::JoinSet};
use url::Url;

pub use self::host_environment::HostEnvironment;
use crate::{config::Config, prometheus};

/// The purpose of the key that authenticates compiled components.
const COMPILED: &str = "compiled components";

/// A service that is ready to serve.
#[derive(Debug)]
pub struct App {
    store: Store,
    connections: Connections,
    people: People,
    plugins: Plugins,
    /// Whether the cache of compiled components belongs to this service alone.
    owns_cache: bool,
    server: api::Server,
    upkeep_interval: Duration,
    cleanup_interval: Duration,
    /// Marks the data folder as used while the service runs.
    _run_lock: Option<File>,
}

impl App {
    /// Opens the database, unlocks it with the master key, and loads the plugins.
    ///
    /// A master key that is missing or wrong is not an error, nor is a plugin that cannot be used: the service starts,
    /// and shows the problem.
    ///
    /// # Errors
    /// The data folder or the database cannot be used.
    pub async fn start(config: &Config, environment: HostEnvironment) -> anyhow::Result<Self> {
        let HostEnvironment { clock, egress_limits, checker, compiled, serving, upkeep_interval, cleanup_interval } =
            environment;
        for warning in config.warnings() {
            tracing::warn!("{warning}");
        }
        let metrics = prometheus::install();
        let store = open_store(config, clock.clone()).await?;
        if store.sealed_reason().is_none() {
            people::update_search_names(&store).await.context("cannot update the search names of people")?;
            people::update_email_keys(&store).await.context("cannot update the email addresses of people")?;
        }
        people::warn_about_shared_user_ids(&store).await.context("cannot read the people")?;
        let orphaned = store.delete_orphaned_secrets().await.context("cannot delete orphaned secrets")?;
        if orphaned > 0 {
            tracing::warn!(secrets = orphaned, "secrets without a connection were deleted");
        }
        let egress =
            EgressConfig { reroutes: config.egress_reroute.clone(), limits: egress_limits, clock: clock.clone() };
        let egress = Egress::new(egress).context("cannot set up outgoing requests")?;
        let owns_cache = compiled.is_none();
        let cache = component_cache(config, &store, compiled);
        let sandbox = Sandbox::with_checker(config.limits.clone(), egress.clone(), cache, checker)
            .map_err(|error| anyhow::anyhow!("cannot set up the sandbox: {error:#}"))?;
        if config.plugins_trust == Trust::Shipped(BTreeMap::new()) {
            tracing::warn!("no plugin digests were built into this program, so it approves no plugin automatically");
        }
        let (run, run_lock) = data_folder::start_run(&config.data_dir)
            .with_context(|| format!("cannot write to the data folder {}", config.data_dir.display()))?;
        let setup = plugins_setup(config, &store, &sandbox, run.host.clone(), FirstChecks::Running);
        let plugins = Plugins::start(setup).await.context(READ_PLUGINS)?;
        let catalog = plugins.catalog();
        if store.sealed_reason().is_none() {
            let recorded = plugins.configured_apps().record_approved(catalog).await;
            recorded.context("cannot record where the OAuth apps of the settings are sent")?;
        }
        let connections = Connections::new(ConnectionsSetup {
            store: store.clone(),
            catalog: Arc::clone(catalog),
            sandbox,
            egress: egress.clone(),
            clock: clock.clone(),
            requests_per_call: config.limits.requests,
            public_url: config.base_url(),
            configured_apps: plugins.configured_apps().clone(),
            run: run.clone(),
        });
        let people = People::new(store.clone(), connections.clone(), run);
        let state = api::ApiState {
            store: store.clone(),
            catalog: Arc::clone(catalog),
            plugins: plugins.clone(),
            clock: clock.clone(),
            people: people.clone(),
            connections: connections.clone(),
            metrics,
            events: api::Events::default(),
            host_names: host_names(config),
            trusted_proxies: config.serving.trusted_proxies.clone(),
            lifecycle: api::Lifecycle::default(),
            site: api::Site::new(&config.base_url()),
            started_at: clock.now(),
            public_url: config.base_url().as_str().into(),
            failed_attempts: api::FailedAttempts::default(),
            large_bodies: api::LargeBodies::default(),
            jwt: jwt_callers(config, &egress, &clock),
            oidc: sign_in_provider(config, &egress, &clock)
                .context("JACKFIELD_PUBLIC_URL cannot be used for sign-in")?,
        };
        Ok(Self {
            store,
            connections,
            people,
            plugins,
            owns_cache,
            server: api::Server::new(state, serving_limits(config, &serving)),
            upkeep_interval,
            cleanup_interval,
            _run_lock: run_lock,
        })
    }

    /// Returns the database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Serves until `stop` resolves.
    ///
    /// Then it serves for the delay that load balancers need, finishes the running requests and closes the database.
    /// When `stop_at_once` resolves, it waits for none of this.
    ///
    /// # Errors
    /// The listener fails permanently.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
        stop_at_once: impl Future<Output = ()>,
    ) -> io::Result<()> {
        // The tasks end with this function, so that none of them uses the database after it is closed.
        let mut tasks = JoinSet::new();
        tasks.spawn(run_upkeep(self.connections, self.store.clone(), self.upkeep_interval));
        let plugins = self.owns_cache.then(|| self.plugins.clone());
        tasks.spawn(run_cleanup(self.store.clone(), plugins, self.cleanup_interval));
        tasks.spawn(self.plugins.watch());
        let mut stop_at_once = pin!(stop_at_once);
        let mut is_at_once = false;
        let first = async {
            stop_at_once.as_mut().await;
            is_at_once = true;
        };
        let served = self.server.serve(listener, stop, first).await;
        if !is_at_once {
            tokio::select! {
                () = async {
                    tasks.shutdown().await;
                    self.people.stop_matches().await;
                    self.store.close().await;
                } => {}
                // A call may still use the database.
                () = stop_at_once => {}
            }
        }
        served
    }
}

#[cfg(feature = "testing")]
impl App {
    /// Returns the use cases of connections.
    #[must_use]
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Returns the use cases of plugins.
    #[must_use]
    pub fn plugins(&self) -> &Plugins {
        &self.plugins
    }

    /// Returns the catalog of plugins.
    #[must_use]
    pub fn catalog(&self) -> &Arc<Catalog> {
        self.plugins.catalog()
    }
}

/// Completes interrupted disconnects, refreshes due OAuth grants and removes expired sessions, at once and regularly.
async fn run_upkeep(connections: Connections, store: Store, interval: Duration) {
    let mut interval = tokio::time::interval(interval);
    loop {
        interval.tick().await;
        connections.complete_interrupted_disconnects().await;
        connections.refresh_due_grants().await;
        if let Err(error) = store.delete_expired_sessions().await {
            tracing::warn!(%error, "expired sessions were not removed");
        }
    }
}

/// Removes what is no longer needed, regularly; also from the cache of `plugins`, if there are any.
async fn run_cleanup(store: Store, plugins: Option<Plugins>, interval: Duration) {
    let mut interval = tokio::time::interval(interval);
    // The first tick is immediate.
    interval.tick().await;
    loop {
        interval.tick().await;
        if let Err(error) = store.delete_outdated().await {
            tracing::warn!(%error, "outdated rows were not removed");
        }
        if let Some(plugins) = &plugins {
            plugins.delete_unused_code().await;
        }
    }
}

/// Opens the database and unlocks it with the master key.
///
/// The first start creates both.
///
/// A key that cannot be used leaves the store sealed, with the reason.
///
/// # Errors
/// The data folder or the database cannot be used, or no key can be created safely for a new database.
pub async fn open_store(config: &Config, clock: Clock) -> anyhow::Result<Store> {
    let user = ProcessUser::current().trusting_owner_of(&config.data_dir);
    data_folder::prepare(&config.data_dir, &config.master_key_file, &user)?;
    let _lock = data_folder::lock_for_opening(&config.data_dir)?;
    let options = StoreOptions { url: config.database_url.expose().clone(), clock };
    let mut store = Store::open(options).await.context("cannot open the database")?;
    let may_create = if store.has_keys().await? { MayCreate::No } else { MayCreate::Yes };
    let key = match &config.master_key {
        Some(text) => vault::parse_base64(text.expose()),
        None => vault::load_or_create(&config.master_key_file, may_create, &user),
    };
    match key {
        Ok(key) => unlock(&mut store, Vault::new(key), config).await?,
        // A new service without a key could store nothing, not even a token to sign in with.
        Err(error @ KeyFileError::NotCreated(_)) => bail!(
            "cannot create {}, the file of the master key: {error}. This service runs as {user}",
            config.master_key_file.display()
        ),
        Err(error) => {
            tracing::error!(file = %config.master_key_file.display(), "master key was not loaded");
            store.seal_because(error.to_string());
        }
    }
    if let Some(reason) = store.sealed_reason() {
        tracing::error!(reason, "service started sealed: requests that need a secret are rejected");
    }
    Ok(store)
}

/// Unlocks the database, and remembers in the data folder that its rows have MACs and its secrets destinations.
///
/// A host that has seen the rows with MACs never authenticates rows without them again. Otherwise somebody with an old
/// copy of the database could put their own rows into it.
async fn unlock(store: &mut Store, vault: Vault, config: &Config) -> anyhow::Result<()> {
    let data_dir = &config.data_dir;
    let key_id = vault.key_id().to_owned();
    let old_rows = match data_folder::find_signed_rows(data_dir, &key_id)? {
        None if config.plugins_trust == Trust::All => OldRows::Adopt(TrustedPlugins::All),
        None => OldRows::Adopt(TrustedPlugins::Approved),
        Some(file) => OldRows::Reject(format!(
            "the rows of the database have no MACs, although this host has used a database with MACs before, so they \
             are not authenticated; if you restored an old backup, delete {} and start again, and then check the API \
             tokens that the audit log lists under token.adopt",
            file.display()
        )),
    };
    store.unlock(vault, old_rows).await?;
    if store.sealed_reason().is_none() {
        data_folder::record_signed_rows(data_dir, &key_id)?;
    }
    Ok(())
}

/// The context of an error while the plugins are opened.
const READ_PLUGINS: &str = "cannot read the plugins from the database";

/// Opens the plugins for a command, as a service with these settings would.
///
/// # Errors
/// The data folder or the database cannot be used.
pub async fn open_plugins(config: &Config, store: &Store, sandbox: &Sandbox) -> anyhow::Result<Plugins> {
    let setup = plugins_setup(config, store, sandbox, host_id(config)?, FirstChecks::All);
    Plugins::start(setup).await.context(READ_PLUGINS)
}

/// Opens one plugin for a decision about it, or only its version with this digest.
///
/// # Errors
/// The data folder or the database cannot be used.
pub async fn open_plugin(
    config: &Config,
    store: &Store,
    sandbox: &Sandbox,
    id: &str,
    digest: Option<&str>,
) -> anyhow::Result<Plugins> {
    let setup = plugins_setup(config, store, sandbox, host_id(config)?, FirstChecks::All);
    Plugins::start_for_decision(setup, id, digest).await.context(READ_PLUGINS)
}

fn host_id(config: &Config) -> anyhow::Result<String> {
    data_folder::host_id(&config.data_dir)
        .with_context(|| format!("cannot write to the data folder {}", config.data_dir.display()))
}

fn plugins_setup(
    config: &Config,
    store: &Store,
    sandbox: &Sandbox,
    host: String,
    first_checks: FirstChecks,
) -> PluginsSetup {
    PluginsSetup {
        store: store.clone(),
        catalog: Arc::new(Catalog::default()),
        sandbox: sandbox.clone(),
        trust: config.plugins_trust.clone(),
        configured_apps: ConfiguredApps::new(store.clone(), config.oauth_apps.clone()),
        folder: config.plugins_dir.clone(),
        user: ProcessUser::current().trusting_owner_of(&config.data_dir),
        host,
        first_checks,
    }
}

/// Returns the service's cache of compiled components for a command.
///
/// Only the user of the data folder writes to it, because the service cannot use the files of another user.
#[must_use]
pub fn command_cache(config: &Config, store: &Store) -> Cache {
    let Ok(vault) = store.require_unsealed() else { return Cache::none() };
    let (folder, key) = (config.data_dir.join("compiled"), vault.derive_key(COMPILED));
    let owner = std::fs::metadata(&config.data_dir).map(|metadata| metadata.uid());
    match owner.is_ok_and(|owner| owner == rustix::process::geteuid().as_raw()) {
        true => Cache::new(folder, key),
        false => Cache::read_only(folder, key),
    }
}

/// Returns the cache of an author's compiled components in a folder that nobody else can change.
///
/// # Errors
/// The folder or the key of the cache cannot be used, or others can change them.
pub fn author_cache(folder: &Path) -> anyhow::Result<Cache> {
    let user = ProcessUser::current();
    let mut builder = DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let key_file = folder.join("cache.key");
    if let Some((at, who)) = find_replacer(&key_file, &user)? {
        bail!("{who} can change {}, which leads to the cache in {}", at.display(), folder.display());
    }
    let key = vault::load_or_create(&key_file, MayCreate::Yes, &user).map_err(|_error| {
        // Its message is about the master key.
        anyhow::anyhow!("{} is not a key that only this user can read; delete it", key_file.display())
    })?;
    Ok(Cache::for_author(folder.join("compiled"), Vault::new(key).derive_key(COMPILED)))
}

/// Returns the cache of compiled components.
///
/// A sealed store has no key to authenticate the cache, so compiled components are not cached.
fn component_cache(config: &Config, store: &Store, compiled: Option<Cache>) -> Cache {
    match (store.require_unsealed(), compiled) {
        (Ok(_), Some(cache)) => cache,
        (Ok(vault), None) => Cache::new(config.data_dir.join("compiled"), vault.derive_key(COMPILED)),
        (Err(_sealed), _) => Cache::none(),
    }
}

/// Returns the limits of HTTP connections: those of the machine, and those that settings replace.
fn serving_limits(config: &Config, machine: &api::ServingLimits) -> api::ServingLimits {
    let settings = &config.serving;
    let stop = api::StopTimes { delay: settings.stop_delay, ..machine.stop };
    api::ServingLimits {
        keep_alive: settings.keep_alive,
        connections_per_address: settings.connections_per_address,
        stop,
        ..machine.clone()
    }
}

/// Returns the host names that requests may be sent to.
fn host_names(config: &Config) -> api::HostNames {
    let names = &config.serving.host_names;
    config.public_url.as_ref().and_then(Url::host_str).map_or_else(|| names.clone(), |name| names.with(name))
}

/// Returns the identity provider whose JWTs are accepted, if one is configured.
fn jwt_callers(config: &Config, egress: &Egress, clock: &Clock) -> Option<api::JwtCallers> {
    let provider = config.jwt.clone()?;
    let is_audience_of_id_tokens = config.oidc.as_ref().is_some_and(|oidc| {
        oidc.issuer.trim_end_matches('/') == provider.issuer.trim_end_matches('/')
            && oidc.client_id == provider.audience
    });
    let callers = api::JwtCallers::new(provider, egress.clone(), clock.clone());
    if !is_audience_of_id_tokens {
        return Some(callers);
    }
    tracing::warn!(
        "JACKFIELD_JWT_AUDIENCE is the client id of the console's sign-in, so only JWTs that are clearly access tokens \
         are accepted; give the API an audience of its own"
    );
    Some(callers.reject_id_tokens())
}

/// Returns the identity provider through which people sign in, if one is configured.
fn sign_in_provider(config: &Config, egress: &Egress, clock: &Clock) -> anyhow::Result<Option<api::Oidc>> {
    let Some(provider) = config.oidc.clone() else { return Ok(None) };
    let callback = config.base_url().join(api::OIDC_CALLBACK_PATH)?;
    Ok(Some(api::Oidc::new(provider, &callback, egress.clone(), clock.clone())?))
}

//! The use cases about plugins: how they are added, who approves them, and which version runs. No HTTP, no SQL.
//!
//! Decisions and components are stored in the database, so that all hosts of one database run the same versions. Each
//! host derives its catalog from the database and from its plugins folder, whenever one of them may have changed.

pub mod manifest_diff;
pub mod manifest_excess;
pub mod manifest_parts;
pub mod upgrade_risks;

mod auto_approval;
mod catalog_entries;
mod catalog_inputs;
mod catalog_refresh;
mod decisions;
mod file_checks;
mod folder;
mod imitation;
mod offers;
mod upload;
mod watch;

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use jackfield_core::Error;
use jackfield_files::ProcessUser;
use jackfield_sandbox::{Catalog, Sandbox, Trust};
use jackfield_store::Store;
use tokio::sync::{Mutex, Notify};

use self::catalog_inputs::{CatalogInputs, DecidedPlugin};
pub use self::{catalog_entries::is_downgrade, upload::UPLOAD_TIME};
use crate::connections::ConfiguredApps;

/// Finds, uploads, approves and removes plugins, and keeps the catalog up to date.
#[derive(Clone, Debug)]
pub struct Plugins(Arc<PluginsInner>);

#[derive(Debug)]
struct PluginsInner {
    setup: PluginsSetup,
    /// Why the plugins folder cannot be used, if it cannot.
    folder_problem: RwLock<Option<String>>,
    /// Locked by everything that changes the catalog.
    inputs: Mutex<CatalogInputs>,
    /// Notified when a file has to be checked.
    checks: Notify,
    /// The only plugin that is loaded; nothing if all are.
    only: Option<DecidedPlugin>,
}

/// What [`Plugins`] works with.
#[derive(Debug)]
pub struct PluginsSetup {
    pub store: Store,
    pub catalog: Arc<Catalog>,
    pub sandbox: Sandbox,
    pub trust: Trust,
    /// The OAuth apps that an approval permits to be sent to the endpoints of the approved version.
    pub configured_apps: ConfiguredApps,
    /// The plugins folder.
    pub folder: PathBuf,
    /// The user of this process, for the checks of the folder and its files.
    pub user: ProcessUser,
    /// The id of this host, from its data folder.
    pub host: String,
    /// Which files of the folder are checked before [`Plugins::start`] returns.
    pub first_checks: FirstChecks,
}

/// Which files of the plugins folder are checked before the catalog is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstChecks {
    /// All.
    All,
    /// Those that can run without a new approval, and small ones. [`Plugins::watch`] checks the others.
    Running,
}

impl Plugins {
    /// Reads the plugins folder and the database, and fills the catalog.
    ///
    /// A folder or a file that cannot be used is not an error: the catalog shows the problem.
    ///
    /// # Errors
    /// The database fails.
    pub async fn start(setup: PluginsSetup) -> Result<Self, Error> {
        let plugins = Self::new(setup, None);
        let listing = plugins.list_folder().await.unwrap_or_default();
        let mut inputs = plugins.0.inputs.lock().await;
        plugins.read_first(listing, &mut inputs).await?;
        plugins.refresh(&mut inputs).await?;
        drop(inputs);
        Ok(plugins)
    }

    /// Opens only one plugin, for a decision about it: its versions in the database, or the one with this digest.
    ///
    /// If the database does not contain the digest, the file of the plugins folder that has it is read. No other
    /// component is loaded, so the catalog shows nothing useful about other plugins.
    ///
    /// # Errors
    /// The database fails.
    pub async fn start_for_decision(setup: PluginsSetup, plugin: &str, digest: Option<&str>) -> Result<Self, Error> {
        let only = DecidedPlugin { id: plugin.to_owned(), digest: digest.map(str::to_owned) };
        let plugins = Self::new(setup, Some(only));
        let mut inputs = plugins.0.inputs.lock().await;
        if let Some(digest) = digest {
            plugins.read_file_with_digest(digest, &mut inputs).await?;
        }
        plugins.refresh(&mut inputs).await?;
        drop(inputs);
        Ok(plugins)
    }

    fn new(setup: PluginsSetup, only: Option<DecidedPlugin>) -> Self {
        let (folder_problem, inputs) = (RwLock::default(), Mutex::default());
        Self(Arc::new(PluginsInner { setup, folder_problem, inputs, checks: Notify::new(), only }))
    }

    /// Returns the catalog, which shows every plugin and its state.
    #[must_use]
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.0.setup.catalog
    }

    /// Returns the OAuth apps of the settings.
    #[must_use]
    pub fn configured_apps(&self) -> &ConfiguredApps {
        &self.0.setup.configured_apps
    }

    /// Returns why the plugins folder cannot be used, if it cannot.
    #[must_use]
    pub fn folder_problem(&self) -> Option<String> {
        self.0.folder_problem.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_sealed(&self) -> bool {
        self.0.setup.store.sealed_reason().is_some()
    }
}

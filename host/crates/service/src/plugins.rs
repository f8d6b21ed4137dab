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
use tokio::sync::Mutex;

pub use self::catalog_entries::is_downgrade;
use self::catalog_inputs::{CatalogInputs, PluginFile};
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
}

impl Plugins {
    /// Reads the plugins folder and the database, and fills the catalog.
    ///
    /// A folder or a file that cannot be used is not an error: the catalog shows the problem.
    ///
    /// # Errors
    /// The database fails.
    pub async fn start(setup: PluginsSetup) -> Result<Self, Error> {
        let plugins =
            Self(Arc::new(PluginsInner { setup, folder_problem: RwLock::default(), inputs: Mutex::default() }));
        let listing = plugins.list_folder().await.unwrap_or_default();
        let mut inputs = plugins.0.inputs.lock().await;
        for (name, stamp) in listing {
            let content = plugins.read_file(&name, &mut inputs.loaded).await;
            inputs.files.insert(name, PluginFile { stamp, content });
        }
        plugins.refresh(&mut inputs).await?;
        drop(inputs);
        Ok(plugins)
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

//! What the commands that decide about a provider share: the catalog that they open, and what they say at the end.

use std::sync::Arc;

use anyhow::bail;
use jackfield::app;
use jackfield_core::{Clock, audit::Actor};
use jackfield_sandbox::{PluginEntry, PluginState};
use jackfield_service::plugins::Plugins;

use super::{say, settings};

/// Opens the catalog, lets something be decided, and says how the provider stands then.
pub(super) async fn with(
    decide: impl AsyncFnOnce(&Plugins, &Actor) -> anyhow::Result<Option<Arc<PluginEntry>>>,
) -> anyhow::Result<()> {
    let config = settings()?;
    let store = app::open_store(&config, Clock::system()).await?;
    let done = async {
        if let Some(reason) = store.sealed_reason() {
            bail!("{reason}");
        }
        let plugins = app::open_catalog(&config, &store, &super::sandbox()?).await?;
        let name = || "command line".to_owned();
        let actor = Actor { id: name(), name: name(), origin: None, request_id: None };
        decide(&plugins, &actor).await
    };
    let done = done.await;
    store.close().await;
    if let Some(entry) = done? {
        let version = entry.manifest().map_or("-", |manifest| manifest.version.as_str());
        let state = match &entry.state {
            PluginState::Approved => "approved",
            PluginState::Pending => "pending",
            PluginState::Disabled => "disabled",
            PluginState::Broken(_) => "broken",
        };
        say(&format!("{} {version} {state}  sha256 {}", entry.id, entry.digest.as_deref().unwrap_or("-")));
    }
    Ok(())
}

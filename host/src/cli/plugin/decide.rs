//! `jackfield plugin approve`, `disable` and `rollback`: decisions about a plugin.
//!
//! A running service follows a decision within a second.

use std::sync::Arc;

use anyhow::bail;
use jackfield::app;
use jackfield_core::Clock;
use jackfield_sandbox::{PluginEntry, PluginState};
use jackfield_service::{connections::StoredDestinations, plugins::Plugins};
use jackfield_store::Store;

use super::{command_line, load_settings, print_line, sandbox};

pub(super) async fn approve(id: &str, digest: &str) -> anyhow::Result<()> {
    with_plugins(async |plugins, store| {
        for consequence in describe_consequences(plugins, store, id, digest).await? {
            print_line(&consequence);
        }
        Ok(plugins.approve(id, digest, &command_line()).await?)
    })
    .await
}

pub(super) async fn disable(id: &str) -> anyhow::Result<()> {
    with_plugins(async |plugins, _| Ok(plugins.disable(id, &command_line()).await?)).await
}

pub(super) async fn rollback(id: &str) -> anyhow::Result<()> {
    with_plugins(async |plugins, _| Ok(plugins.rollback(id, &command_line()).await?)).await
}

/// Opens the database, makes a decision, and prints the new state of the plugin.
async fn with_plugins(
    decide: impl AsyncFnOnce(&Plugins, &Store) -> anyhow::Result<Arc<PluginEntry>>,
) -> anyhow::Result<()> {
    let config = load_settings()?;
    let store = app::open_store(&config, Clock::system()).await?;
    let decided = async {
        if let Some(reason) = store.sealed_reason() {
            bail!("{reason}");
        }
        decide(&app::open_plugins(&config, &store, &sandbox()?).await?, &store).await
    };
    let decided = decided.await;
    store.close().await;
    print_entry(&*decided?);
    Ok(())
}

/// Returns which stored secrets have to be entered again before a version gets them, and whether the OAuth app of the
/// settings would be sent to other endpoints than before.
async fn describe_consequences(
    plugins: &Plugins,
    store: &Store,
    id: &str,
    digest: &str,
) -> anyhow::Result<Vec<String>> {
    let Some(entry) = plugins.catalog().entry(id) else { return Ok(Vec::new()) };
    let components = entry.waiting.iter().map(|version| &version.component).chain(&entry.component);
    let stored = StoredDestinations::read(store, plugins.configured_apps()).await?;
    let Some(chosen) = components.into_iter().find(|component| component.digest == digest) else {
        return Ok(Vec::new());
    };
    let needed = stored.needed_again(&chosen.manifest).into_iter();
    let needed = needed.map(|needed| format!("connect again after the approval: {needed}"));
    Ok(stored.find_risk(&chosen.manifest).into_iter().map(|risk| risk.what).chain(needed).collect())
}

fn print_entry(entry: &PluginEntry) {
    let version = entry.manifest().map_or("-", |manifest| manifest.version.as_str());
    let state = match &entry.state {
        PluginState::Approved => "approved",
        PluginState::Pending => "pending",
        PluginState::Disabled => "disabled",
        PluginState::Broken(_) => "broken",
    };
    print_line(&format!("{} {version} {state}  sha256 {}", entry.id, entry.digest.as_deref().unwrap_or("-")));
}

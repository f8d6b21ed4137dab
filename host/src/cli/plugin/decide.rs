//! `jackfield plugin approve`, `disable`, `rollback` and `remove`: decisions about a plugin.
//!
//! A running service follows a decision within a second.

use anyhow::bail;
use jackfield::app;
use jackfield_core::Clock;
use jackfield_sandbox::PluginEntry;
use jackfield_service::{connections::StoredDestinations, plugins::Plugins};
use jackfield_store::Store;

use super::{catalog_sandbox, command_line, list::describe_state, load_settings, print_line};

pub(super) async fn approve(id: &str, digest: &str) -> anyhow::Result<()> {
    let approve = async |plugins: &Plugins, store: &Store| {
        for consequence in describe_consequences(plugins, store, id, digest).await? {
            print_line(&consequence);
        }
        Ok(plugins.approve(id, digest, &command_line()).await?)
    };
    print_entry(&*with_plugin(id, Some(digest), approve).await?);
    Ok(())
}

pub(super) async fn disable(id: &str) -> anyhow::Result<()> {
    print_entry(&*with_plugin(id, None, async |plugins, _| Ok(plugins.disable(id, &command_line()).await?)).await?);
    Ok(())
}

pub(super) async fn rollback(id: &str) -> anyhow::Result<()> {
    print_entry(&*with_plugin(id, None, async |plugins, _| Ok(plugins.rollback(id, &command_line()).await?)).await?);
    Ok(())
}

pub(super) async fn remove(id: &str) -> anyhow::Result<()> {
    let left = with_plugin(id, None, async |plugins, _| Ok(plugins.remove(id, &command_line()).await?)).await?;
    match left {
        None => print_line(&format!("{id} removed")),
        // Jackfield does not change the plugins folder.
        Some(entry) => {
            print_line(&format!("{id} removed; its file in the plugins folder waits for approval again"));
            print_entry(&entry);
        }
    }
    Ok(())
}

/// Opens the database and makes a decision about one plugin. No other component is loaded.
async fn with_plugin<T>(
    id: &str,
    digest: Option<&str>,
    decide: impl AsyncFnOnce(&Plugins, &Store) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let config = load_settings()?;
    let store = app::open_store(&config, Clock::system()).await?;
    let decided = async {
        if let Some(reason) = store.sealed_reason() {
            bail!("{reason}");
        }
        let sandbox = catalog_sandbox(&config, &store)?;
        decide(&app::open_plugin(&config, &store, &sandbox, id, digest).await?, &store).await
    };
    let decided = decided.await;
    store.close().await;
    decided
}

/// Returns which fields have to be entered before a version can use the stored connection, and whether the OAuth app of the
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
    let needed = stored.needed_again(&chosen.manifest).into_iter().chain(stored.missing_fields(&chosen.manifest));
    let needed = needed.map(|needed| format!("connect again after the approval: {needed}"));
    Ok(stored.find_risk(&chosen.manifest).into_iter().map(|risk| risk.what).chain(needed).collect())
}

fn print_entry(entry: &PluginEntry) {
    let version = entry.manifest().map_or("-", |manifest| manifest.version.as_str());
    let (state, _) = describe_state(&entry.state);
    print_line(&format!("{} {version} {state}  sha256 {}", entry.id, entry.digest.as_deref().unwrap_or("-")));
    print_line("a running service follows within a second");
}

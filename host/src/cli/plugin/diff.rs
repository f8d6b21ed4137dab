//! `jackfield plugin diff`: shows what a waiting version changes.

use anyhow::{Context, bail};
use clap::Args;
use jackfield::app;
use jackfield_core::Clock;
use jackfield_sandbox::{find_risks, to_displayable};

use super::{catalog_sandbox, format_risk, list, load_settings, print_line};

#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// Id of the plugin
    id: String,
    /// SHA-256 digest of the waiting version; not needed if only one waits
    #[arg(long)]
    digest: Option<String>,
}

pub(super) async fn run(arguments: &DiffArguments) -> anyhow::Result<()> {
    let config = load_settings()?;
    let store = app::open_store(&config, Clock::system()).await?;
    let opened =
        async { app::open_plugin(&config, &store, &catalog_sandbox(&config, &store)?, &arguments.id, None).await };
    let opened = opened.await;
    store.close().await;
    let DiffArguments { id, digest } = arguments;
    let catalog = std::sync::Arc::clone(opened?.catalog());
    let entry = catalog.entry(id).with_context(|| format!("there is no provider `{id}`"))?;
    let is_asked = |of: &str| digest.as_deref().is_none_or(|digest| digest == of);
    let mut waiting = entry.waiting.iter().filter(|version| is_asked(&version.component.digest));
    let Some(version) = waiting.next() else { bail!("no version of `{id}` waits for approval") };
    if waiting.next().is_some() {
        bail!(
            "several versions of `{id}` wait for approval; choose one with --digest, as `jackfield plugin list --json` shows it"
        );
    }
    let manifest = to_displayable(&version.component.manifest);
    let mut lines = vec![format!("{id} {}  sha256 {}", manifest.version, version.component.digest)];
    if let Some(why) = version.objection() {
        lines.push(format!("cannot be approved: {why}"));
    }
    lines.extend(find_risks(&manifest).iter().map(format_risk));
    let changes = list::find_changes(&entry, version);
    if changes.is_empty() {
        lines.push("it changes nothing that has to be approved".to_owned());
    }
    lines.extend(changes.into_iter().map(|change| format!("  {change}")));
    print_line(&lines.join("\n"));
    Ok(())
}

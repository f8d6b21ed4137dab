//! `jackfield plugin list`: lists all plugins and their states.

use clap::Args;
use jackfield_sandbox::PluginState;
use serde_json::json;

use super::{load_catalog, print_line, sandbox};

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &ListArguments) -> anyhow::Result<()> {
    let entries = load_catalog(&sandbox()?).await?.entries();
    if arguments.json {
        let view: Vec<_> = entries
            .iter()
            .map(|entry| {
                let version = entry.manifest().map(|manifest| &manifest.version);
                json!({ "id": entry.id, "file": entry.file, "digest": entry.digest, "version": version, "state": entry.state })
            })
            .collect();
        print_line(&serde_json::to_string_pretty(&view)?);
        return Ok(());
    }
    for entry in entries {
        let (state, reason) = match &entry.state {
            PluginState::Approved => ("approved", ""),
            PluginState::Pending => ("pending", ""),
            PluginState::Disabled => ("disabled", ""),
            PluginState::Broken(reason) => ("broken", reason.as_str()),
        };
        let version = entry.manifest().map_or("-", |manifest| manifest.version.as_str());
        print_line(format!("{:<20}  {version:<10}  {state:<9} {reason}", entry.id).trim_end());
    }
    Ok(())
}

//! `jackfield plugin list`: lists all plugins with their states, and the versions that wait for approval.

use clap::Args;
use jackfield_sandbox::{PluginEntry, PluginState, WaitingVersion};
use jackfield_service::plugins::manifest_diff::ManifestDiff;
use serde_json::{Value, json};

use super::{load_catalog, print_line};

/// Length of the part of a digest that a list shows, in characters.
const SHORT_DIGEST: usize = 12;

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &ListArguments) -> anyhow::Result<()> {
    let entries = load_catalog().await?.entries();
    if arguments.json {
        let view: Vec<_> = entries.iter().map(|entry| to_json(entry)).collect();
        print_line(&serde_json::to_string_pretty(&view)?);
        return Ok(());
    }
    for entry in &entries {
        print_line(&to_text(entry));
    }
    Ok(())
}

/// Returns the name of a state and the reason for it, which is empty if there is none.
pub(super) fn describe_state(state: &PluginState) -> (&'static str, &str) {
    match state {
        PluginState::Approved => ("approved", ""),
        PluginState::Pending => ("pending", ""),
        PluginState::Disabled => ("disabled", ""),
        PluginState::Broken(reason) => ("broken", reason),
        PluginState::Checking(reason) => ("checking", reason),
    }
}

fn to_json(entry: &PluginEntry) -> Value {
    let version = entry.manifest().map(|manifest| &manifest.version);
    let waiting: Vec<Value> = entry
        .waiting
        .iter()
        .map(|waiting| {
            json!({
                "file": waiting.file,
                "digest": waiting.component.digest,
                "version": waiting.component.manifest.version,
                "objection": waiting.objection(),
                "changes": find_changes(entry, waiting),
            })
        })
        .collect();
    json!({
        "id": entry.id, "file": entry.file, "digest": entry.digest, "version": version, "state": entry.state,
        "waiting": waiting,
    })
}

fn to_text(entry: &PluginEntry) -> String {
    let (state, reason) = describe_state(&entry.state);
    let version = entry.manifest().map_or("-", |manifest| manifest.version.as_str());
    let digest: String = entry.digest.as_deref().unwrap_or("-").chars().take(SHORT_DIGEST).collect();
    let mut lines = vec![format!("{:<20}  {version:<10}  {state:<9} {digest:<12}  {reason}", entry.id)];
    for waiting in &entry.waiting {
        let digest: String = waiting.component.digest.chars().take(SHORT_DIGEST).collect();
        let what = match (waiting.objection(), find_changes(entry, waiting).len()) {
            (Some(why), _) => format!("cannot be approved: {why}"),
            (None, 0) => "waits for approval".to_owned(),
            (None, changes) => format!("waits for approval, changes: {changes}"),
        };
        let version = &waiting.component.manifest.version;
        lines.push(format!("{:<20}  {version:<10}  {:<9} {digest:<12}  {what}", "", "waiting"));
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// Returns what a waiting version changes, in sentences. Empty if no version was approved before.
pub(super) fn find_changes(entry: &PluginEntry, waiting: &WaitingVersion) -> Vec<String> {
    let is_decided = matches!(entry.state, PluginState::Approved | PluginState::Disabled);
    let approved = entry.manifest().filter(|_| is_decided);
    approved.map_or_else(Vec::new, |approved| ManifestDiff::between(approved, &waiting.component.manifest).words)
}

//! `jackfield plugin`: what lies in the plugins' folder, and what a component asks for.

use std::{fmt::Write as _, path::PathBuf};

use clap::Subcommand;
use jackfield::{
    egress::{Egress, EgressConfig},
    model::manifest::{Auth, CredentialSource, Manifest, Place},
    sandbox::{
        Cache, Catalog, Limits, Pooling, Sandbox,
        catalog::{Entry, State, endpoint_lines, inspect},
    },
};
use serde_json::json;

use super::{say, settings};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the components in the plugins' folder and whether each may run
    List {
        #[arg(long)]
        json: bool,
    },
    /// Show what a component is and all that it asks for
    Inspect {
        file: PathBuf,
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    let sandbox = sandbox()?;
    match command {
        Command::List { json } => {
            let config = settings()?;
            list(&Catalog::scan(&sandbox, &config.plugins_dir, &config.plugins_trust).await.entries(), json)
        }
        Command::Inspect { file, json } => {
            let component = inspect(&sandbox, &file).await?;
            if json {
                let view = json!({ "digest": component.digest, "manifest": component.manifest.as_ref() });
                say(&serde_json::to_string_pretty(&view)?);
            } else {
                say(&in_words(&component.digest, &component.manifest));
            }
            Ok(())
        }
    }
}

/// A sandbox that looks at components and runs none of their operations.
pub(super) fn sandbox() -> anyhow::Result<Sandbox> {
    let limits = Limits { pooling: Pooling::Never, ..Limits::default() };
    let egress = Egress::new(EgressConfig::default())?;
    Sandbox::new(limits, egress, Cache::none()).map_err(|error| anyhow::anyhow!("{error:#}"))
}

fn list(entries: &[std::sync::Arc<Entry>], json: bool) -> anyhow::Result<()> {
    if json {
        let view: Vec<_> = entries
            .iter()
            .map(|entry| {
                let version = entry.manifest().map(|manifest| &manifest.version);
                json!({ "id": entry.id, "file": entry.file, "digest": entry.digest, "version": version, "state": entry.state })
            })
            .collect();
        say(&serde_json::to_string_pretty(&view)?);
        return Ok(());
    }
    for entry in entries {
        let (state, reason) = match &entry.state {
            State::Approved => ("approved", ""),
            State::Pending => ("pending", ""),
            State::Broken(reason) => ("broken", reason.as_str()),
        };
        let version = entry.manifest().map_or("-", |manifest| manifest.version.as_str());
        say(format!("{:<20}  {version:<10}  {state:<9} {reason}", entry.id).trim_end());
    }
    Ok(())
}

/// A manifest as an administrator reads it before approving.
fn in_words(digest: &str, manifest: &Manifest) -> String {
    let mut text = format!("{} {} ({})\nsha256 {digest}\n", manifest.title, manifest.version, manifest.id);
    let connects = match &manifest.auth {
        Auth::Fields => "by the fields below".to_owned(),
        Auth::OAuth2(grant) => format!("by OAuth at {} for {}", grant.authorize_url, grant.scopes.join(" ")),
        Auth::ServiceAccount(grant) => format!("by a service account's key at {}", grant.token_url),
    };
    // Writing to a String does not fail.
    let _ = writeln!(text, "connects {connects}\n\nfields");
    for field in &manifest.fields {
        let secret = if field.secret { ", secret" } else { "" };
        let required = if field.required { ", required" } else { "" };
        let _ = writeln!(text, "  {}: {}{secret}{required}", field.name, field.label);
    }
    let _ = writeln!(text, "\nmay call, and nothing else");
    for (line, endpoint) in endpoint_lines(manifest).iter().zip(&manifest.endpoints) {
        let credential = endpoint.credential.as_ref().map_or_else(
            || "without a credential".to_owned(),
            |attachment| format!("with {} {}", source(&attachment.source), place(&attachment.place)),
        );
        let _ = writeln!(text, "  {line}  {credential}");
    }
    text.trim_end().to_owned()
}

fn source(source: &CredentialSource) -> String {
    match source {
        CredentialSource::Field(name) => format!("`{name}`"),
        CredentialSource::OAuthToken => "the OAuth access token".to_owned(),
        CredentialSource::Minted { scopes, .. } => format!("a token for {}", scopes.join(" ")),
    }
}

fn place(place: &Place) -> String {
    match place {
        Place::Header { name, format } => format!("as `{name}: {format}`"),
        Place::Basic(_) => "as the password of HTTP Basic".to_owned(),
        Place::Query(key) => format!("as the query's `{key}`"),
        Place::Form(key) => format!("as the form's `{key}`"),
        Place::Json(pointer) => format!("at `{pointer}` of the JSON body"),
        Place::Hmac(place) => place.words(),
        Place::Aws(place) => place.words(),
        Place::Jwt(place) => place.words(),
    }
}

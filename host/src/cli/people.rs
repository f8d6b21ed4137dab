//! `jackfield people`: imports people from a CSV file.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Subcommand;
use jackfield::app;
use jackfield_core::{Clock, Error, RowError};
use jackfield_service::people;
use jackfield_store::{ImportCounts, Store};
use serde_json::json;

use super::{command_line, load_settings, print_line};

/// Maximum size of a file in bytes, as in the API.
const MAX_FILE: u64 = 32 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum PeopleCommand {
    /// Import a CSV file with the columns name and email, and optionally user_id and active: all rows, or none
    Import {
        /// CSV file to import
        file: PathBuf,
        /// Print the counts, or the errors by line, as JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: PeopleCommand) -> anyhow::Result<()> {
    let PeopleCommand::Import { file, json } = command;
    let file = read(&file)?;
    let store = app::open_store(&load_settings()?, Clock::system()).await?;
    let imported = import(&store, file.into(), json).await;
    store.close().await;
    imported
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let length = std::fs::metadata(path).with_context(|| format!("cannot read {shown}"))?.len();
    if length > MAX_FILE {
        bail!("{shown} is larger than {} MiB; split it into several files", MAX_FILE >> 20);
    }
    std::fs::read(path).with_context(|| format!("cannot read {shown}"))
}

async fn import(store: &Store, file: Bytes, json: bool) -> anyhow::Result<()> {
    match people::import(store, file, &command_line()).await {
        Ok(counts) if json => {
            print_line(&to_json(counts, &[]));
            Ok(())
        }
        Ok(ImportCounts { created, updated, unchanged }) => {
            print_line(&format!("{created} created, {updated} updated, {unchanged} unchanged"));
            Ok(())
        }
        Err(Error::InvalidRows(errors)) => {
            if json {
                print_line(&to_json(ImportCounts::default(), &errors));
                bail!("the file has errors; nothing was imported");
            }
            let lines: Vec<String> =
                errors.iter().map(|error| format!("line {}: {}: {}", error.line, error.field, error.message)).collect();
            bail!("the file has errors; nothing was imported\n{}", lines.join("\n"))
        }
        Err(error) => Err(error.into()),
    }
}

fn to_json(counts: ImportCounts, errors: &[RowError]) -> String {
    let ImportCounts { created, updated, unchanged } = counts;
    json!({ "created": created, "updated": updated, "unchanged": unchanged, "errors": errors }).to_string()
}

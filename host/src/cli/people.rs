//! `jackfield people`: takes the company's people in from a CSV file.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Subcommand;
use jackfield::app;
use jackfield_core::{Clock, Error, RowError, audit::Actor};
use jackfield_service::people;
use jackfield_store::{ImportCounts, Store};
use serde_json::json;

use super::{say, settings};

/// Bytes of a file, as many as the API takes.
const FILE: u64 = 32 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Take a CSV file in, whole or not at all; the columns are name, email and, where wanted, user_id and active
    Import {
        file: PathBuf,
        /// Print what was done, or what is wrong with which line, as JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    let Command::Import { file, json } = command;
    let file = read(&file)?;
    let store = app::open_store(&settings()?, Clock::system()).await?;
    let done = import(&store, file.into(), json).await;
    store.close().await;
    done
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let length = std::fs::metadata(path).with_context(|| format!("{shown} cannot be read"))?.len();
    if length > FILE {
        bail!("{shown} is larger than {} MiB; give it in parts", FILE >> 20);
    }
    std::fs::read(path).with_context(|| format!("{shown} cannot be read"))
}

async fn import(store: &Store, file: Bytes, json: bool) -> anyhow::Result<()> {
    let actor =
        Actor { id: "command line".to_owned(), name: "command line".to_owned(), origin: None, request_id: None };
    match people::import(store, file, &actor).await {
        Ok(imported) if json => {
            say(&shown(imported, &[]));
            Ok(())
        }
        Ok(ImportCounts { created, updated, unchanged }) => {
            say(&format!("{created} created, {updated} updated, {unchanged} unchanged"));
            Ok(())
        }
        Err(Error::InvalidRows(errors)) => {
            if json {
                say(&shown(ImportCounts::default(), &errors));
                bail!("the file has errors, and nothing was stored");
            }
            let lines: Vec<String> =
                errors.iter().map(|error| format!("line {}: {}: {}", error.line, error.field, error.message)).collect();
            bail!("the file has errors, and nothing was stored\n{}", lines.join("\n"))
        }
        Err(error) => Err(error.into()),
    }
}

fn shown(imported: ImportCounts, errors: &[RowError]) -> String {
    let ImportCounts { created, updated, unchanged } = imported;
    json!({ "created": created, "updated": updated, "unchanged": unchanged, "errors": errors }).to_string()
}

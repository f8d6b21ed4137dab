//! `jackfield openapi`: prints the description of the API that a service with these settings gives.

use jackfield_api::openapi;

use super::{plugin, say};

pub(super) async fn run() -> anyhow::Result<()> {
    let catalog = plugin::catalog(&plugin::sandbox()?).await?;
    say(&serde_json::to_string_pretty(&openapi::of_catalog(&catalog))?);
    Ok(())
}

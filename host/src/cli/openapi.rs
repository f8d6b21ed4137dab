//! `jackfield openapi`: prints the description of the API that a service with these settings gives.

use jackfield::{api::openapi, sandbox::Catalog};

use super::{plugin, say, settings};

pub(super) async fn run() -> anyhow::Result<()> {
    let config = settings()?;
    let catalog = Catalog::scan(&plugin::sandbox()?, &config.plugins_dir, &config.plugins_trust).await;
    say(&serde_json::to_string_pretty(&openapi::of_catalog(&catalog))?);
    Ok(())
}

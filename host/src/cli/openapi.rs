//! `jackfield openapi`: prints the OpenAPI document of a service with these settings.

use jackfield_api::openapi_document;

use super::{plugin, print_line};

pub(super) async fn run() -> anyhow::Result<()> {
    let catalog = plugin::load_catalog().await?;
    print_line(&serde_json::to_string_pretty(&openapi_document(&catalog))?);
    Ok(())
}

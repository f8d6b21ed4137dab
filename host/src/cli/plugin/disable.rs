//! `jackfield plugin disable ID`: takes a provider out of use; its connection is kept.

use super::decided;

/// Disables it. A service that runs takes it up within a second.
pub(super) async fn run(id: &str) -> anyhow::Result<()> {
    decided::with(async |plugins, actor| Ok(Some(plugins.disable(id, actor).await?))).await
}

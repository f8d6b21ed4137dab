//! `jackfield plugin approve ID --digest D`: approves a version that waits, by the digest that was looked at.

use super::decided;

/// Approves it. A service that runs takes it up within a second.
pub(super) async fn run(id: &str, digest: &str) -> anyhow::Result<()> {
    decided::with(async |plugins, actor| Ok(Some(plugins.approve(id, digest, actor).await?))).await
}

//! `jackfield plugin rollback ID`: goes back to the version that was approved before.

use super::decided;

/// Goes back. A service that runs takes it up within a second.
pub(super) async fn run(id: &str) -> anyhow::Result<()> {
    decided::with(async |plugins, actor| Ok(Some(plugins.rollback(id, actor).await?))).await
}

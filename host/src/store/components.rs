//! What each component said of itself, by the digest of its bytes: said once, stored, and held to.

use sqlx::Row;

use super::{Store, StoreError};
use crate::model::manifest::Manifest;

impl Store {
    /// Stores what a component said of itself, or gives back what it said the first time.
    ///
    /// # Errors
    /// The database fails, or the stored manifest can not be read.
    pub async fn remember_manifest(&self, digest: &str, manifest: &Manifest) -> Result<Manifest, StoreError> {
        let text = serde_json::to_string(manifest).map_err(|_| StoreError::Corrupt("a manifest"))?;
        sqlx::query(
            "insert into components (digest, provider, version, manifest, first_seen_at) values ($1, $2, $3, $4, $5) \
             on conflict (digest) do nothing",
        )
        .bind(digest.to_owned())
        .bind(manifest.id.clone())
        .bind(manifest.version.clone())
        .bind(text)
        .bind(self.now())
        .execute(&self.pool)
        .await?;
        let row = sqlx::query("select manifest from components where digest = $1")
            .bind(digest.to_owned())
            .fetch_one(&self.pool)
            .await?;
        let stored: String = row.try_get("manifest")?;
        serde_json::from_str(&stored).map_err(|_| StoreError::Corrupt("a manifest"))
    }
}

//! The components of plugins by digest, and which of them are offered for approval.

use jackfield_core::manifest::Manifest;
use sqlx::{Row, any::AnyRow};

use super::{MAX_COUNTER, NewAudit, Store, StoreError, audit::lock_audit, database::transaction::WriteTransaction};

/// A component to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewComponent<'a> {
    pub digest: &'a str,
    pub manifest: &'a Manifest,
    pub bytes: &'a [u8],
}

/// Where an offered component comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfferSource {
    /// An Executive uploaded it.
    Api,
    /// It is in the plugins folder of a host.
    Folder { host: String, file: String },
}

/// A component that is offered for approval.
#[derive(Clone, Debug)]
pub struct Offer {
    pub digest: String,
    pub provider: String,
    pub source: OfferSource,
    /// The manifest that was recorded first. Absent if this version cannot parse it.
    pub manifest: Option<Manifest>,
}

/// The prefix of a stored source that names a host.
const HOST_PREFIX: &str = "host:";

impl OfferSource {
    fn to_stored(&self) -> (String, Option<String>) {
        match self {
            Self::Api => ("api".to_owned(), None),
            Self::Folder { host, file } => (format!("{HOST_PREFIX}{host}"), Some(file.clone())),
        }
    }

    fn from_stored(from: &str, file: Option<String>) -> Self {
        match from.strip_prefix(HOST_PREFIX) {
            Some(host) => Self::Folder { host: host.to_owned(), file: file.unwrap_or_default() },
            None => Self::Api,
        }
    }
}

impl Store {
    /// Stores a component and offers it for approval.
    ///
    /// A manifest or bytes that are already stored are not replaced.
    pub async fn offer(
        &self,
        component: NewComponent<'_>,
        source: &OfferSource,
        audit: Option<NewAudit>,
    ) -> Result<(), StoreError> {
        let manifest = serde_json::to_string(component.manifest).map_err(|_| StoreError::Corrupt("a manifest"))?;
        let (from, file) = source.to_stored();
        let mut transaction = self.begin().await?;
        let audited = match audit {
            Some(audit) => Some((lock_audit(&mut transaction).await?, audit)),
            None => None,
        };
        sqlx::query(
            "insert into components (digest, provider, version, manifest, first_seen_at) values ($1, $2, $3, $4, $5) \
             on conflict (digest) do nothing",
        )
        .bind(component.digest.to_owned())
        .bind(component.manifest.id.clone())
        .bind(component.manifest.version.clone())
        .bind(manifest)
        .bind(self.now())
        .execute(&mut *transaction)
        .await?;
        sqlx::query("update components set bytes = $1 where digest = $2 and bytes is null")
            .bind(component.bytes.to_owned())
            .bind(component.digest.to_owned())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("update components set offered_from = $1, offered_file = $2 where digest = $3")
            .bind(from)
            .bind(file)
            .bind(component.digest.to_owned())
            .execute(&mut *transaction)
            .await?;
        increment_revision(&mut transaction).await?;
        if let Some((head, audit)) = audited {
            self.append_audit(&mut transaction, head, audit).await?;
        }
        transaction.commit().await
    }

    /// Ends the offer of a component that is no longer in the folder of a host.
    ///
    /// Deletes its bytes unless somebody has decided about it.
    pub async fn end_offer(&self, host: &str, digest: &str) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let ended = sqlx::query(
            "update components set offered_from = null, offered_file = null where digest = $1 and offered_from = $2",
        )
        .bind(digest.to_owned())
        .bind(format!("{HOST_PREFIX}{host}"))
        .execute(&mut *transaction)
        .await?;
        if ended.rows_affected() > 0 {
            delete_unused_bytes(&mut transaction).await?;
            increment_revision(&mut transaction).await?;
        }
        transaction.commit().await
    }

    /// Lists all offered components.
    pub async fn offers(&self) -> Result<Vec<Offer>, StoreError> {
        let rows = sqlx::query(
            "select digest, provider, manifest, offered_from, offered_file from components \
             where offered_from is not null order by first_seen_at, digest",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(self.parse_readable("components", &rows, |row| {
            let from: String = row.try_get("offered_from")?;
            // Without a manifest, the component is listed with the reason why it cannot be approved.
            let manifest: Option<String> = row.try_get("manifest").unwrap_or_default();
            Ok(Offer {
                digest: row.try_get("digest")?,
                provider: row.try_get("provider")?,
                source: OfferSource::from_stored(&from, row.try_get("offered_file").unwrap_or_default()),
                manifest: manifest.and_then(|manifest| serde_json::from_str(&manifest).ok()),
            })
        }))
    }

    /// Returns the bytes of a component, if they are stored.
    ///
    /// The caller must compare their digest, because somebody may have changed the database.
    pub async fn component_bytes(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("select bytes from components where digest = $1")
            .bind(digest.to_owned())
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.and_then(|row| row.try_get("bytes").unwrap_or_default()))
    }

    /// Returns the revision of the catalog, which every change on any host increments.
    pub async fn catalog_revision(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("select revision from catalog_changes where id = 1").fetch_optional(&self.pool).await?;
        Ok(parse_revision(row.as_ref()))
    }
}

/// Returns the stored revision. One that was edited or deleted counts as 0, and the next change replaces it.
fn parse_revision(row: Option<&AnyRow>) -> i64 {
    let revision: Option<i64> = row.and_then(|row| row.try_get("revision").ok());
    revision.filter(|revision| (0..MAX_COUNTER).contains(revision)).unwrap_or_default()
}

/// Increments the revision of the catalog, so that every host reads it again. Returns the revision before.
pub(super) async fn increment_revision(transaction: &mut WriteTransaction) -> Result<i64, StoreError> {
    // It locks the row, so that the revision does not change after it was read.
    sqlx::query("insert into catalog_changes (id, revision) values (1, 0) on conflict (id) do update set id = 1")
        .execute(&mut **transaction)
        .await?;
    let row =
        sqlx::query("select revision from catalog_changes where id = 1").fetch_optional(&mut **transaction).await?;
    let before = parse_revision(row.as_ref());
    sqlx::query("update catalog_changes set revision = $1 where id = 1")
        .bind(before.saturating_add(1))
        .execute(&mut **transaction)
        .await?;
    Ok(before)
}

/// Deletes the bytes of components that are not offered and that nobody has decided about.
pub(super) async fn delete_unused_bytes(transaction: &mut WriteTransaction) -> Result<(), StoreError> {
    sqlx::query(
        "update components set bytes = null where bytes is not null and offered_from is null and not exists \
         (select 1 from plugin_approvals where plugin_approvals.digest = components.digest)",
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
